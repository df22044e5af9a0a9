import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withDataTests } from '../../src/arrange.ts'
import type { Context } from '../../src/compile/context.ts'
import { compileDataTests } from '../../src/compile/data-tests.ts'
import { printScript, printStatement, scriptOf } from '../../src/compile/print.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { type Desk, desk } from '../support/data-tests.ts'
import { ENGINES } from '../support/engines.ts'
import { expectGolden } from '../support/golden.ts'

const ORDERS = `    loaded_at: placed
    freshness: { warn_after: 24h, error_after: 3 days, where: status = paid }
    columns:
      status: { tests: [not_null, { accepted_values: [paid, open, "it's sent back"], where: "amount > 0 or placed > 7 days ago" }] }
      amount: { type: decimal, tests: [{ not_null: { severity: warn } }, { accepted_values: [1, 2.5, 08] }] }
      customer: { tests: [unique, { relationships: { to: people, where: status = paid } }] }
    tests:
      - row_count: { min: 1, max: 1000000 }
      - row_count: { min: 1 }
        where: placed > start of day
      - expression: "amount >= 0 or status = 'refunded'"
        where: { any: [status = paid, { all: [status = open, amount > 10] }] }
        max_failures: 1%
      - { unique: [customer, status], where: status is not null }
`

const PROFILES = {
  traits: `traits:
  customer:
    email: { pick: email, from: people, tests: [not_null, unique, { relationships: { to: people, column: email } }] }
`,
  entity: '    tests: [{ row_count: { min: 1 } }, { expression: "length(email) > 5" }]\n',
}

describe.each(ENGINES)('on $title', (engine) => {
  let shop: Desk
  let context: Context

  beforeAll(async () => {
    shop = await desk(engine)
    context = await shop.context(ORDERS, PROFILES)
    await shop.place.run()
  })

  afterAll(() => shop.place.close())

  // Sources that are files are DuckDB's alone; those of the others are tables here.
  const dialects = [...warehouses().values()].filter(({ type }) => (type === 'duckdb') === (engine.type === 'duckdb'))
  test.each(dialects)('the statements of data tests print for $type as they did, and are narrow', ({ dialect }) => {
    const printed = withDataTests({ ...context, dialect }, []).map((model) => printScript(scriptOf(model), dialect))
    const text = printed.join('\n')
    expectGolden(`data-tests.${dialect.type}.sql`, text)
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([])
  })

  test('each of them runs, the ones for examples, too', async () => {
    const scans = compileDataTests(context, context.project.dataTests, { profiles: 'published' })
    const statements = scans.flatMap((scan) => [
      scan.statement,
      ...scan.tests.flatMap(({ examples }) => examples ?? []),
    ])
    expect(statements.length).toBeGreaterThan(15)
    // Published names and the clock of the build that is published.
    for (const statement of statements) await shop.place.session.first({ statement, tokens: { b: 2 } })
    expect(new Set(statements.map((one) => printStatement(one, context.dialect))).size).toBe(statements.length)
    expect(new Set(statements.map(({ name }) => name)).size).toBe(statements.length)
  })
})
