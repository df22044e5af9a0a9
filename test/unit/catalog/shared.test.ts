import { beforeAll, describe, expect, test } from 'vitest'
import { suggestionFor } from '../../../src/catalog/shared.ts'
import { paper } from '../../../src/commands/layout.ts'
import { printShared } from '../../../src/commands/print-shared.ts'
import { type Asking, asking } from '../../support/asking.ts'
import { diceOf } from '../../support/dice.ts'

const MODELS = `
sources:
  visits: { file: visits.csv, key: id, at: at, identifiers: { user_id: user, email: email, cookie: cookie, ip: ip } }
  orders: { file: orders.csv, key: id, at: at, loaded_at: at, identifiers: { user_id: user, email: email } }
entities:
  customer:
    identifiers:
      user_id: { block: [u0] }
      email: { normalize: email, max_fanout: 3 }
      cookie: {}
      ip: { link: false }
`

interface Seen {
  readonly user: string
  readonly email: string
  readonly cookie: string
}

const dice = diceOf(7)
const either = (value: string) => (dice(3) === 0 ? '' : value)
const row = (): Seen => ({
  user: either(`u${dice(8)}`),
  email: either(`e${dice(6)}@x.fr`),
  cookie: either(`k${dice(5)}`),
})
const VISITS = Array.from({ length: 40 }, row)
const ORDERS = Array.from({ length: 20 }, row)

const time = (at: number) => `2026-01-01T00:00:${String(at).padStart(2, '0')}Z`
const visits = VISITS.map(({ user, email, cookie }, at) => `v${at},${user},${email},${cookie},10.0.0.1,${time(at)}`)
const orders = ORDERS.map(({ user, email }, at) => `o${at},${user},${email},${time(at)}`)

describe('shared identifiers', () => {
  let asked: Asking
  beforeAll(async () => {
    asked = await asking({
      'models/all.yaml': MODELS,
      'visits.csv': `id,user,email,cookie,ip,at\n${visits.join('\n')}\n`,
      'orders.csv': `id,user,email,at\n${orders.join('\n')}\n`,
    })
    await asked.run()
    return () => asked.close()
  })

  test('are counted as max_fanout counts: distinct values of each stronger type in one row, without blocked ones', async () => {
    const [customer] = (await asked.shared({ limit: 100 })).entities
    const found = (customer?.identifiers ?? []).map(({ type, value, seen_with: seen, rows }) => {
      const counts = Object.fromEntries(seen.map((one) => [one.type, one.values]))
      return [`${type} ${value}`, { counts, rows }] as const
    })
    expect(Object.fromEntries(found)).toEqual(counted())
    const order = (customer?.identifiers ?? []).map(({ most }) => most)
    expect(order).toEqual([...order].sort((a, b) => b - a))
  })

  test('say whether they join, and can be asked for by type', async () => {
    const [customer] = (await asked.shared({ type: 'email', limit: 2 })).entities
    expect(customer?.identifiers).toHaveLength(2)
    expect(customer?.identifiers[0]).toMatchObject({ type: 'email', standing: 'shared', max_fanout: 3 })
    await expect(asked.shared({ type: 'emial' })).rejects.toMatchObject({
      diagnostics: [{ code: 'ref/unknown-identifier', fix: 'Did you mean "email"?' }],
    })
  })

  test('are printed without personal values', async () => {
    const page = printShared(await asked.hidden.shared(), paper(80, false)).join('\n')
    expect(page).toMatch(/^ {2}email \[hidden #\d+] +\d user_id +3 +no: shared +\d+$/m)
    expect(page).toMatch(/^ {2}cookie k\d +\d user_id +– +yes +\d+$/m)
    expect(page).not.toContain('@x.fr')
  })
})

/** What the rows of this file say, by the definition. */
function counted() {
  const found = new Map<string, { readonly with: Map<string, Set<string>>; rows: number }>()
  const note = (name: string, stronger: readonly (readonly [string, string])[]) => {
    const known = found.get(name) ?? { with: new Map<string, Set<string>>(), rows: 0 }
    found.set(name, known)
    known.rows += 1
    for (const [type, value] of stronger)
      if (value !== '' && value !== 'u0') known.with.set(type, (known.with.get(type) ?? new Set()).add(value))
  }
  for (const { user, email, cookie } of [...VISITS, ...ORDERS.map((one) => ({ ...one, cookie: '' }))]) {
    if (email !== '') note(`email ${email}`, [['user_id', user]])
    if (cookie !== '')
      note(`cookie ${cookie}`, [
        ['user_id', user],
        ['email', email],
      ])
  }
  return Object.fromEntries(
    [...found]
      .filter(([, one]) => one.with.size > 0)
      .map(([name, one]) => [
        name,
        { counts: Object.fromEntries([...one.with].map(([type, values]) => [type, values.size])), rows: one.rows },
      ]),
  )
}

describe('a suggestion', () => {
  const crowd = { seen_with: 1, identifiers: 9_000 }

  test('names what all others stay below', () => {
    const bins = [
      crowd,
      { seen_with: 2, identifiers: 990 },
      { seen_with: 3, identifiers: 6 },
      { seen_with: 40, identifiers: 2 },
    ]
    expect(suggestionFor('phone', bins)).toEqual({
      type: 'phone',
      identifiers: 2,
      seen_with: 40,
      median: 1,
      max_fanout: 3,
    })
  })

  test('is not made where many values are used widely, or none is ten times the median', () => {
    expect(suggestionFor('phone', [crowd, { seen_with: 40, identifiers: 50 }])).toBeUndefined()
    expect(
      suggestionFor('phone', [
        { seen_with: 4, identifiers: 9_000 },
        { seen_with: 40, identifiers: 1 },
      ]),
    ).toBeUndefined()
    expect(suggestionFor('phone', [])).toBeUndefined()
  })
})
