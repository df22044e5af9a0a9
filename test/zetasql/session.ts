import type { ValueType } from '../../src/sql/dialect.ts'
import { type Bound, print, printName, type Quoting, type Table, type Values } from '../../src/sql/sql.ts'
import { bigqueryDialect } from '../../src/warehouses/bigquery-dialect.ts'
import { float } from '../../src/warehouses/cells.ts'
import { StatementError } from '../../src/warehouses/statement-error.ts'
import type { Cell, Page, Row, Session } from '../../src/warehouses/warehouse.ts'
import { apart } from '../support/apart.ts'
import type { Message, ZetaSql } from './server.ts'

interface Stored {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/**
 * What the dialect's contract needs of a session, executed by the reference implementation: queries, and tables of texts.
 * It has no statements that write.
 */
export function zetaSession(server: ZetaSql): Session {
  const tables = new Map<string, Stored>()
  const run = (name: string, query: string) => evaluate(server, tables, name, query)
  const only = (table: Table) => printName(table.name)
  return apart({
    dialect: bigqueryDialect,
    columns: async (table) => textColumns(tables.get(only(table))),
    describe: async () => new Map(),
    script: async (statements) => {
      for (const bound of statements) {
        const text = printed(bound)
        const [, made, columns] = /^create or replace table `\w+`\.`(\w+)` \(([\s\S]*)\)$/.exec(text) ?? []
        const [, filled, query] = /^create or replace table `\w+`\.`(\w+)` as\n([\s\S]*)$/.exec(text) ?? []
        const [, cleaned] = /^delete from `\w+`\.`(\w+)`/.exec(text) ?? []
        if (made !== undefined) tables.set(made, { columns: namesIn(columns ?? ''), rows: [] })
        else if (filled !== undefined) tables.set(filled, await run(bound.statement.name, query ?? ''))
        else if (cleaned !== undefined) tables.set(cleaned, { ...known(tables, cleaned), rows: [] })
        else if (!text.startsWith('create schema')) throw new Error(`not for this session: ${text}`)
      }
      return statements.map(() => ({ rows: 0 }))
    },
    first: async (query): Promise<Row | undefined> => {
      const { columns, rows } = await run(query.statement.name, printed(query))
      const [row] = rows
      return row && Object.fromEntries(row.map((cell, at) => [columns[at], cell]))
    },
    read: async function* (table, columns): AsyncGenerator<Page> {
      const stored = known(tables, only(table))
      const places = columns.map((name) => stored.columns.indexOf(name))
      yield { rows: stored.rows.length, columns: places.map((at) => stored.rows.map((row) => row[at] ?? null)) }
    },
    append: async (table, page) => {
      const stored = known(tables, only(table))
      const rows = Array.from({ length: page.rows }, (_, at) => page.columns.map((column) => column[at] ?? null))
      tables.set(only(table), { ...stored, rows: [...stored.rows, ...rows] })
    },
    close: async () => undefined,
  })
}

/** A statement whose parameters are literals: what is asked here is what the text means. */
function printed({ statement, values, tokens }: Bound): string {
  const quoting: Quoting = { ...bigqueryDialect, parameter: (name) => literal(values?.[name] ?? null) }
  return print(statement.sql, quoting, tokens)
}

function literal(value: Values[string]): string {
  return typeof value === 'string' ? bigqueryDialect.text(value) : String(value)
}

async function evaluate(
  server: ZetaSql,
  tables: ReadonlyMap<string, Stored>,
  name: string,
  written: string,
): Promise<Stored> {
  // The evaluator finds the contents of tables of the outermost catalog only.
  const query = written.replaceAll(/`contract_normalise`\.(`\w+`)/g, '$1')
  const used = new Map([...tables].filter(([table]) => query.includes(`from \`${table}\``)))
  const catalog = catalogOf(server, used)
  try {
    const prepared = await server.call('PrepareQuery', { sql: query, options: server.options, simple_catalog: catalog })
    const columns = ((prepared.prepared as Message).columns as readonly { name: string }[]).map((one) => one.name)
    const cells = columns.flatMap((one) => {
      const column = bigqueryDialect.name(one)
      return [`format('%T', ${column})`, `to_json_string(${column})`]
    })
    const { content } = await server.call('EvaluateQuery', {
      ...{ sql: `select ${cells.join(', ')} from (\n${query}\n)`, options: server.options, simple_catalog: catalog },
      table_content: contentOf(used),
    })
    return { columns, rows: rowsIn(content as Message).map((row) => columns.map((_, at) => cellOf(row, at))) }
  } catch (error) {
    throw new StatementError(name, written, error)
  }
}

/** From the value as GoogleSQL writes it, and as JSON. */
function cellOf(row: readonly string[], at: number): Cell {
  const [written = '', json = ''] = [row[2 * at], row[2 * at + 1]]
  if (written === 'NULL' || written.startsWith('CAST(')) return null
  if (/^["']/.test(written)) return JSON.parse(json)
  if (/^(DATE|(BIG)?NUMERIC) /.test(written)) return json.replaceAll('"', '')
  if (/^(TIMESTAMP|DATETIME) /.test(written))
    return `${json.replaceAll(/"|Z"$/g, '').replace(/(\.\d*[1-9])?\.?0*$/, zeros)}Z`
  if (written.startsWith('[')) return json
  return /^-?\d+$/.test(written) ? written : /^(true|false)$/.test(written) ? written : float(written)
}

function zeros(all: string, fraction: string | undefined): string {
  return fraction ?? (all.startsWith('.') ? '' : all)
}

function catalogOf(server: ZetaSql, tables: ReadonlyMap<string, Stored>): Message {
  const table = [...tables].map(([name, { columns }]) => ({
    name,
    column: columns.map((column) => ({ name: column, type: { type_kind: 'TYPE_STRING' } })),
  }))
  return {
    name: 'contract',
    builtin_function_options: { language_options: server.options.language_options },
    table,
  }
}

function contentOf(tables: ReadonlyMap<string, Stored>): Message {
  return Object.fromEntries(
    [...tables].map(([name, { rows }]) => [
      name,
      {
        table_data: {
          row: rows.map((row) => ({ cell: row.map((cell) => (cell === null ? {} : { string_value: cell })) })),
        },
      },
    ]),
  )
}

function rowsIn({ table_data: data }: Message): readonly (readonly string[])[] {
  const rows = ((data as Message | null)?.row ?? []) as readonly { cell: readonly { string_value: string }[] }[]
  return rows.map(({ cell }) => cell.map((one) => one.string_value))
}

function known(tables: ReadonlyMap<string, Stored>, name: string): Stored {
  const stored = tables.get(name)
  if (stored === undefined) throw new Error(`there is no table ${name}`)
  return stored
}

function namesIn(columns: string): readonly string[] {
  return [...columns.matchAll(/`(\w+)` string/g)].map(([, name = '']) => name)
}

function textColumns(stored: Stored | undefined): ReadonlyMap<string, ValueType> | undefined {
  return stored && new Map(stored.columns.map((name) => [name, 'text']))
}
