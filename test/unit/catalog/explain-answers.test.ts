import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Explanation } from '../../../src/catalog/explain.ts'
import { type Asking, asking } from '../../support/asking.ts'
import { written } from '../../support/written.ts'

const MODELS = `
sources:
  people: { file: people.csv, category: profile, key: id, identifiers: { user_id: id, email: mail } }
  orders: { file: orders.csv, category: transaction, key: no, at: at, identifiers: { user_id: user } }
entities: { customer: { identifiers: { user_id: {}, email: { normalize: email } } } }
traits:
  customer:
    email: { pick: mail, from: people }
    city: { pick: city, from: people }
    spent: { from: orders, sum: amount }
    order_count: { from: orders, count: rows }
segments:
  big:
    where:
      - spent >= 100
      - any: [city = Lyon, city = Paris]
  quiet: { where: [{ did_not: orders, within: 30 days }], exclude: [big] }
  tried: { where: spent > 0, split: { red: 40%, blue: 40% } }
  one: { where: spent > 0, limit: { rows: 1, by: spent desc } }
  reachable: { where: email is not null and email != gone@x.fr }
`

const PEOPLE = `id,mail,city
${Array.from({ length: 30 }, (_, at) => `u${at},m${at}@x.fr,${['Lyon', 'Paris', 'Metz', ''][at % 4]}`).join('\n')}
`
const ORDERS = `no,user,amount,at
${Array.from({ length: 24 }, (_, at) => `o${at},u${at},${at * 13},2026-0${at % 2 === 0 ? 1 : 2}-20T00:00:00Z`).join('\n')}
`

let made: Asking

beforeAll(async () => {
  made = await asking({ 'models/all.yaml': MODELS, 'people.csv': PEOPLE, 'orders.csv': ORDERS })
  await made.run()
})
afterAll(() => made.close())

type Profile = Extract<Explanation, { readonly answer: 'profile' }>

async function person(id: string, how: Pick<Asking, 'explain'> = made): Promise<Profile> {
  const found = await how.explain(`user_id:${id}`)
  if (found.answer !== 'profile') throw new Error(`${id} is ${found.answer}`)
  return found
}

async function published(query: string): Promise<unknown> {
  return (await made.session.first(written(query)))?.answer ?? null
}

test('traits and segments are those that are published; of a segment the lines fit what became of the person', async () => {
  for (const id of ['u0', 'u9', 'u14', 'u20', 'u27']) {
    const { profile, traits, segments, unbuilt } = await person(id)
    expect(unbuilt).toEqual([])
    for (const { name, value } of traits) {
      const query = `select cast(${name} as varchar) as answer from cdp.customer where profile_id = '${profile.profile_id}'`
      expect(Number(value) || value, `${id} ${name}`).toEqual(
        Number(await published(query)) || (await published(query)),
      )
    }
    for (const { name, member, variant, decided } of segments) {
      const of = `from cdp.segment_membership where profile_id = '${profile.profile_id}' and segment = '${name}'`
      const [count, side] = [
        await published(`select count(*) as answer ${of} and variant is distinct from 'held_out'`),
        await published(`select max(variant) as answer ${of}`),
      ]
      expect([member, variant], `${id} ${name}`).toEqual([count === '1', side])
      expect(decided.length, `${id} ${name}`).toBeGreaterThan(0)
      for (const { verdict } of decided) expect(verdict === true, `${id} ${name}`).toBe(member)
    }
  }
})

test('a line is told with its place, its words, its parts and the values of the person', async () => {
  const { segments } = await person('u10')
  expect(segments.find(({ name }) => name === 'big')).toEqual({
    name: 'big',
    member: false,
    variant: null,
    decided: [
      {
        text: 'any: city = Lyon · city = Paris',
        file: 'models/all.yaml',
        line: 16,
        verdict: false,
        values: [],
        inner: [
          expect.objectContaining({ text: 'city = Lyon', verdict: false, values: [{ name: 'city', value: 'Metz' }] }),
          expect.objectContaining({ text: 'city = Paris', verdict: false }),
        ],
        rows: [],
      },
    ],
  })
  const after = (await person('u5')).segments.find(({ name }) => name === 'one')
  expect(after).toMatchObject({ member: false, decided: [{ text: 'limit: 1', verdict: false }] })
})

test('personal values are hidden, in traits as in the values of lines', async () => {
  const { traits, segments } = await person('u5', made.hidden)
  expect(traits.find(({ name }) => name === 'email')).toEqual({ name: 'email', value: '[hidden]' })
  expect(traits.find(({ name }) => name === 'city')).toEqual({ name: 'city', value: 'Paris' })
  expect(JSON.stringify({ traits, segments })).not.toContain('m5@x.fr')
})

test('what the project has and the published build has not is named, and the rest is told', async () => {
  made.write({
    'models/all.yaml': MODELS.replace('    spent: {', '    visits: { from: orders, count: rows }\n    spent: {')
      .replace('- spent >= 100', '- visits >= 100')
      .replace('  quiet:', '  fresh: { where: spent > 1 }\n  quiet:'),
  })
  const { traits, segments, unbuilt } = await person('u5')
  expect(unbuilt).toEqual(['visits', 'big', 'fresh'])
  expect(traits.map(({ name }) => name)).toEqual(['email', 'city', 'spent', 'order_count'])
  expect(segments.map(({ name }) => name)).toEqual(['quiet', 'tried', 'one', 'reachable'])
})
