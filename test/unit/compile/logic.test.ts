import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printCondition } from '../../../src/compile/condition.ts'
import type { PrintContext } from '../../../src/compile/print-context.ts'
import { type ConditionScope, readCondition } from '../../../src/project/condition.ts'
import { entityScope, sourceScope } from '../../../src/project/scope.ts'
import type { Node } from '../../../src/project/tree.ts'
import type { Dialect, ValueType } from '../../../src/sql/dialect.ts'
import { column, id, print } from '../../../src/sql/sql.ts'
import { duckdbDialect } from '../../../src/warehouses/duckdb-dialect.ts'
import { postgresDialect } from '../../../src/warehouses/postgres-dialect.ts'
import { PARIS, scalarOf } from '../../support/language.ts'
import { condition } from '../../support/logic.ts'
import { type Row, row, type Truth } from '../../support/logic-row.ts'
import { NOW } from '../../support/logic-time.ts'
import { sharedPostgres } from '../../support/shared-postgres.ts'

// Names of both scopes begin with `it.`, so that one text means the same in each.
const TYPES: ReadonlyMap<string, ValueType> = new Map([
  ['n', 'integer'],
  ['m', 'integer'],
  ['f', 'float'],
  ['s', 'text'],
  ['t', 'text'],
  ['l', 'list'],
  ['k', 'list'],
  ['b', 'boolean'],
  ['c', 'boolean'],
  ['at', 'timestamp'],
  ['seen', 'timestamp'],
  ['day', 'date'],
  ['born', 'date'],
])

const traits: ConditionScope = {
  names: entityScope({ name: 'it', traits: TYPES }, PARIS),
  entity: 'it',
  events: new Map([['events', { scope: entityScope({ name: 'it', traits: TYPES }, PARIS), hasTime: true }]]),
  segments: new Map([['others', { entity: 'it' }]]),
}

// Only dates and lists must be declared: all else takes its type from what it meets.
const columns: ConditionScope = {
  ...traits,
  names: sourceScope({
    source: {
      name: 'it',
      types: new Map([...TYPES].filter(([, type]) => type === 'date' || type === 'list')),
      belongsTo: new Map(),
    },
    sources: new Map(),
    timezone: PARIS,
  }),
}

const contextOf = (dialect: Dialect): PrintContext => ({
  dialect,
  timezone: PARIS,
  now: column('clock', 'now'),
  name: (to) => column('it', 'trait' in to ? to.trait : to.column),
  event: () => column('it', 'did'),
  sequence: () => column('it', 'did'),
  member: () => column('it', 'member'),
  wasMember: () => column('it', 'was_member'),
})

/** A warehouse that is asked by its own driver. */
interface Asked {
  readonly dialect: Dialect
  /** The type of columns whose texts are compared by code point: that is up to the table where no type is declared. */
  readonly texts: string
  run(text: string): Promise<void>
  answers(text: string): Promise<readonly (readonly Truth[])[]>
  close(): Promise<void>
}

const WAREHOUSES: Readonly<Record<string, () => Promise<Asked>>> = {
  DuckDB: async () => {
    const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await duckdb.connect()
    return {
      dialect: duckdbDialect,
      texts: 'varchar',
      run: async (text) => void (await connection.run(text)),
      answers: async (text) => (await connection.runAndReadAll(text)).getRows() as Truth[][],
      close: async () => duckdb.closeSync(),
    }
  },
  Postgres: async () => {
    const { host, port, database, user } = await (await sharedPostgres()).database()
    const client = new pg.Client({ host, port, database, user })
    await client.connect()
    return {
      dialect: postgresDialect,
      texts: 'text collate pg_c_utf8',
      run: async (text) => void (await client.query(text)),
      answers: async (text) => (await client.query({ text, rowMode: 'array' })).rows,
      close: () => client.end(),
    }
  },
}

describe.each(Object.entries(WAREHOUSES))('on %s', (_, open) => {
  let place: Asked

  beforeAll(async () => {
    place = await open()
    await place.run(`
    set TimeZone = 'UTC';
    create table it (i integer, n bigint, m bigint, f double precision, s ${place.texts}, t ${place.texts}, l varchar[], k varchar[], b boolean, c boolean,
      "at" timestamptz, seen timestamp, "day" date, born date, did boolean, member boolean, was_member boolean);
    create table clock as select timestamptz '${NOW}' as now;
  `)
  })

  afterAll(() => place.close())

  test('printed conditions are true, false and null on the rows on which they should be', {
    timeout: 120_000,
  }, async () => {
    const seen = { true: 0, false: 0, null: 0 }
    const property = fc.asyncProperty(
      fc.array(row, { minLength: 30, maxLength: 30 }),
      fc.array(condition, { minLength: 25, maxLength: 25 }),
      async (rows, conditions) => {
        await fill(place, rows)
        const scopes = [traits, columns]
        const printed = conditions.map((one, index) => printedOf(place, one.node, scopes[index % 2] ?? traits))
        const answers = await answersOf(place, printed)
        conditions.forEach((one, index) => {
          const expected = rows.map(one.holds)
          for (const truth of expected) seen[`${truth}`]++
          expect({ sql: printed[index], answers: answers.map((row) => row[index]) }).toEqual({
            sql: printed[index],
            answers: expected,
          })
        })
      },
    )
    await fc.assert(property, { seed: 7, numRuns: 50, endOnFailure: true })
    expect(Math.min(seen.true, seen.false, seen.null)).toBeGreaterThan(2_000)
  })

  test.each([
    ['at < 2026-03-29', [true, false, false, false, false]],
    ['at >= 2026-03-29', [false, true, true, true, true]],
    ['at = 2026-03-29', [false, true, true, true, false]],
    ['at != 2026-03-29', [true, false, false, false, true]],
    ['at <= 2026-03-29', [true, true, true, true, false]],
    ['at > 2026-03-29', [false, false, false, false, true]],
    ['at between 2026-03-29 and 2026-03-29', [false, true, true, true, false]],
    ['at in [2026-03-29]', [false, true, true, true, false]],
    ['at not in [2026-03-29]', [true, false, false, false, true]],
    ['2026-03-29 > it.at', [true, false, false, false, false]],
    ['2026-03-29 >= it.at', [true, true, true, true, false]],
    ['2026-03-29 < it.at', [false, false, false, false, true]],
    ['at = it.day', [false, true, true, true, false]],
    ['at > it.day', [false, false, false, false, true]],
  ])('a day beside an instant stands for all of it, in the zone of the project: %s', async (text, expected) => {
    // The day on which summer time begins in Paris lasts 23 hours.
    const times = [
      '2026-03-28T22:59:59Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T12:00:00Z',
      '2026-03-29T21:59:59Z',
      '2026-03-29T22:00:00Z',
    ]
    await fill(
      place,
      times.map((at) => ({ ...EMPTY, at, day: '2026-03-29' })),
    )
    for (const scope of [traits, columns]) {
      const answers = await answersOf(place, [printedOf(place, scalarOf(text), scope)])
      expect(answers.map(([answer]) => answer)).toEqual(expected)
    }
  })
})

const EMPTY: Row = {
  ...{ n: null, m: null, f: null, s: null, t: null, b: null, c: null },
  ...{ l: null, k: null, at: null, seen: null, day: null, born: null, did: false, member: false, was_member: false },
}

function printedOf({ dialect }: Asked, node: Node, scope: ConditionScope): string {
  const problems: { message: string }[] = []
  const tree = readCondition(node, scope, problems as never[])
  if (tree === undefined) throw new Error(`${textOf(node)}: ${problems.map((one) => one.message).join(' ')}`)
  const printed = print(printCondition(tree, contextOf(dialect)), dialect)
  expect(printed.split('\n').filter((line) => line.length > 120)).toEqual([])
  return printed
}

async function fill({ run }: Asked, rows: readonly Row[]): Promise<void> {
  const names = Object.keys(EMPTY) as (keyof Row)[]
  const values = rows.map((row, index) => `(${[index, ...names.map((name) => literal(row[name]))].join(', ')})`)
  const columns = ['i', ...names].map((name) => `"${name}"`).join(', ')
  await run(`delete from it; insert into it (${columns}) values ${values.join(', ')}`)
}

function literal(value: Row[keyof Row]): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value !== 'string') return `cast(array[${value.map(literal).join(', ')}] as varchar[])`
  return `'${value.replaceAll("'", "''")}'`
}

async function answersOf(
  { dialect, answers }: Asked,
  conditions: readonly string[],
): Promise<readonly (readonly Truth[])[]> {
  const select = conditions.map((one, index) => `(${one}) as ${print(id(`c${index}`), dialect)}`)
  return answers(`select ${select.join(',\n')} from it cross join clock order by it.i`)
}

function textOf(node: Node): string {
  return JSON.stringify(node, (key, value) => (key === 'at' ? undefined : value))
}
