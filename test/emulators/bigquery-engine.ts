import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import type { Field, Raw, RawRow } from '../../src/warehouses/bigquery-cells.ts'
import { PRELUDE } from './bigquery-prelude.ts'
import { type Checked, check, type Given, Refusal, refusalOf } from './bigquery-rules.ts'
import { type Node, type Parsed, parse, SyntaxProblem } from './bigquery-tokens.ts'
import { translate } from './bigquery-translate.ts'
import { type Parameter, parameterValue, type Shown, shown } from './bigquery-values.ts'

/** What a statement did. */
export interface Done {
  readonly statementType: string
  readonly fields: readonly Field[]
  readonly rows: readonly RawRow[]
  readonly affected: number | undefined
  readonly target: { readonly datasetId: string; readonly tableId: string } | undefined
}

/** A statement of a script, where it stands, and what became of it. */
export interface Ran {
  readonly line: number
  readonly done: Done | Refusal
  /** What the statement read. */
  readonly bytes: number
}

/** What a query job is asked. */
export interface Query {
  readonly query: string
  readonly queryParameters?: readonly Parameter[]
  readonly maximumBytesBilled?: string
}

/** Who looks at every statement before it runs; throws a Refusal. */
export type Analyst = (
  query: string,
  tables: ReadonlyMap<string, readonly Field[]>,
  parameters: readonly Parameter[],
) => Promise<void>

/** One project of BigQuery, emulated on DuckDB: what it holds, and how statements run there. */
export class Engine {
  readonly given: Given
  readonly #instance: DuckDBInstance
  readonly #analyst: Analyst | undefined

  private constructor(instance: DuckDBInstance, given: Given, analyst: Analyst | undefined) {
    this.#instance = instance
    this.given = given
    this.#analyst = analyst
  }

  static async open(given: Given, analyst?: Analyst): Promise<Engine> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
    const connection = await instance.connect()
    await connection.run(PRELUDE)
    connection.closeSync()
    return new Engine(instance, given, analyst)
  }

  close(): void {
    this.#instance.closeSync()
  }

  /** Runs a job to its end, and tells of each of its statements. `stop` is handed what ends it before. */
  async run(query: Query, location: string, limits: Limits, stop: (end: () => void) => void): Promise<readonly Ran[]> {
    const connection = await this.#connect()
    stop(() => connection.interrupt())
    const ran: Ran[] = []
    try {
      const statements = parse(query.query)
      let inTransaction = false
      for (const [at, parsed] of statements.entries()) {
        const checked = check(parsed.nodes, { given: this.given, location, inTransaction })
        const bytes = await this.#spend(connection, checked, query, limits)
        const text = textOf(query.query, statements, at)
        await this.#analyse(connection, text, checked.tables, query.queryParameters ?? [])
        const done = await this.#execute(connection, parsed, checked, query.queryParameters ?? [])
        if (checked.statementType === 'BEGIN_TRANSACTION') inTransaction = true
        if (/^(COMMIT|ROLLBACK)_TRANSACTION$/.test(checked.statementType)) inTransaction = false
        ran.push({ line: parsed.line, done, bytes })
      }
      if (statements.length === 0) throw new Refusal(400, 'invalidQuery', 'Syntax error: Unexpected end of statement')
    } catch (error) {
      const line = parseLine(query.query, ran.length)
      ran.push({ line, done: refusalOf(error, this.given), bytes: 0 })
    } finally {
      // What is not committed is rolled back.
      await connection.run('rollback').catch(() => undefined)
      connection.closeSync()
    }
    return ran
  }

  /** What a query would do: its kind, its columns, the bytes that it would read. Throws a Refusal. */
  async describe(
    query: Query,
    location: string,
  ): Promise<{ statementType: string; fields: readonly Field[]; bytes: number }> {
    const connection = await this.#connect()
    try {
      const statements = parse(query.query)
      const [parsed] = statements
      if (parsed === undefined) throw new Refusal(400, 'invalidQuery', 'Syntax error: Unexpected end of statement')
      if (statements.length > 1) return { statementType: 'SCRIPT', fields: [], bytes: 0 }
      const checked = check(parsed.nodes, { given: this.given, location, inTransaction: false })
      const bytes = await this.#bytes(connection, checked)
      const { statementType } = checked
      await this.#analyse(connection, query.query, checked.tables, query.queryParameters ?? [])
      if (statementType !== 'SELECT') return { statementType, fields: [], bytes }
      const columns = await columnsOf(
        connection,
        translate(parsed.nodes, this.given.project),
        query.queryParameters ?? [],
      )
      return { statementType, fields: columns.map(({ field }) => field), bytes }
    } catch (error) {
      throw refusalOf(error, this.given)
    } finally {
      connection.closeSync()
    }
  }

  async hasDataset(name: string): Promise<boolean> {
    const connection = await this.#connect()
    try {
      const text = 'select 1 from duckdb_schemas() where schema_name = $1 and database_name = current_database()'
      return (await connection.runAndReadAll(text, [name])).currentRowCount > 0
    } finally {
      connection.closeSync()
    }
  }

  /** A table or view as `tables.get` shows it; undefined where there is none. */
  async table(
    dataset: string,
    name: string,
  ): Promise<{ fields: readonly Field[]; rows: number; isView: boolean } | undefined> {
    const connection = await this.#connect()
    try {
      const known = await connection.runAndReadAll(
        'select table_type from information_schema.tables where table_schema = $1 and table_name = $2',
        [dataset, name],
      )
      const [row] = known.getRows()
      if (row === undefined) return undefined
      const place = `"${dataset.replaceAll('"', '""')}"."${name.replaceAll('"', '""')}"`
      const columns = await columnsOf(connection, `select * from ${place}`, [])
      const isView = row[0] === 'VIEW'
      const counted = isView ? undefined : await connection.runAndReadAll(`select count(*) from ${place}`)
      return { fields: columns.map(({ field }) => field), rows: Number(counted?.getRows()[0]?.[0] ?? 0), isView }
    } finally {
      connection.closeSync()
    }
  }

  async tables(dataset: string): Promise<readonly string[]> {
    const connection = await this.#connect()
    const query = 'select table_name from information_schema.tables where table_schema = $1 order by 1'
    const found = await connection.runAndReadAll(query, [dataset])
    connection.closeSync()
    return found.getRows().map(([name]) => String(name))
  }

  /** Appends rows of newline-delimited JSON, all or nothing. Throws a Refusal. */
  async load(dataset: string, name: string, lines: string): Promise<number> {
    const table = await this.table(dataset, name)
    if (table === undefined)
      throw new Refusal(404, 'notFound', `Not found: Table ${this.given.project}:${dataset}.${name}`)
    const connection = await this.#connect()
    try {
      const names = table.fields.map((field) => field.name)
      const rows = lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const stranger = rows.flatMap((row) => Object.keys(row)).find((key) => !names.includes(key))
      if (stranger !== undefined)
        throw new Refusal(
          400,
          'invalid',
          `Error while reading data, error message: JSON parsing error: No such field: ${stranger}.`,
        )
      const place = `"${dataset.replaceAll('"', '""')}"."${name.replaceAll('"', '""')}"`
      const values = names.map((_, at) => `json_extract(item, '$[${at}]')`)
      const typed = table.fields.map(({ type, mode }, at) =>
        mode === 'REPEATED'
          ? `cast(coalesce(from_json(nullif(cast(${values[at]} as varchar), 'null'), '["VARCHAR"]'), []) as varchar[])`
          : `cast(json_extract_string(item, '$[${at}]') as ${LOADED[type] ?? 'varchar'})`,
      )
      const written = rows.map((row) => names.map((one) => row[one] ?? null))
      const result = await connection.run(
        `insert into ${place} select ${typed.join(', ')} from (select unnest(from_json($1, '["JSON"]')) as item)`,
        [JSON.stringify(written)],
      )
      return result.rowsChanged
    } catch (error) {
      throw refusalOf(error, this.given)
    } finally {
      connection.closeSync()
    }
  }

  async #connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect()
    // As there: nulls are the smallest of all.
    await connection.run(`set TimeZone = 'UTC'; set default_null_order = 'nulls_first_on_asc_last_on_desc'`)
    return connection
  }

  async #execute(
    connection: DuckDBConnection,
    { nodes }: Parsed,
    checked: Checked,
    parameters: readonly Parameter[],
  ): Promise<Done> {
    const { statementType, target } = checked
    const nothing = { statementType, fields: [], rows: [], affected: undefined, target }
    const text = translate(nodes, this.given.project)
    if (checked.statementType === 'CREATE_SCHEMA') {
      await connection.run(text)
      return nothing
    }
    if (checked.query !== undefined) await this.#checkColumns(connection, checked.query, parameters)
    const columns = statementType === 'SELECT' ? await columnsOf(connection, text, parameters) : []
    refuseColumns(columns)
    const prepared = await connection.prepare(statementType === 'SELECT' ? marked(columns, text) : text)
    try {
      for (let at = 1; at <= prepared.parameterCount; at++)
        bind(prepared, at, valueGiven(parameters, prepared.parameterName(at)))
      const result = await prepared.run()
      if (statementType !== 'SELECT') return { ...nothing, affected: checked.isDml ? result.rowsChanged : undefined }
      const rows = (await result.getRows()).map((row) => sent(columns, row))
      return { ...nothing, fields: columns.map(({ field }) => field), rows }
    } finally {
      prepared.destroySync()
    }
  }

  /** The columns of a table or view that is to be made. */
  async #checkColumns(
    connection: DuckDBConnection,
    query: readonly Node[],
    parameters: readonly Parameter[],
  ): Promise<void> {
    refuseColumns(await columnsOf(connection, translate(query, this.given.project), parameters))
  }

  async #spend(connection: DuckDBConnection, checked: Checked, query: Query, limits: Limits): Promise<number> {
    const bytes = await this.#bytes(connection, checked)
    const most = query.maximumBytesBilled
    if (most !== undefined && bytes > Number(most))
      throw new Refusal(
        400,
        'bytesBilledLimitExceeded',
        `Query exceeded limit for bytes billed: ${most}. ${bytes} or higher required.`,
      )
    const takes = checked.tables.reduce((sum, one) => sum + (this.given.slow.get(one) ?? 0), 0)
    if (limits.jobTimeoutMs !== undefined && takes > Number(limits.jobTimeoutMs))
      throw new Refusal(400, 'timeout', `Job timed out after ${Number(limits.jobTimeoutMs) / 1_000} seconds`)
    return bytes
  }

  /** At least 10 MB of each table, as they are billed. */
  async #bytes(connection: DuckDBConnection, { tables, isDml, statementType }: Checked): Promise<number> {
    if (!isDml && !/SELECT/.test(statementType)) return 0
    let bytes = 0
    for (const table of tables) {
      const [schema = '', name = ''] = table.split('.')
      const found = await connection.runAndReadAll(
        'select estimated_size * column_count * 16 from duckdb_tables() where schema_name = $1 and table_name = $2',
        [schema, name],
      )
      const [row] = found.getRows()
      if (row !== undefined) bytes += Math.max(10_485_760, Number(row[0]))
    }
    return bytes
  }

  async #analyse(
    connection: DuckDBConnection,
    text: string,
    named: readonly string[],
    parameters: readonly Parameter[],
  ): Promise<void> {
    if (this.#analyst === undefined) return
    const tables = new Map<string, readonly Field[]>()
    for (const full of named) {
      const [schema = '', ...name] = full.split('.')
      const place = `"${schema}"."${name.join('.').replaceAll('"', '""')}"`
      // What a statement makes is not there before.
      const columns = await columnsOf(connection, `select * from ${place}`, []).catch(() => undefined)
      if (columns !== undefined)
        tables.set(
          full,
          columns.map(({ field }) => field),
        )
    }
    await this.#analyst(text, tables, parameters)
  }
}

/** What bounds a job. */
export interface Limits {
  readonly jobTimeoutMs?: string | undefined
}

const LOADED: Readonly<Record<string, string>> = {
  ...{ INTEGER: 'bigint', FLOAT: 'double', NUMERIC: 'decimal(38, 9)', BOOLEAN: 'boolean' },
  ...{ DATE: 'date', TIMESTAMP: 'timestamptz', DATETIME: 'timestamp' },
}

/** The line on which a statement begins; the first where the text cannot be read. */
function parseLine(script: string, at: number): number {
  try {
    return parse(script)[at]?.line ?? 1
  } catch (error) {
    if (error instanceof SyntaxProblem) return 1
    throw error
  }
}

/** The text of one statement of a script. */
function textOf(script: string, statements: readonly Parsed[], at: number): string {
  const lines = script.split('\n')
  const [from, to] = [statements[at]?.line ?? 1, statements[at + 1]?.line ?? lines.length + 1]
  return statements.length === 1
    ? script
    : lines
        .slice(from - 1, to - 1)
        .join('\n')
        .replace(/;\s*$/, '')
}

async function columnsOf(
  connection: DuckDBConnection,
  text: string,
  parameters: readonly Parameter[],
): Promise<readonly Shown[]> {
  const prepared = await connection.prepare(`select * from (${text}) limit 0`)
  try {
    for (let at = 1; at <= prepared.parameterCount; at++)
      bind(prepared, at, valueGiven(parameters, prepared.parameterName(at)))
    const result = await prepared.run()
    return result.columnNames().map((name, at) => shown(name, result.columnType(at)))
  } finally {
    prepared.destroySync()
  }
}

/** Names that the service gives no column, and two of one name. */
function refuseColumns(columns: readonly Shown[]): void {
  const seen = new Set<string>()
  for (const { field } of columns) {
    const name = field.name
    if (/[!"$()*,./;?@[\\\]^`{}~]/.test(name) || name.length > 300)
      throw new Refusal(400, 'invalidQuery', `Invalid field name "${name}".`)
    if (seen.has(name.toLowerCase()))
      throw new Refusal(
        400,
        'invalidQuery',
        `Duplicate column names in the result are not supported. Found duplicate(s): ${name}`,
      )
    seen.add(name.toLowerCase())
  }
}

/** DuckDB's driver takes a byte order mark (U+FEFF) off the beginning of a text: it gets another mark before. */
function marked(columns: readonly Shown[], text: string): string {
  const values = columns.map(({ field }, at) =>
    field.type === 'STRING' && field.mode !== 'REPEATED' ? `'.' || c${at}` : `c${at}`,
  )
  return `select ${values.join(', ')} from (${text}) as _marked(${columns.map((_, at) => `c${at}`).join(', ')})`
}

function sent(columns: readonly Shown[], row: readonly DuckDBValue[]): RawRow {
  return { f: columns.map((_, at) => ({ v: sentOf(columns[at], row[at] ?? null) })) }
}

function sentOf(column: Shown | undefined, value: DuckDBValue): Raw {
  const said = column?.send(value) ?? null
  return column?.field.type === 'STRING' && typeof said === 'string' ? said.slice(1) : said
}

function valueGiven(parameters: readonly Parameter[], name: string): DuckDBValue {
  const found = parameters.find((one) => one.name === name)
  if (found === undefined) throw new Refusal(400, 'invalidQuery', `Query parameter '${name}' not found`)
  return parameterValue(found)
}

function bind(prepared: Awaited<ReturnType<DuckDBConnection['prepare']>>, at: number, value: DuckDBValue): void {
  if (typeof value === 'string') prepared.bindVarchar(at, value)
  else if (typeof value === 'boolean') prepared.bindBoolean(at, value)
  else if (typeof value === 'bigint') prepared.bindBigInt(at, value)
  else if (typeof value === 'number') prepared.bindDouble(at, value)
  else prepared.bindNull(at)
}
