import { describe, expect, test } from 'vitest'
import { ALL } from '../../support/all.ts'
import { type Dice, diceOf } from '../../support/dice.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { written } from '../../support/written.ts'

/** Everything that adds up, and what is asked of recent rows. `more` is one trait that comes and goes. */
const traits = (more: string) => `
traits:
  customer:
    events: { from: events, count: rows }
    paid: { from: events, sum: amount, where: kind = paid }
    spent: { from: events, sum: ratio }
    mean_amount: { from: events, avg: amount }
    mean_ratio: { from: events, avg: ratio, where: "amount > 3" }
    least: { from: events, min: amount }
    newest: { from: events, max: happened }
    greatest_name: { from: events, max: name }
    returned: { from: events, exists: true, where: kind = returned }
    paid_share: { from: events, share: kind = paid }
    opening: { from: events, first: kind }
    closing: { from: events, last: name }
    dearest: { from: events, first: name, by: amount desc }
    cheapest: { from: events, first: name, by: amount }
    greatest: { from: events, last: kind, by: ratio }
    quiet_days: { from: events, since: last }
    known_hours: { from: events, since: first, unit: hours, where: kind = paid }
    name: { pick: name, from: [events, contacts], by: most_recent }
    first_name: { pick: name, from: [events], by: first }
    long_name: { pick: name, from: [events], by: longest }
    any_ok: { pick: ok, from: events, by: any_true }
    low_name: { pick: name, from: events, by: min }
    named: { pick: name, from: [contacts, events], by: priority }
    mail: { pick: email, from: events, by: most_recent }
    recent_events: { from: events, count: rows, within: 10 days }
    recent_median: { from: events, median: amount, within: 2 weeks }
    recent_kinds: { from: events, collect: kind, within: 5 days }
    recent_streak: { from: events, streak: day, within: 10 days }
    recent_best: { from: events, max: amount, per: day, take: avg, within: 2 weeks }
    rfm: { score: rfm, from: events, amount: amount }
    rfm_month: { score: rfm, from: events, amount: amount, within: 2 weeks }
    worth: { score: value, from: events, amount: amount, horizon: 90 days }
${more}
  household:
    orders: { from: events, count: rows }
    last_kind: { from: events, last: kind }
segments:
  buyers: { of: customer, where: { did: events, where: kind = paid, at_least: 2 } }
  spenders: { of: customer, where: { did: events, sum: ratio, at_least: 1 } }
  careful: { of: customer, where: { did: events, avg: amount, at_most: 5 } }
  lapsed: { of: customer, where: { did: events, last: { before: 7 days ago } } }
  begun: { of: customer, where: { did: events, first: { within: 10 days }, last: { after: 2026-01-05 } } }
  few: { of: customer, where: { did: events, within: 4 days, at_most: 1 } }
  cheap: { of: customer, where: { did: events, min: amount, at_most: 2 } }
  after_new_year: { of: customer, where: { did: events, after: 2026-01-09, at_least: 2 } }
`

interface Rules {
  readonly appendOnly: boolean
  readonly blocked: string
  readonly more: string
}

const models = ({ appendOnly, blocked, more }: Rules) => `
sources:
  events:
    table: raw.events
    category: event
    key: id
    at: happened
    loaded_at: loaded
    overlap: 2 hours
    append_only: ${appendOnly}
    identifiers: { user: who, email: email, phone: { column: phone, country: country }, address: address }
    columns:
      { amount: { type: decimal }, ratio: { type: float }, kind: { type: text }, name: { type: text }, ok: { type: boolean } }
  contacts:
    table: raw.contacts
    category: profile
    key: id
    updated_at: changed
    identifiers: { user: who, email: email, address: address }
    columns: { name: { type: text } }
entities:
  customer:
    identifiers:
      user: { limit: 2 }
      email: { normalize: email, block: ["${blocked}"] }
      phone: { normalize: phone, max_fanout: 3 }
  household: { of: customer, identifiers: { address: { max_fanout: 9 } } }
${traits(more)}`

const config = (now: number) => `
name: test
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
defaults: { timezone: Europe/Paris, phone_country: FR }
now: ${new Date(now).toISOString()}
`

const DAY = 86_400_000
const START = Date.UTC(2026, 0, 10)

/** The same rows under a project that reads everything, and under one that says its events are only appended. */
class Twins {
  readonly #both: readonly [Inline, Inline]

  private constructor(both: readonly [Inline, Inline]) {
    this.#both = both
  }

  static async open(): Promise<Twins> {
    const open = (appendOnly: boolean) =>
      inline({
        'cdp.config.yaml': config(START),
        'models/all.yaml': models({ appendOnly, blocked: 'a@x.fr', more: '' }),
      })
    const twins = new Twins([await open(false), await open(true)])
    await twins.change(
      'create schema raw',
      `create table raw.events (id text, happened timestamptz, loaded timestamptz, who text, email text, phone text,
        country text, address text, amount decimal(12, 2), ratio double, kind text, name text, ok boolean)`,
      'create table raw.contacts (id text, changed timestamptz, who text, email text, address text, name text)',
    )
    return twins
  }

  async change(...statements: readonly string[]): Promise<void> {
    for (const { session } of this.#both) await session.script(statements.map(written))
  }

  /** Builds and publishes both; true where the second read only new rows. */
  async build(now: number, rules: Omit<Rules, 'appendOnly'>, fullRefresh = false): Promise<boolean> {
    const built = []
    for (const [index, one] of this.#both.entries()) {
      one.write({ 'cdp.config.yaml': config(now), 'models/all.yaml': models({ ...rules, appendOnly: index === 1 }) })
      built.push(await one.run(undefined, { fullRefresh }))
    }
    return typeof built[1]?.values.counted_customer_events === 'string'
  }

  /** What readers see under the project that is append-only (1), or the other (0). */
  async shown(which: 0 | 1, view: string): Promise<readonly string[]> {
    const [first, second] = this.#both
    const { session } = which === 0 ? first : second
    const row = await session.first(
      written(`select string_agg(t::text, chr(10) order by t::text) as all_rows from cdp.${view} as t`),
    )
    return (row?.all_rows ?? '').split('\n')
  }

  async close(): Promise<void> {
    for (const one of this.#both) await one.close()
  }
}

const VIEWS = ['customer', 'household', 'segment_membership']
const PEOPLE = 24

/** Histories that are followed; more by hand. */
const SEEDS = Number(process.env.SEEDS ?? 1)

/** Builds of a history; everyday fewer. */
const STEPS = ALL ? 8 : 5

function quoted(value: string | number | undefined): string {
  return value === undefined ? 'null' : `'${value}'`
}

/** One row of events: it may be late, of the future, without a time, an identifier, a key or a value. */
function eventRow(dice: Dice, id: string, { loaded, now }: { readonly loaded: number; readonly now: number }): string {
  const some = <T>(value: T, none = 6) => (dice(none) === 0 ? undefined : value)
  const person = dice(PEOPLE)
  const at = now + DAY - dice(24 * 24) * 3_600_000
  const values = [
    some(id, 12),
    some(new Date(at).toISOString()),
    some(new Date(loaded - dice(90) * 60_000).toISOString(), 20),
    some(`u${person}`, 3),
    some(
      ['a', 'b', 'c', 'd', 'e', 'f'].includes('abcdef'[person % 6] ?? '')
        ? `${'abcdef'[person % 6]}${person % 7 < 2 ? '' : person}@x.fr`
        : '',
      3,
    ),
    some(dice(2) === 0 ? `06 12 34 56 ${10 + person}` : `+336123456${10 + person}`, 3),
    some('FR', 3),
    some(`${person % 5} rue A`, 2),
    some(dice(1000) / 100),
    some(dice(100) / 10),
    some(['paid', 'returned', 'open'][dice(3)] ?? ''),
    some(['Ann', 'Bob', 'Zoé', 'Maximilian'][dice(4)] ?? ''),
    some(String(dice(2) === 0)),
  ]
  return `(${values.map(quoted).join(', ')})`
}

function contactRow(dice: Dice, id: string, now: number): string {
  const person = dice(PEOPLE)
  const other = dice(3) === 0 ? dice(PEOPLE) : person
  const values = [
    id,
    new Date(now - dice(99) * DAY).toISOString(),
    `u${person}`,
    `f${other}@x.fr`,
    `${other % 5} rue A`,
    'Con',
  ]
  return `(${values.map(quoted).join(', ')})`
}

describe('a source that is append-only', () => {
  test('gives every profile, group and segment what reading all of its rows gives, whatever happens between builds', async () => {
    const reached = { narrow: 0, whole: 0 }
    for (let seed = 1; seed <= SEEDS; seed++) {
      const dice = diceOf(seed)
      const twins = await Twins.open()
      for (let step = 0; step < STEPS; step++) {
        // Business time goes on by hours or days, and back now and then.
        const now = START + step * DAY + dice(30) * 3_600_000 - (dice(12) === 0 ? 3 * DAY : 0)
        const loaded = START + step * 3 * 3_600_000
        const isLate = dice(8) === 0
        const rows = Array.from({ length: step === 0 ? 150 : dice(40) }, (_, index) =>
          eventRow(dice, `${step}-${index}`, { loaded: isLate && index === 0 ? loaded - 30 * DAY : loaded, now }),
        )
        const contacts = Array.from({ length: dice(4) }, (_, index) => contactRow(dice, `${step}-${index}`, now))
        if (rows.length > 0) await twins.change(`insert into raw.events values ${rows.join(', ')}`)
        if (contacts.length > 0) await twins.change(`insert into raw.contacts values ${contacts.join(', ')}`)
        if (dice(4) === 0) await twins.change(`delete from raw.contacts where hash(id || ${step}) % 3 = 0`)
        const rules = {
          blocked: dice(6) === 0 ? 'b@x.fr' : 'a@x.fr',
          more: dice(9) === 0 ? '    edited: { from: events, count: rows, where: amount > 5 }' : '',
        }
        const narrow = await twins.build(now, rules, dice(10) === 0)
        reached[narrow ? 'narrow' : 'whole'] += 1
        for (const view of VIEWS)
          expect(await twins.shown(1, view), `seed ${seed}, step ${step}, ${view}`).toEqual(await twins.shown(0, view))
      }
      await twins.close()
    }
    // Both ways must have been gone, and often.
    expect(reached.narrow).toBeGreaterThanOrEqual(2 * SEEDS)
    expect(reached.whole).toBeGreaterThanOrEqual(SEEDS)
  }, 600_000)

  test('reads no settled row again, until a full refresh, a row that came too late or another type asks for it', async () => {
    const shop = await inline({ 'models/all.yaml': SHOP })
    const change = (text: string) => shop.session.script([written(text)])
    const counts = async (fullRefresh = false) => {
      await shop.run(undefined, { fullRefresh })
      const row = await shop.session.first(
        written("select count, sum::text as sum, latest from cdp.customer where list_contains(all_user, 'ann')"),
      )
      return [row?.count, row?.sum, row?.latest].join(' ')
    }
    await change('create schema raw')
    await change('create table raw.orders (id text, who text, amount integer, loaded timestamptz)')
    const add = (id: string, who: string, amount: number, loaded: string) =>
      change(`insert into raw.orders values ('${id}', '${who}', ${amount}, '${loaded}')`)
    await add('1', 'ann', 10, '2026-01-01T00:00:00Z')
    await add('2', 'ann', 20, '2026-01-09T00:00:00Z')
    expect(await counts()).toBe('2 30 20')
    // A promise that is broken behind the tool's back is not seen: that row was settled, and is not read.
    await change("update raw.orders set amount = 99 where id = '1'")
    await add('3', 'ann', 5, '2026-01-09T06:00:00Z')
    expect(await counts()).toBe('3 35 5')
    expect(await counts(true)).toBe('3 124 5')
    await add('4', 'ann', 1, '2026-01-20T00:00:00Z')
    expect(await counts()).toBe('4 125 1')
    await change("update raw.orders set amount = 10 where id = '1'")
    expect(await counts()).toBe('4 125 1')
    await add('5', 'ann', 1, '2026-01-02T00:00:00Z')
    expect(await counts()).toBe('5 37 1')
    await change("update raw.orders set amount = 0 where id = '1'")
    await change('alter table raw.orders alter amount type decimal(12, 2)')
    await change("update raw.orders set amount = 1.25 where id = '4'")
    expect(await counts()).toBe('5 27.25 1.25')
    // A trait that needs all rows comes for one build: what was added up before it is not of the published build any more.
    shop.write({ 'models/all.yaml': SHOP.replace('latest:', 'middle: { from: orders, median: amount }\n    latest:') })
    expect(await counts()).toBe('5 27.25 1.25')
    shop.write({ 'models/all.yaml': SHOP })
    await change("update raw.orders set amount = 7 where id = '1'")
    expect(await counts()).toBe('5 34.25 1.25')
    await shop.close()
  })

  test('says which traits and segments keep it from being read so', async () => {
    const said = await warningsOf(SHOP.replace('latest:', 'middle: { from: orders, median: amount }\n    latest:'))
    expect(said).toEqual([
      'All rows of "orders" are read in every build, although it is append-only: trait "middle" (median) cannot be added up from build to build.',
    ])
    expect(await warningsOf(SHOP)).toEqual([])
  })
})

const SHOP = `
sources:
  orders:
    table: raw.orders
    category: transaction
    key: id
    loaded_at: loaded
    overlap: 12 hours
    append_only: true
    identifiers: { user: who }
    columns: { amount: { type: decimal } }
entities: { customer: { identifiers: { user: {} } } }
traits:
  customer:
    count: { from: orders, count: rows }
    sum: { from: orders, sum: amount }
    latest: { from: orders, last: amount }
`

async function warningsOf(text: string): Promise<readonly string[]> {
  const shop = await inline({ 'models/all.yaml': text })
  await shop.close()
  return shop.project.warnings.map(({ message }) => message)
}
