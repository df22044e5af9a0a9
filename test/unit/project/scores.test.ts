import { expect, test } from 'vitest'
import { traitColumns } from '../../../src/project/columns.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { read } from '../../support/shop.ts'

async function traits(more: string) {
  const { project, diagnostics } = await read({ 'models/more.yaml': `traits:\n  customer:\n${more}` })
  expect(diagnostics).toEqual([])
  return project?.entities.get('customer')?.traits ?? new Map()
}

test('an RFM score has a column for each part, and one for its cell where it has cells', async () => {
  const found = await traits(`
    rfm: { score: rfm, from: orders, amount: amount }
    thirds: { score: rfm, from: orders, amount: amount, tiles: 3 }
    pairs: { score: rfm, from: orders, amount: amount, tiles: 2, cells: { best: recency = 2 } }
    plain: { score: rfm, from: orders, amount: amount, cells: {} }
    good: { expr: "rfm__cell = 'champions' and thirds__recency > 1" }
`)
  const columns = traitColumns(new Map([...found].filter(([, { definition }]) => definition.kind === 'score')))
  expect(columns.filter(({ name }) => name.startsWith('rfm'))).toEqual([
    { name: 'rfm', type: 'text' },
    { name: 'rfm__recency', type: 'integer' },
    { name: 'rfm__frequency', type: 'integer' },
    { name: 'rfm__monetary', type: 'integer' },
    { name: 'rfm__cell', type: 'text' },
  ])
  expect(columns.map(({ name }) => name).filter((name) => name.endsWith('__cell'))).toEqual([
    'rfm__cell',
    'pairs__cell',
  ])
  expect(found.get('good')?.type).toBe('boolean')
})

test('a weighted score is written before or after the traits that it compares, also scores', async () => {
  const found = await traits(`
    standing: { score: weighted, weights: { customer.worth: 2, revenue: -0.5, last_seen_at: 1, vip: 1, above: 1 } }
    above: { expr: "worth - revenue" }
    worth: { score: value, from: orders, amount: amount, horizon: 12 months }
`)
  expect([found.get('standing')?.type, found.get('worth')?.type]).toEqual(['float', 'float'])
  expect(found.get('standing')?.definition).toMatchObject({
    score: { weights: [{ trait: { to: { trait: 'worth' }, type: 'float' }, weight: 2 }, { weight: -0.5 }, {}, {}, {}] },
  })
  expect(found.get('worth')?.definition).toMatchObject({ score: { horizon: 365.25 } })
})

test('the JSON Schema describes every key of a score', () => {
  const { properties } = jsonSchemas().traits as {
    properties: Record<string, { description?: string; enum?: string[] }>
  }
  expect(properties.score?.enum).toEqual(['rfm', 'weighted', 'value'])
  for (const key of ['score', 'amount', 'tiles', 'cells', 'weights', 'horizon'])
    expect([key, (properties[key]?.description ?? '').length > 20]).toEqual([key, true])
})
