import { afterAll, beforeAll, test as vitest } from 'vitest'
import type { Dialect, ValueType } from '../../src/sql/dialect.ts'
import { column, id, join, type Sql, sql, text, type Values } from '../../src/sql/sql.ts'
import type { Cell, Row, Session } from '../../src/warehouses/warehouse.ts'
import type { Skip } from './warehouse-bench.ts'

/** A session, its dialect, and short words for what the cases say over and over. */
export interface DialectBench {
  readonly session: Session
  readonly d: Dialect
  /** A test, unless the warehouse skips it. */
  test(name: string, run: () => Promise<void>): void
  row(query: Sql, values?: Values): Promise<Row | undefined>
  /** What a fragment is. */
  value(fragment: Sql, values?: Values): Promise<Cell | undefined>
  /** What a fragment is over rows `t`, a typed column a key. */
  over(columns: Columns, fragment: Sql): Promise<Cell | undefined>
  /** A column of those rows. */
  t(name: string): Sql
  /** Null of a type. */
  nothing(type: ValueType): Sql
  day(iso: string): Sql
  at(iso: string): Sql
}

export function setUpDialect(open: () => Promise<Session>, skips: readonly Skip[]): DialectBench {
  const test = (name: string, run: () => Promise<void>) =>
    vitest.skipIf(skips.some((skip) => skip.case === name))(name, run)

  let session: Session
  let d: Dialect
  beforeAll(async () => {
    session = await open()
    d = session.dialect
  })
  afterAll(() => session.close())

  const row = async (query: Sql, values?: Values): Promise<Row | undefined> =>
    await session.first({ statement: { name: 'probe', reason: 'a test', sql: query }, ...(values && { values }) })
  const value = async (fragment: Sql, values?: Values): Promise<Cell | undefined> =>
    (await row(sql`select ${fragment} as ${id('v')}`, values))?.v
  /** The fragment over rows `t`, a typed column a key. */
  const over = async (columns: Columns, fragment: Sql): Promise<Cell | undefined> =>
    (await row(sql`select ${fragment} as ${id('v')} from ${rows(d, columns)}`))?.v
  const t = (name: string) => column('t', name)
  const nothing = (type: ValueType) => d.cast(sql`null`, type)
  const day = (iso: string) => d.dateLiteral(iso)
  const at = (iso: string) => d.instantLiteral(iso)

  return {
    get session() {
      return session
    },
    get d() {
      return d
    },
    ...{ test, row, value, over, t, nothing, day, at },
  }
}

/** Columns of a small relation: type, then a text or null a row. */
export type Columns = Readonly<Record<string, readonly [ValueType, readonly (string | null)[]]>>

/** A relation `t` of typed values, for any dialect. */
export function rows(d: Dialect, columns: Columns): Sql {
  const names = Object.keys(columns)
  const count = Math.max(...Object.values(columns).map(([, values]) => values.length))
  const select = (index: number) =>
    sql`select ${join(
      names.map((name) => {
        const [type, values] = columns[name] ?? ['text', []]
        const value = values[index]
        return sql`${d.cast(value === null || value === undefined ? sql`null` : text(value), type)} as ${id(name)}`
      }),
    )}`
  const selects = Array.from({ length: Math.max(count, 1) }, (_, index) => select(index))
  const filter = count === 0 ? sql` where 1 = 0` : sql``
  return sql`(select * from (${join(selects, ' union all ')}) as ${id('u')}${filter}) as ${id('t')}`
}
