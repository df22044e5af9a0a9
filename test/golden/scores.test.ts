import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrintContext } from '../../src/compile/print-context.ts'
import { addScore, weightedScore } from '../../src/compile/score.ts'
import { scoreScan } from '../../src/compile/score-scan.ts'
import type { Entity } from '../../src/project/project.ts'
import { DEFAULT_CELLS } from '../../src/project/score.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { column, id, lines, print, Steps, sql, stacked } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { expectGolden } from '../support/golden.ts'
import { type Inline, inline } from '../support/inline.ts'

const MODELS = `
sources:
  orders: { file: orders.csv, category: transaction, key: id, at: at, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    spent: { from: orders, sum: amount }
    orders_90d: { from: orders, count: rows, within: 90 days }
    days_quiet: { from: orders, since: last }
    rfm: { score: rfm, from: orders, amount: amount, where: status = paid, within: 730 days }
    basket: { score: rfm, from: orders, amount: "amount / 100", tiles: 3, cells: { good: monetary = 3, new: [recency = 3, frequency = 1] } }
    standing: { score: weighted, weights: { spent: 3, orders_90d: 2, days_quiet: -1 } }
    worth: { score: value, from: orders, amount: amount, where: status = paid, horizon: 365 days }
`

let made: Inline
let customer: Entity

beforeAll(async () => {
  made = await inline({ 'models/all.yaml': MODELS, 'orders.csv': 'id,email,amount,status,at\n' })
  const found = made.project.entities.get('customer')
  if (!found) throw new Error('the project has no customer')
  customer = found
})
afterAll(() => made.close())

test.each([...warehouses().values()])('scores print for $type as they did', ({ dialect }) => {
  const printed = printedScores(dialect)
  expectGolden(`scores.${dialect.type}.sql`, printed)
  expect(printed.split('\n').filter((line) => line.length > 120)).toEqual([])
})

test('the table of cells in the documentation is the one that compiles', () => {
  const rows = Object.entries(DEFAULT_CELLS).map(([name, when]) => `| \`${name}\` | \`${when}\` |\n`)
  expect(readFileSync(new URL('../../docs/scores.md', import.meta.url), 'utf8')).toContain(rows.join(''))
})

/** What scores ask of the scan, and what becomes of it; the tests of compiled scores execute the same. */
function printedScores(dialect: Dialect): string {
  const context = { project: made.project, dialect }
  const traits = [...customer.traits.values()]
  const asked = traits.flatMap(({ name, definition }) =>
    definition.kind === 'score' && definition.score.kind !== 'weighted'
      ? scoreScan(context, name, definition.score)
      : [],
  )
  const weighted = traits.flatMap(({ name, definition }) =>
    definition.kind === 'score' && definition.score.kind === 'weighted'
      ? [sql`${weightedScore(definition.score, personal(context))} as ${id(name)}`]
      : [],
  )
  const steps = new Steps()
  const scores = traits.flatMap((trait) => addScore(steps, context, customer, trait) ?? [])
  const profile = steps.select(sql`
    select
      ${lines([sql`people.*`, ...scores.flatMap(({ columns }) => columns)])}
    from people
    ${stacked(scores.map(({ join }) => join))}`)
  const scan = sql`
    select
      ${lines(asked.map(({ name, value }) => sql`${value} as ${id(name)}`))}
    from ${id('orders')} as s
    cross join ${id('clock')}`
  const compared = sql`
    select
      ${lines([sql`p.*`, ...weighted])}
    from ${id('gathered')} as p`
  return [
    `-- asked of the one scan of orders\n${print(scan, dialect)}\n`,
    `-- made of what the scan found\n${print(profile, dialect)}\n`,
    `-- compared over the profiles\n${print(compared, dialect)}\n`,
  ].join('\n')
}

function personal({ project, dialect }: { project: Inline['project']; dialect: Dialect }): PrintContext {
  const nobody = () => sql`false`
  return {
    ...{ dialect, timezone: project.timezone, now: column('clock', 'now') },
    name: (to) => column('p', to.kind === 'trait' ? to.trait : ''),
    ...{ event: nobody, sequence: nobody, member: nobody, wasMember: nobody },
  }
}
