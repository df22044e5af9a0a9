import { afterAll, beforeAll, test as vitest } from 'vitest'
import type { ValueType } from '../../src/sql/dialect.ts'
import { type Bound, from, id, type Sql, sql, type Table, type Values } from '../../src/sql/sql.ts'
import type { Cell, Page, Session } from '../../src/warehouses/warehouse.ts'

/** A case that a warehouse cannot keep, by the name of its test, and why. */
export interface Skip {
  readonly case: string
  readonly why: string
}

/** Which names a warehouse has for its tables and columns; the contract asks for no others. */
export interface Names {
  readonly table: (name: string) => boolean
  readonly column: (name: string) => boolean
  readonly schema: string
}

export const ANY_NAME: Names = { table: () => true, column: () => true, schema: 'My "Schema".x' }

export const SCHEMA = 'contract'

/** A session for the cases at hand, and the few things that they do over and over. */
export interface Bench {
  /** Open while tests run. */
  readonly session: Session
  /** A test, unless the warehouse skips it. */
  test(name: string, run: () => Promise<void>): void
  /** Another session on the same warehouse. */
  open(): Promise<Session>
  table(name: string): Table
  run(name: string, query: Sql, values?: Values): Promise<readonly { rows: number }[]>
  count(of: Table): Promise<number>
  /** An empty table. */
  make(name: string, columns: Readonly<Record<string, ValueType | 'bigint'>>): Promise<Table>
  readAll(of: Table, columns: readonly string[], orderBy?: string): Promise<Cell[][]>
  /** A table of `rows` numbers from 1. */
  numbers(name: string, rows: number): Promise<Table>
}

export function setUp(open: () => Promise<Session>, skips: readonly Skip[]): Bench {
  const test = (name: string, run: () => Promise<void>) =>
    vitest.skipIf(skips.some((skip) => skip.case === name))(name, run)

  let session: Session
  beforeAll(async () => {
    session = await open()
    await session.script([bound('schema', session.dialect.createSchema(SCHEMA))])
  })
  afterAll(() => session.close())

  const table = (name: string): Table => ({ schema: SCHEMA, name: [name] })
  const run = (name: string, query: Sql, values?: Values) => session.script([bound(name, query, values)])
  const count = async (of: Table): Promise<number> =>
    Number((await session.first(bound('count', sql`select count(*) as ${id('n')} from ${from(of)}`)))?.n)
  const make = async (name: string, columns: Readonly<Record<string, ValueType | 'bigint'>>): Promise<Table> => {
    const made = table(name)
    const typed = Object.entries(columns).map(([column, type]) => ({ name: column, type }))
    await run(`make ${name}`, session.dialect.createEmptyTable(made, typed))
    return made
  }
  const readAll = async (of: Table, columns: readonly string[], orderBy?: string): Promise<Cell[][]> => {
    const rows: Cell[][] = []
    for await (const page of session.read(of, columns, 1000, orderBy)) rows.push(...rowsOf(page))
    return rows
  }
  /** A table of `rows` numbers from 1. */
  const numbers = async (name: string, rows: number): Promise<Table> => {
    const made = await make(name, { seq: 'bigint', word: 'text' })
    const seq = Array.from({ length: rows }, (_, at) => String(at + 1))
    await session.append(made, { rows, columns: [seq, seq.map((n) => (Number(n) % 7 === 0 ? null : `w${n}`))] })
    return made
  }

  return {
    get session() {
      return session
    },
    ...{ test, open, table, run, count, make, readAll, numbers },
  }
}

/** A statement ready to run. */
export function bound(name: string, query: Sql, values?: Values): Bound {
  return { statement: { name, reason: 'a test', sql: query }, ...(values && { values }) }
}

function rowsOf(page: Page): Cell[][] {
  return Array.from({ length: page.rows }, (_, row) => page.columns.map((column) => column[row] ?? null))
}
