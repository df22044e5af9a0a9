import type { BigQuery } from '@google-cloud/bigquery'
import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import {
  type Bound,
  from,
  id,
  join,
  parameter,
  print,
  printName,
  type Sql,
  sql,
  type Table,
  type Tokens,
} from '../sql/sql.ts'
import { cellOf, type Field, type RawRow } from './bigquery-cells.ts'
import { bigqueryDialect } from './bigquery-dialect.ts'
import { isConflict, isPassing, statementError } from './bigquery-error.ts'
import { type JobSettings, Jobs, type Results, type TableName } from './bigquery-job.ts'
import { askBatch, batchesOf, fits, isWhole, type Piece, parametersOf, piecesOf, runBatch } from './bigquery-script.ts'
import { type Printed, printed, refuseSeveral, unbound } from './bigquery-statement.ts'
import { typeName, valueType } from './bigquery-values.ts'
import { A_WHILE, type Pause } from './pause.ts'
import { StatementError } from './statement-error.ts'
import { tryAndDrop } from './try-and-drop.ts'
import type { About, Cell, Page, Row, Session } from './warehouse.ts'

/** BigQuery behind the `Session` interface. It has no connections: every statement is a job. */
export class BigquerySession implements Session {
  readonly dialect: Dialect = bigqueryDialect
  readonly #jobs: Jobs
  readonly #pause: Pause
  #closed = false

  constructor(client: BigQuery, settings: JobSettings, pause: Pause = A_WHILE) {
    this.#jobs = new Jobs(client, settings)
    this.#pause = pause
  }

  async columns(table: Table, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType> | undefined> {
    const fields = await this.#fields(`columns of ${nameOf(table, tokens)}`, tableName(table, tokens))
    return fields && new Map(fields.map(({ name, type, mode }) => [name, valueType(type, mode)]))
  }

  async describe(query: Sql, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType>> {
    const text = unbound(query, tokens, this.dialect)
    refuseSeveral({ name: 'describe', text })
    const { statistics } = await this.#asked('describe', text, () => this.#jobs.dry({ query: text }))
    const { statementType, schema } = statistics?.query ?? {}
    if (statementType !== 'SELECT') throw new StatementError('describe', text, new Error('this is no query'))
    return new Map((schema?.fields ?? []).map(({ name, type, mode }) => [name, valueType(type, mode)]))
  }

  async script(statements: readonly Bound[]): Promise<readonly { rows: number }[]> {
    return await this.#run(piecesOf(statements), statements.length)
  }

  async first(query: Bound): Promise<Row | undefined> {
    const [statement] = printed(query, this.dialect)
    return statement && firstOf((await this.#query(statement, 1)).results)
  }

  async ask(statements: readonly Bound[], query: Bound): Promise<Row | undefined> {
    const pieces = piecesOf([...statements, query])
    const last = pieces.findLast(({ of }) => of === statements.length)
    const before = batchesOf(pieces.filter(({ of }) => of < statements.length))
    const batch = before.at(-1)
    if (last === undefined || batch === undefined || !fits([...batch, last])) {
      await this.script(statements)
      return await this.first(query)
    }
    await this.#run(before.slice(0, -1).flat(), statements.length)
    return firstOf(await this.#again(isWhole(batch), () => askBatch(this.#jobs, batch, last)))
  }

  async *read(
    table: Table,
    columns: readonly string[],
    page: number,
    orderBy?: string,
    tokens?: Tokens,
  ): AsyncGenerator<Page> {
    const name = `read of ${nameOf(table, tokens)}`
    const query = sql`
      select ${join(columns.map(id))}
      from ${from(table)}${orderBy === undefined ? sql`` : sql` order by ${id(orderBy)}`}`
    const text = print(query, this.dialect, tokens)
    // A round trip costs more than rows; an answer may hold fewer than it was asked for.
    const perAnswer = Math.max(page, SMALLEST_ANSWER)
    const { id: job, results } = await this.#query({ name, text, parameters: [] }, perAnswer)
    const kept: RawRow[] = []
    let read = 0
    for (let answer: Results | undefined = results; answer !== undefined; ) {
      kept.push(...answer.rows)
      read += answer.rows.length
      while (kept.length >= page) yield pageOf(results.fields, kept.splice(0, page))
      const next: string | undefined = answer.next
      answer =
        next === undefined ? undefined : await this.#asked(name, text, () => this.#jobs.page(job, perAnswer, next))
    }
    if (kept.length > 0) yield pageOf(results.fields, kept)
    if (read !== results.total)
      throw new StatementError(name, text, new Error(`the result was cut short: ${read} of ${results.total} rows`))
  }

  async append(table: Table, rows: Page, tokens?: Tokens): Promise<void> {
    if (rows.rows === 0) return
    const name = `append to ${nameOf(table, tokens)}`
    const target = tableName(table, tokens)
    const fields = await this.#fields(name, target)
    if (fields === undefined) throw new StatementError(name, '', new Error(`${nameOf(table, tokens)} is not there`))
    if (fields.length !== rows.columns.length) {
      const said = `${nameOf(table, tokens)} has ${fields.length} columns, the rows have ${rows.columns.length}`
      throw new StatementError(name, '', new Error(said))
    }
    const lines = linesOf(fields, rows)
    const size = lines.reduce((sum, line) => sum + line.length, 0)
    if (rows.rows <= FEW && size <= SMALL) await this.#insert(name, table, fields, { lines, tokens })
    else await this.#again(true, () => this.#asked(name, '', () => this.#jobs.load(target, lines.join('\n'), name)))
  }

  bytesRead(): number {
    return this.#jobs.bytesRead
  }

  /** What a statement would read, in bytes, without running it. */
  async cost(query: Bound): Promise<{ bytes: number }> {
    const [statement] = printed(query, this.dialect)
    if (statement === undefined) return { bytes: 0 }
    const { name, text, parameters } = statement
    const { statistics } = await this.#asked(name, text, () =>
      this.#jobs.dry({ query: text, ...parametersOf([{ parameters }]) }),
    )
    return { bytes: Number(statistics?.totalBytesProcessed ?? statistics?.query?.totalBytesProcessed ?? 0) }
  }

  async about(): Promise<About> {
    const statement = { name: 'about', reason: 'who is asked', sql: sql`select session_user() as who` }
    const row = await this.first({ statement })
    return { version: undefined, lowest: undefined, place: `${row?.who ?? 'somebody'} on ${this.#jobs.project}` }
  }

  async tryCreate(schema: string): Promise<'tried' | 'absent'> {
    if (!(await this.#asked('look for a dataset', '', () => this.#jobs.hasDataset(schema)))) return 'absent'
    await tryAndDrop({ dialect: this.dialect, script: (statements) => this.script(statements) }, schema)
    return 'tried'
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#jobs.cancel()
  }

  async #run(pieces: readonly Piece[], statements: number): Promise<readonly { rows: number }[]> {
    const counts = Array.from({ length: statements }, () => ({ rows: 0 }))
    for (const batch of batchesOf(pieces)) {
      const rows = await this.#again(isWhole(batch), () => runBatch(this.#jobs, batch))
      batch.forEach(({ of }, at) => {
        const count = counts[of]
        if (count !== undefined) count.rows += rows[at] ?? 0
      })
    }
    return counts
  }

  /** A load takes seconds, and is counted against a quota; a statement of so few rows is neither. */
  async #insert(
    name: string,
    table: Table,
    fields: readonly Field[],
    { lines, tokens }: { readonly lines: readonly string[]; readonly tokens: Tokens | undefined },
  ): Promise<void> {
    const given = this.dialect.rowsOf(
      parameter('rows'),
      fields.map((field) => field.name),
    )
    const query = sql`
      insert into ${from(table)} (${join(fields.map((field) => id(field.name)))})
      select ${join(fields.map(converted))}
      from ${given}`
    const bound: Bound = {
      statement: { name, reason: 'rows of ours', sql: query },
      values: { rows: `[${lines.join(',')}]` },
      ...(tokens && { tokens }),
    }
    await this.script([bound])
  }

  async #query(statement: Printed, rows: number) {
    const { name, text, parameters } = statement
    const query = { query: text, ...parametersOf([{ parameters }]) }
    return await this.#again(true, () => this.#asked(name, text, () => this.#jobs.query(query, name, rows)))
  }

  async #fields(name: string, table: TableName): Promise<readonly Field[] | undefined> {
    const answer = await this.#asked(name, '', () => this.#jobs.table(table))
    const schema = answer?.schema as { readonly fields?: readonly Field[] } | undefined
    return answer && (schema?.fields ?? [])
  }

  /** Does what leaves nothing behind when it fails; again where it failed for nothing that was asked. */
  async #again<T>(isWhole: boolean, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#open()
        return await work()
      } catch (error) {
        const isOfOthers = isConflict(error) || isPassing(error)
        if (!isWhole || !isOfOthers || attempt === ATTEMPTS || this.#closed) throw error
        await this.#pause(attempt)
      }
    }
  }

  async #asked<T>(name: string, text: string, work: () => Promise<T>): Promise<T> {
    this.#open()
    try {
      return await work()
    } catch (error) {
      throw statementError(name, text, error)
    }
  }

  #open(): void {
    if (this.#closed) throw failure('bug', 'bug/unexpected', 'The warehouse was used after it was closed.')
  }
}

/** Attempts at what meets others; the service lets two change a table at once, and twenty wait. */
const ATTEMPTS = 10

/** Rows that are fetched at once, if pages are smaller. */
const SMALLEST_ANSWER = 5_000

/** So many rows, and characters of them, go by a statement. */
const FEW = 2_000
const SMALL = 500_000

function nameOf(table: Table, tokens?: Tokens): string {
  return `${table.schema}.${printName(table.name, tokens)}`
}

function tableName(table: Table, tokens?: Tokens): TableName {
  const { database, schema, name } = table
  return { ...(database !== undefined && { projectId: database }), datasetId: schema, tableId: printName(name, tokens) }
}

function cellsOf(fields: readonly Field[], row: RawRow): readonly (readonly [string, Cell])[] {
  return fields.map((field, at) => [field.name, cellOf(field)(row.f[at]?.v ?? null)])
}

function firstOf({ fields, rows: [row] }: Results): Row | undefined {
  return row && Object.fromEntries(cellsOf(fields, row))
}

function pageOf(fields: readonly Field[], rows: readonly RawRow[]): Page {
  const columns = fields.map((field, at) => {
    const cell = cellOf(field)
    return rows.map((row) => cell(row.f[at]?.v ?? null))
  })
  return { rows: rows.length, columns }
}

/** Each row as a JSON object; what is null is left out. */
function linesOf(fields: readonly Field[], { rows, columns }: Page): readonly string[] {
  return Array.from({ length: rows }, (_, row) => {
    const members = fields.flatMap(({ name, mode }, at) => {
      const cell = columns[at]?.[row] ?? null
      if (cell === null) return []
      return [`${JSON.stringify(name)}:${mode === 'REPEATED' ? cell : JSON.stringify(cell)}`]
    })
    return `{${members.join(',')}}`
  })
}

/** A text of a JSON object as what its column is. */
function converted({ name, type, mode }: Field): Sql {
  if (mode === 'REPEATED') return sql`json_value_array(${id(name)})`
  const known = valueType(type, mode)
  return known === 'unknown' || known === 'text' ? id(name) : sql`cast(${id(name)} as ${typeName(known)})`
}
