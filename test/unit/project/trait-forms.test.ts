import { expect, test } from 'vitest'
import { isPersonal } from '../../../src/project/personal.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { read } from '../../support/shop.ts'

/** A shop with these traits of customers. */
async function traits(written: Readonly<Record<string, string>>) {
  const lines = Object.entries(written).map(([name, yaml]) => `    ${name}: ${yaml}\n`)
  const files = {
    'models/more.yaml': `
sources:
  regions: { table: raw.regions, key: region, columns: { opened_on: { type: date } } }
  shops: { table: raw.shops, key: shop_id, belongs_to: { regions: region } }
  visits:
    table: raw.visits
    at: visited_at
    identifiers: { email: visitor }
    belongs_to: { shops: shop_id }
traits:
  customer:
${lines.join('')}`,
  }
  const { project, diagnostics } = await read(files)
  expect(diagnostics).toEqual([])
  const customer = project?.entities.get('customer')
  if (!project || !customer) throw new Error('the project was not resolved')
  return { project, customer, trait: (name: string) => customer.traits.get(name) }
}

test('what is not said has a default', async () => {
  const { trait } = await traits({
    list: '{ from: orders, collect: status }',
    quiet: '{ from: orders, since: last }',
    dear: '{ from: orders, first: status, by: amount }',
  })
  expect(trait('list')?.definition).toMatchObject({ measure: { limit: 100 } })
  expect(trait('quiet')?.definition).toMatchObject({ measure: { which: 'last', unit: 'day' } })
  expect(trait('dear')?.definition).toMatchObject({ measure: { by: { descending: false } } })
})

test('the last word of an order is its direction, unless it is the only one', async () => {
  const { trait } = await traits({
    up: '{ from: orders, last: status, by: amount * 2 asc }',
    down: '{ from: orders, last: status, by: "round(amount, 1) DESC" }',
    named: '{ from: orders, last: status, by: desc }',
    both: '{ from: orders, last: status, by: "desc desc" }',
    strategy: '{ from: orders, last: status, by: min }',
  })
  const by = (name: string) => ({ measure: { by: expect.objectContaining({ descending: name === 'down' }) } })
  for (const name of ['up', 'down']) expect(trait(name)?.definition).toMatchObject(by(name))
  const of = (column: string, descending: boolean) => ({
    measure: { by: { of: { to: { column } }, descending } },
  })
  expect(trait('named')?.definition).toMatchObject(of('desc', false))
  expect(trait('both')?.definition).toMatchObject(of('desc', true))
  expect(trait('strategy')?.definition).toMatchObject(of('min', false))
})

test('a name goes from a row to its parent and on to the parent of that', async () => {
  const { trait } = await traits({
    far: '{ from: visits, max: shops.regions.opened_on, where: shops.regions.name = Nord }',
    near: '{ from: visits, max: shops.city }',
  })
  expect(trait('far')).toMatchObject({
    type: 'date',
    definition: { measure: { of: { to: { source: 'regions', through: ['shops'], column: 'opened_on' } } } },
  })
  expect(trait('near')?.definition).toMatchObject({
    measure: { of: { to: { kind: 'parent', source: 'shops', column: 'city' } } },
  })
})

test('steps become a case that asks the greatest first', async () => {
  const { trait } = await traits({ band: '{ bucket: age, steps: { young: -1, grown: 18 } }' })
  expect(trait('band')).toMatchObject({
    type: 'text',
    definition: {
      kind: 'expression',
      expression: {
        kind: 'case',
        when: [
          { test: { op: '>=', right: { value: '18' } }, value: { value: 'grown' } },
          { test: { op: '>=', right: { value: '-1' } }, value: { value: 'young' } },
        ],
        otherwise: undefined,
      },
    },
  })
})

test('a trait that shows values of persons is personal, one that counts or orders by them is not', async () => {
  const { project, customer } = await traits({
    listed: '{ from: orders, collect: billing_email }',
    by_month: '{ from: orders, max: billing_email, per: month, take: last }',
    ended: '{ from: orders, first: billing_email, by: amount desc }',
    counted: '{ from: orders, count_distinct: billing_email, per: month, take: max }',
    ordered: '{ from: orders, first: status, by: billing_email }',
    shared: '{ from: orders, share: billing_email is null }',
    banded: '{ bucket: age, steps: { young: 0 } }',
  })
  const made = ['listed', 'by_month', 'ended', 'counted', 'ordered', 'shared', 'banded']
  expect(made.filter((name) => isPersonal(project, customer, name))).toEqual(['listed', 'by_month', 'ended'])
})

test('the JSON Schema knows what each form takes', () => {
  const { properties } = jsonSchemas().traits as {
    readonly properties: Readonly<Record<string, { enum?: readonly string[]; maximum?: number; description: string }>>
  }
  expect(properties.since?.enum).toEqual(['first', 'last'])
  expect(properties.unit?.enum).toEqual(['hours', 'days', 'weeks', 'months'])
  expect(properties.per?.enum).toEqual(['day', 'week', 'month', 'quarter', 'year'])
  expect(properties.limit?.maximum).toBe(1000)
  expect(properties.streak?.description).toContain('weeks begin on Monday')
  expect(properties.steps).toMatchObject({ type: 'object', additionalProperties: { type: 'string' } })
})
