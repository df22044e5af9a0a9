import { expect, test } from 'vitest'
import { graphOf } from '../../../src/project/graph.ts'
import { isPersonal } from '../../../src/project/personal.ts'
import { select } from '../../../src/project/select.ts'
import { read } from '../../support/shop.ts'

const HOUSEHOLDS = {
  'models/a_groups.yaml': `
sources:
  parcels: { table: raw.parcels, key: id, at: sent_at, identifiers: { address_key: address, email: email } }
  cards: { table: raw.cards, key: id, identifiers: { address_key: address, crm_id: owner } }
entities:
  household: { of: customer, identifiers: { address_key: {} } }
traits:
  household:
    size: { from: customer, count: rows }
    wealth: { from: customer, sum: revenue, where: customer.vip and age >= 18 }
    eldest: { from: customer, max: age }
    any_name: { from: customer, most_frequent: name }
    since: { from: customer, min: first_seen_at }
segments:
  rich: { of: household, where: wealth > 500 and size >= 2 }
  housed: { of: customer, where: household_id is not null }
`,
  'models/segments.yaml':
    'segments:\n  vips: { of: customer, where: vip }\n  grown_ups: { of: customer, where: age >= 18 }\n',
}

test('traits of a group take their types from the traits of its members, wherever those are written', async () => {
  const { project, diagnostics } = await read(HOUSEHOLDS)
  expect(diagnostics).toEqual([])
  expect([...(project?.entities.keys() ?? [])]).toEqual(['household', 'customer'])
  const traits = [...(project?.entities.get('household')?.traits.values() ?? [])]
  expect(traits.map(({ name, type, definition }) => [name, type, definition.kind])).toEqual([
    ['size', 'integer', 'members'],
    ['wealth', 'decimal', 'members'],
    ['eldest', 'integer', 'members'],
    ['any_name', 'text', 'members'],
    ['since', 'timestamp', 'members'],
  ])
})

test('a trait of a group is personal where the trait of its members is', async () => {
  const { project } = await read(HOUSEHOLDS)
  const household = project?.entities.get('household')
  if (!project || !household) throw new Error('the project was not resolved')
  const personal = [...household.traits.keys()].filter((name) => isPersonal(project, household, name))
  expect(personal).toEqual(['any_name'])
})

test('a group needs its members, and whoever selects it selects them', async () => {
  const { project } = await read(HOUSEHOLDS)
  if (project === undefined) throw new Error('the project was not resolved')
  expect(graphOf(project).get('entity:household')?.needs).toEqual(['entity:customer', 'source:cards', 'source:parcels'])
  expect([...select(project, ['+segment:rich'], []).entities]).toEqual(['household', 'customer'])
})

test('the identifiers of a group never say whose the rows of a source are that name nobody', async () => {
  const { project } = await read(HOUSEHOLDS)
  expect(project?.sources.get('cards')?.identifiers.map(({ type }) => type)).toEqual(['crm_id', 'address_key'])
})
