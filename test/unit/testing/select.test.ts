import { expect, test } from 'vitest'
import { selectTests } from '../../../src/testing/select.ts'
import { read } from '../../support/shop.ts'

const TESTS = `
tests:
  is this a vip?:
    now: 2026-03-01
    tags: [crm]
    given: { orders: [{ order_id: 1, billing_email: a@x.fr }] }
    expect: { vips: { out: [a@x.fr] } }
  who is grown up:
    now: 2026-03-01
    given: { contacts: [{ contact_id: 1, age: 18 }] }
    expect: { grown_ups: { count: 1 }, customer: { count: 1 } }
`

test.each([
  [['is this a vip?'], [], ['is this a vip?'], []],
  [['who*'], [], ['who is grown up'], []],
  [['*'], ['tag:crm'], ['who is grown up'], []],
  [['segment:vip*'], [], ['is this a vip?'], []],
  [['entity:customer'], [], ['who is grown up'], []],
  [['source:orders'], [], ['is this a vip?'], []],
  [['segment:vips', 'nobody'], ['source:x'], ['is this a vip?'], ['nobody', 'source:x']],
  [[], [], ['is this a vip?', 'who is grown up'], []],
])('--select %j --exclude %j', async (include, exclude, names, missed) => {
  const { project } = await read({ 'models/tests.yaml': TESTS })
  const units = [...(project?.unitTests.tests.values() ?? [])]
  const selected = selectTests({ units, data: [] }, include, exclude)
  expect(selected.units.map(({ name }) => name)).toEqual(names)
  expect(selected.missed).toEqual(missed)
})
