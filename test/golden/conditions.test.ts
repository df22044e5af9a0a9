import { DuckDBInstance } from '@duckdb/node-api'
import { parse } from 'libpg-query'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { printCondition } from '../../src/compile/condition.ts'
import { printComparedInstant, printExpression } from '../../src/compile/expression.ts'
import type { PrintContext } from '../../src/compile/print-context.ts'
import { parseMoment } from '../../src/project/expression.ts'
import { column, id, print, type Sql, sql } from '../../src/sql/sql.ts'
import { duckdbDialect } from '../../src/warehouses/duckdb-dialect.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { postgresDialect } from '../../src/warehouses/postgres-dialect.ts'
import { expectGolden } from '../support/golden.ts'
import { conditionOf, PARIS, people, scalarOf, treeOf } from '../support/language.ts'

const context: PrintContext = {
  dialect: duckdbDialect,
  timezone: PARIS,
  now: column('clock', 'now'),
  name: (to) => column('p', 'trait' in to ? to.trait : to.column),
  event: (event) => column('did', event.source),
  sequence: ({ steps }) => column('then', steps.map(({ source }) => source).join('_')),
  member: (segment) => column('member', segment),
  wasMember: (past) => column('was', past.segment),
}

const long = Array.from({ length: 40 }, (_, index) => `COUNTRY${index}`).join(', ')

const conditions: readonly string[] = [
  'country = FR',
  'country != FR',
  'is_vip and not country = FR',
  'lifetime_value >= 500 and country in [FR, BE, CH]',
  'zip = 01000 or (order_count > 08 and is_vip)',
  `country in [${long}]`,
  'order_count not between 1 and 5',
  'email is not null',
  "email like '%@x.fr'",
  'email not contains spam',
  'email starts with info or email ends with .fr',
  "email matches '^(a|b)'",
  'tags contains vip',
  'last_order_at < 90 days ago',
  'last_order_at >= start of month - 1 month',
  'last_order_at > 2026-01-01T08:00',
  'last_order_at = 2026-01-01',
  'last_order_at != 2026-01-01',
  'last_order_at <= 2026-01-01 and last_order_at > today',
  'last_order_at between 2026-01-01 and 2026-01-31',
  'last_order_at not in [2026-01-01, today]',
  'birthday = today or birthday < 2000-01-01',
  'birthday < customer.last_order_at',
  'birthday in [2000-01-01, 2000-01-02]',
  'last_order_at < customer.birthday + 30 days',
  'days_between(last_order_at, today) > 30',
  'lifetime_value > customer.average_basket * 2 + 1',
  '[is_vip, { any: [country = FR, { not: { member_of: vips } }] }]',
  '[{ did: orders, within: 30 days }, { did_not: orders }]',
  "sql: country ilike 'f%' -- any case",
]

const expressions: readonly string[] = [
  'lifetime_value / nullif(order_count, 0)',
  'order_count - (1 - 2) * -3',
  "case when country = 'FR' then 1 else 0 end",
  "case when lifetime_value > 1000 and is_vip then 'a big spender' when country in ['FR', 'BE'] then 'one of ours' end",
  'case when is_vip then last_order_at else birthday end',
  'coalesce(last_order_at, 2020-01-01)',
  'greatest(lifetime_value, average_basket, 0)',
  "concat(lower(country), '-', order_count)",
  'substring(upper(trim(zip)), 1, 2)',
  'round(abs(average_basket), 2)',
  'length(email) + 12345678901234567890',
  'date_trunc(month, last_order_at)',
  'date_trunc(year, birthday)',
  'birthday + 1 month',
  'last_order_at - 30 days',
  'email',
]

const casesOf = (context: PrintContext): readonly (readonly [string, Sql])[] => [
  ...conditions.map((text) => [`where: ${text}`, printCondition(conditionOf(text), context)] as const),
  ...expressions.map(
    (text) => [`expr: ${text}`, printExpression(treeOf(text, people, 'expression'), context)] as const,
  ),
]

const cases = casesOf(context)

let duckdb: DuckDBInstance

beforeAll(async () => {
  duckdb = await DuckDBInstance.create(':memory:')
  const connection = await duckdb.connect()
  await connection.run(`
    set TimeZone = 'UTC';
    create table p (email varchar, country varchar, zip varchar, order_count bigint, lifetime_value decimal(18, 2),
      average_basket double, is_vip boolean, last_order_at timestamptz, birthday date, tags varchar[]);
    create table clock as select timestamptz '2026-02-01 00:00:00Z' as now;
    create table did as select true as orders;
    create table member as select true as vips;
  `)
})

afterAll(() => duckdb.closeSync())

test.each([...warehouses().values()])('conditions and expressions print as they did for $type', ({ type, dialect }) => {
  const printed = casesOf({ ...context, dialect }).map(
    ([title, one]) => `-- ${title.split('\n').join(' ')}\n${print(one, dialect)}\n`,
  )
  expectGolden(`conditions.${type}.sql`, printed.join('\n'))
  const lines = printed.flatMap((one) => one.split('\n').slice(1))
  expect(lines.filter((line) => line.length > 120)).toEqual([])
})

test("Postgres's own parser reads each of them", async () => {
  for (const [title, one] of casesOf({ ...context, dialect: postgresDialect }))
    await parse(`select (${print(one, postgresDialect)}) as answer`).catch((error: Error) => {
      throw new Error(`${title}: ${error.message}`)
    })
})

test('however deep and long a condition is, its lines stay within 120', () => {
  const condition = Array.from({ length: 24 }).reduce<string>(
    (inner, _, index) =>
      `not (${inner} or lifetime_value * ${index} + order_count > 5 and not last_order_at < ${index} days ago)`,
    'is_vip',
  )
  const calls = Array.from({ length: 40 }).reduce<string>((inner) => `coalesce(lower(${inner}), country)`, 'country')
  const sum = Array.from({ length: 60 }, (_, index) => `(order_count - ${index}) * lifetime_value`).join(' + ')
  const words = Array.from({ length: 500 }, (_, index) => `word ${index}`)
  const some = `['${words.join("', '")}']`
  const list = Array.from({ length: 5_000 }, (_, index) => `order_count + ${index}`).join(', ')
  for (const text of [
    condition,
    `${calls} = fr`,
    `${sum} > 5`,
    `abs(${sum}) / (${sum}) > 5`,
    `case when order_count in [${list}] then is_vip end`,
    `${calls} is empty or not (${calls} contains any of ${some})`,
    `tags not contains all of ${some} and last_order_at not within 30 days`,
  ]) {
    const lines = textOf(printExpression(treeOf(text), context)).split('\n')
    expect(lines.length).toBeGreaterThan(24)
    expect(lines.filter((line) => line.length > 120)).toEqual([])
  }
})

test("an instant of the caller's is compared with a day as a column is", () => {
  const moment = (op: '>' | '<', text: string) => {
    const time = parseMoment(scalarOf(text), people, [])
    return time && textOf(printComparedInstant(id('at'), op, time, context)).replace(/\s+/g, ' ')
  }
  expect(moment('<', '2026-01-01')).toBe(`"at" < (cast(date '2026-01-01' as timestamp) at time zone 'Europe/Paris')`)
  expect(moment('>', '2026-01-01')).toBe(`"at" >= (cast(date '2026-01-02' as timestamp) at time zone 'Europe/Paris')`)
  expect(moment('>', 'customer.birthday')).toBe(`cast("at" at time zone 'Europe/Paris' as date) > "p"."birthday"`)
  expect(moment('>', 'customer.last_order_at')).toBe('"at" > cast("p"."last_order_at" as timestamptz)')
})

test.each(cases)('DuckDB runs %s', async (_, one) => {
  const connection = await duckdb.connect()
  await connection.run(textOf(sql`select (${one}) as answer from p cross join clock cross join did cross join member`))
})

function textOf(fragment: Sql): string {
  return print(fragment, duckdbDialect)
}
