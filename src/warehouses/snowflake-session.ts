import pLimit, { type LimitFunction } from 'p-limit'
import { failure } from '../error.ts'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import { type Bound, from, id, print, printName, type Sql, type Table, type Tokens } from '../sql/sql.ts'
import { appended } from './snowflake-append.ts'
import { cellOf, type Field, valueType } from './snowflake-cells.ts'
import { snowflakeDialect } from './snowflake-dialect.ts'
import type { Line, LogIn, Result } from './snowflake-driver.ts'
import { isMissing } from './snowflake-failures.ts'
import { knownName } from './snowflake-names.ts'
import { askBehind, firstRow, type Manner, runAll, runPart } from './snowflake-script.ts'
import { printed, unbound } from './snowflake-statement.ts'
import { instantText } from './snowflake-values.ts'
import { StatementError } from './statement-error.ts'
import { tryAndDrop } from './try-and-drop.ts'
import type { About, Cell, Page, Row, Session } from './warehouse.ts'

/** Snowflake behind the `Session` interface. Each call has a session of the service to itself while it runs. */
export class SnowflakeSession implements Session {
  readonly dialect: Dialect = snowflakeDialect
  readonly #logIn: LogIn
  readonly #limit: LimitFunction
  readonly #manner: Manner
  readonly #idle: Line[]
  readonly #busy = new Set<Line>()
  #closed = false

  constructor(first: Line, logIn: LogIn, { most, ...manner }: Manner & { readonly most: number }) {
    this.#idle = [first]
    this.#logIn = logIn
    this.#limit = pLimit(most)
    this.#manner = manner
  }

  async columns(table: Table, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType> | undefined> {
    try {
      return typesOf(await this.#with((line) => this.#fieldsOf(line, table, tokens)))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async describe(query: Sql, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType>> {
    const text = `select * from (\n${unbound(query, tokens, this.dialect)}\n) as described`
    return typesOf(await this.#with((line) => line.describe({ name: 'describe', text, values: [] })))
  }

  async script(statements: readonly Bound[]): Promise<readonly { rows: number }[]> {
    const all = statements.map((bound) => printed(bound, this.dialect))
    return await this.#with((line) => runAll(line, all, this.#manner))
  }

  async first(query: Bound): Promise<Row | undefined> {
    const statement = printed(query, this.dialect)
    return await this.#with((line) => firstRow(line, statement))
  }

  async ask(statements: readonly Bound[], query: Bound): Promise<Row | undefined> {
    const all = statements.map((bound) => printed(bound, this.dialect))
    const last = printed(query, this.dialect)
    return await this.#with((line) => askBehind(line, all, last, this.#manner))
  }

  async *read(
    table: Table,
    columns: readonly string[],
    page: number,
    orderBy?: string,
    tokens?: Tokens,
  ): AsyncGenerator<Page> {
    const name = `read of ${nameOf(table, tokens)}`
    const line = await this.#take()
    try {
      const result = await this.#select(line, { name, table, columns, orderBy, tokens })
      const cells = result.fields.map(cellOf)
      let rows = 0
      let open: Cell[][] = cells.map(() => [])
      for await (const row of result.rows()) {
        cells.forEach((cell, at) => {
          open[at]?.push(cell(row[at]))
        })
        rows++
        if (rows % page !== 0) continue
        yield { rows: page, columns: open }
        open = cells.map(() => [])
      }
      if (rows % page !== 0) yield { rows: rows % page, columns: open }
      if (rows !== result.total || this.#closed)
        throw new StatementError(name, '', new Error(`the result was cut short: ${rows} of ${result.total} rows`))
    } finally {
      await this.#giveBack(line)
    }
  }

  async append(table: Table, rows: Page, tokens?: Tokens): Promise<void> {
    if (rows.rows === 0) return
    const name = `append to ${nameOf(table, tokens)}`
    await this.#with(async (line) => {
      const fields = await this.#fieldsOf(line, table, tokens)
      if (fields.length !== rows.columns.length) {
        const said = `${nameOf(table, tokens)} has ${fields.length} columns, the rows have ${rows.columns.length}`
        throw new StatementError(name, '', new Error(said))
      }
      const into = print(from(table), this.dialect, tokens)
      await runPart(line, [...appended({ name, into, fields, page: rows })], this.#manner)
    })
  }

  async about(): Promise<About> {
    const text = 'select current_version(), current_user(), current_role(), current_database()'
    const row = await this.#with((line) => firstRow(line, { name: 'about', text, values: [] }))
    const [version, user, role, database] = Object.values(row ?? {})
    return { version: version ?? undefined, lowest: undefined, place: `${user} as ${role} on ${database}` }
  }

  async tryCreate(schema: string): Promise<'tried' | 'absent'> {
    if (!(await this.#hasSchema(schema))) return 'absent'
    await tryAndDrop({ dialect: this.dialect, script: (statements) => this.script(statements) }, schema)
    return 'tried'
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const lines = [...this.#idle.splice(0), ...this.#busy]
    this.#busy.clear()
    await Promise.all(lines.map((line) => line.end()))
  }

  /** Texts of times are made by the warehouse: the driver takes three times as long. */
  async #select(line: Line, { name, table, columns, orderBy, tokens }: Reading): Promise<Result> {
    const quote = (column: string) => print(id(column), this.dialect)
    const source = print(from(table), this.dialect, tokens)
    const order = orderBy === undefined ? '' : `\norder by ${quote(orderBy)}`
    const query = (items: readonly string[]) => ({
      name,
      text: `select ${items.join(', ')}\nfrom ${source}${order}`,
      values: [],
    })
    const fields = await line.describe(query(columns.map(quote)))
    const items = columns.map((column, at) => {
      const field = fields[at]
      return field && valueType(field) === 'timestamp' ? print(instantText(id(column)), this.dialect) : quote(column)
    })
    return await line.run(query(items))
  }

  async #hasSchema(schema: string): Promise<boolean> {
    const text = `describe schema ${print(id(schema), this.dialect)}`
    try {
      await this.#with((line) => line.run({ name: 'look for a schema', text, values: [] }))
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }

  async #fieldsOf(line: Line, table: Table, tokens?: Tokens): Promise<readonly Field[]> {
    const text = `select * from ${print(from(table), this.dialect, tokens)}`
    return await line.describe({ name: `columns of ${nameOf(table, tokens)}`, text, values: [] })
  }

  async #with<T>(work: (line: Line) => Promise<T>): Promise<T> {
    this.#mustBeOpen()
    return await this.#limit(async () => {
      const line = await this.#take()
      try {
        return await work(line)
      } finally {
        await this.#giveBack(line)
      }
    })
  }

  async #take(): Promise<Line> {
    this.#mustBeOpen()
    const line = this.#idle.pop() ?? (await this.#logIn())
    this.#busy.add(line)
    return line
  }

  async #giveBack(line: Line): Promise<void> {
    if (this.#busy.delete(line)) this.#idle.push(line)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw failure('bug', 'bug/unexpected', 'The warehouse was used after it was closed.')
  }
}

interface Reading {
  readonly name: string
  readonly table: Table
  readonly columns: readonly string[]
  readonly orderBy: string | undefined
  readonly tokens: Tokens | undefined
}

function typesOf(fields: readonly Field[]): ReadonlyMap<string, ValueType> {
  return new Map(fields.map((field) => [knownName(field.name), valueType(field)]))
}

function nameOf(table: Table, tokens?: Tokens): string {
  return `${table.schema}.${printName(table.name, tokens)}`
}
