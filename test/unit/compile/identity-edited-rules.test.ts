import { describe, expect, onTestFinished, test } from 'vitest'
import { failureCode } from '../../../src/report.ts'
import { ENGINES_OF_LONG_BEDS, type Engine } from '../../support/engines.ts'
import { type InlineGraph, inlineGraph } from '../../support/inline-graph.ts'

/** What a test may write differently. */
interface Rules {
  readonly identifiers?: string
  readonly guard?: string
  readonly sources?: string
  readonly config?: string
}

const CRM =
  'crm: { file: crm.csv, key: id, updated_at: changed, identifiers: { user_id: user_id, email: email, phone: phone } }'
const SHOP = 'shop: { file: shop.csv, key: id, category: event, identifiers: { user_id: user_id, email: email } }'
const STRENGTH = '{ user_id: {}, email: {}, phone: {} }'

/** Three accounts behind one inbox, two in one family, one alone, and cards without an account. */
const FILES = {
  'crm.csv': `id,user_id,email,phone,changed
1,u1,info@shop.fr,,2026-01-01
2,u2,info@shop.fr,,2026-01-02
3,u3,info@shop.fr,,2026-01-03
4,u4,dad@home.fr,0199001234,2026-01-04
5,u5,mum@home.fr,0199001234,2026-01-05
6,u6,Ann@X.fr,,2026-01-06
7,,ann@x.fr,,2026-01-07
8,,,,2026-01-08
`,
  'shop.csv': `id,user_id,email
1,u6,second@x.fr
2,u7,seven@x.fr
3,u1,one@x.fr
`,
}

describe.each(ENGINES_OF_LONG_BEDS)('rules that are edited between two runs, on $title', (engine) => {
  test('a comment, a moved line or a description solves nothing anew', async () => {
    const made = await shop({}, engine)
    await made.run()
    const before = await made.published()
    made.write({
      'models/all.yaml': `# why\n\n${models({ identifiers: '{ user_id: {}, email: {}, phone: {} } # strength' })}`,
    })
    const { models: built } = await made.run()
    expect(built.find(({ model }) => model.kind === 'identity')).toMatchObject({
      whole: false,
      counts: { created: '0' },
    })
    expect(await made.published()).toEqual(before)
  })

  test('a value blocked and freed again: only those it joined change ids, and everybody is who they were', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const blocked = await idsAfter(made, {
      identifiers: '{ user_id: {}, email: { block: [info@shop.fr] }, phone: {} }',
    })
    expect(moved(before, blocked)).toEqual(['email info@shop.fr', 'user_id u2', 'user_id u3'])
    expect(await made.rows('splits', 'via_type', 'via_value')).toEqual([
      ['email', 'info@shop.fr'],
      ['email', 'info@shop.fr'],
    ])
    await expectFresh(made, { identifiers: '{ user_id: {}, email: { block: [info@shop.fr] }, phone: {} }' })

    expect(await idsAfter(made)).toEqual(before)
    const aliases = await made.rows('aliases', 'alias', 'profile_id')
    expect(aliases.map(([alias]) => alias).sort()).toEqual([blocked['user_id u2'], blocked['user_id u3']].sort())
    expect(new Set(aliases.map(([, id]) => id))).toEqual(new Set([before['user_id u1']]))

    expect(await idsAfter(made, { identifiers: '{ user_id: {}, email: { block: ["/^info@/"] }, phone: {} }' })).toEqual(
      blocked,
    )
    expect(await made.rows('aliases', 'alias')).toEqual([])
  })

  test('max_fanout lowered and raised again: only those whom it parts change ids, and come back', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const lowered = { identifiers: '{ user_id: {}, email: { max_fanout: 2 }, phone: { max_fanout: 1 } }' }
    const parted = await idsAfter(made, lowered)
    expect(moved(before, parted)).toEqual([
      'email info@shop.fr',
      'email mum@home.fr',
      'phone +33199001234',
      'user_id u2',
      'user_id u3',
      'user_id u5',
    ])
    await expectFresh(made, lowered)
    const shared = await made.rows('identifiers', 'type', 'value', 'joins')
    expect(shared.filter(([, , joins]) => joins === 'false')).toHaveLength(5)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('a limit set and dropped again: only those whom it parts change ids, and come back', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const limited = { identifiers: '{ user_id: { limit: 1 }, email: {}, phone: {} }' }
    expect(moved(before, await idsAfter(made, limited))).toEqual([
      'email mum@home.fr',
      'user_id u2',
      'user_id u3',
      'user_id u5',
    ])
    await expectFresh(made, limited)
    expect((await made.rows('refused_edges', 'reason', 'detail')).length).toBeGreaterThan(2)
    expect(await idsAfter(made)).toEqual(before)
    expect(await made.rows('refused_edges', 'reason')).toEqual([])
  })

  test('a type that joins no more, and again: nobody else changes ids', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const silent = { identifiers: '{ user_id: {}, email: {}, phone: { link: false } }' }
    expect(moved(before, await idsAfter(made, silent))).toEqual([
      'email mum@home.fr',
      'phone +33199001234',
      'user_id u5',
    ])
    await expectFresh(made, silent)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('a type that is dropped and declared again: its values are gone and back, nobody else changes ids', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const without = {
      identifiers: '{ user_id: {}, email: {} }',
      sources: [CRM.replace(', phone: phone', ''), SHOP].join('\n  '),
    }
    expect(moved(before, await idsAfter(made, without))).toEqual([
      'email mum@home.fr',
      'phone +33199001234',
      'user_id u5',
    ])
    await expectFresh(made, without)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('the order of the identifiers: where it decides nothing, no id changes', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    expect(await idsAfter(made, { identifiers: '{ phone: {}, email: {}, user_id: {} }' })).toEqual(before)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('the order of the identifiers: where it decides what is shared, only those whom it parts change ids', async () => {
    const weakest = { identifiers: '{ email: { max_fanout: 2 }, user_id: {}, phone: {} }' }
    const made = await shop(weakest, engine)
    const before = await idsAfter(made, weakest)
    expect(new Set([before['user_id u1'], before['user_id u2'], before['user_id u3']]).size).toBe(1)
    const after = await idsAfter(made, { identifiers: '{ user_id: {}, email: { max_fanout: 2 }, phone: {} }' })
    expect(moved(before, after)).toEqual(['email info@shop.fr', 'user_id u2', 'user_id u3'])
    await expectFresh(made, { identifiers: '{ user_id: {}, email: { max_fanout: 2 }, phone: {} }' })
  })

  test('a source taken away and named again: its people are gone and back, nobody else changes ids', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const onlyCrm = { sources: CRM }
    const after = await idsAfter(made, onlyCrm)
    expect(moved(before, after)).toEqual(['email one@x.fr', 'email second@x.fr', 'email seven@x.fr', 'user_id u7'])
    await expectFresh(made, onlyCrm)
    expect(await idsAfter(made)).toEqual(before)

    const onlyShop = { sources: SHOP }
    await idsAfter(made, onlyShop)
    await expectFresh(made, onlyShop)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('a normaliser: ids stay where an identifier stays, and the others are back with the old form', async () => {
    const exact = { identifiers: '{ user_id: {}, email: { normalize: exact }, phone: {} }' }
    const made = await shop(exact, engine)
    const before = await idsAfter(made, exact)
    expect(before['email Ann@X.fr']).not.toBe(before['email ann@x.fr'])
    const after = await idsAfter(made)
    // The card that had the address in lower case was a person of its own; the account is older.
    expect(after['email ann@x.fr']).toBe(before['user_id u6'])
    expect(moved(before, after)).toEqual(['email Ann@X.fr', 'email ann@x.fr'])
    expect(await made.rows('aliases', 'alias', 'profile_id')).toEqual([
      [before['email ann@x.fr'], before['user_id u6']],
    ])
    await expectFresh(made, {})
    expect(await idsAfter(made, exact)).toEqual(before)
  })

  test('the country of phones: the ids of those who have other identifiers stay', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const abroad = await idsAfter(made, { config: 'defaults: { phone_country: GB }' })
    expect(Object.keys(abroad).filter((name) => name.startsWith('phone'))).toEqual([])
    expect(abroad['user_id u4']).toBe(before['user_id u4'])
    expect(await idsAfter(made)).toEqual(before)
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('the guard, on $title', (engine) => {
  const published = async (rules: Rules) => {
    const before = { identifiers: '{ user_id: {}, email: { block: [info@shop.fr] }, phone: { link: false } }' }
    const made = await shop(before, engine)
    await made.run()
    made.write({ 'models/all.yaml': models(rules) })
    return { made, before: await made.published() }
  }

  test('max_profile_size: a profile that would be too large stops the build, and what readers see stays', async () => {
    const { made, before } = await published({ guard: 'max_profile_size: 4' })
    const failure = await made.refusal()
    expect(failure.diagnostics).toMatchObject([{ code: 'identity/guard' }])
    // u1, u2, u3, info@shop.fr and one@x.fr
    expect(failure.message).toContain(
      'one profile of "customer" would have 5 identifiers; guard max_profile_size allows 4',
    )
    expect(await made.published()).toEqual(before)
    made.write({ 'models/all.yaml': models({ guard: 'max_profile_size: 5' }) })
    expect(await made.counts()).toMatchObject({ largest: 5, merged: 3 })
  })

  test('max_profile_size holds at the first run, too', async () => {
    const made = await shop({ guard: 'max_profile_size: 4' }, engine)
    expect((await made.refusal()).diagnostics).toMatchObject([{ code: 'identity/guard' }])
    expect(await made.session.columns({ schema: 'cdp', name: ['customer'] })).toBeUndefined()
  })

  test('quarantine: the weakest identifiers of what is too large join nobody, and nobody else is touched', async () => {
    const made = await shop({}, engine)
    const before = await idsAfter(made)
    const quarantine = { guard: 'max_profile_size: 4, on_violation: quarantine' }
    const after = await idsAfter(made, quarantine)
    expect(await made.profiles()).toEqual([
      'email ann@x.fr email second@x.fr user_id u6',
      'email dad@home.fr user_id u4',
      'email info@shop.fr',
      'email mum@home.fr user_id u5',
      'email one@x.fr',
      'email seven@x.fr user_id u7',
      'phone +33199001234',
      'row:crm 8',
      'user_id u1',
      'user_id u2',
      'user_id u3',
    ])
    expect(moved(before, after).filter((name) => /u6|u7|ann|second|seven|row/.test(name))).toEqual([])
    const refused = await made.rows('refused_edges', 'value_a', 'value_b', 'reason')
    expect(refused.map(([a, b, reason]) => [...[String(a), String(b)].sort(), reason].join(' ')).sort()).toEqual([
      '+33199001234 u4 max_profile_size',
      '+33199001234 u5 max_profile_size',
      'info@shop.fr u1 max_profile_size',
      'info@shop.fr u2 max_profile_size',
      'info@shop.fr u3 max_profile_size',
      'one@x.fr u1 max_profile_size',
    ])
    await expectFresh(made, quarantine)
    expect(await idsAfter(made)).toEqual(before)
  })

  test('max_merge_rate: merges of too many profiles at once stop the build, whatever may be quarantined', async () => {
    // u2 and u3 into u1, u5 into u4: three of the eight that are published.
    const { made, before } = await published({ guard: 'max_merge_rate: 37%' })
    const failure = await made.refusal()
    expect(failure.message).toContain(
      '3 of the 8 profiles of "customer" would merge into others; guard max_merge_rate allows 37%',
    )
    expect(await made.published()).toEqual(before)
    made.write({
      'models/all.yaml': models({ guard: 'max_profile_size: 9, max_merge_rate: 37%, on_violation: quarantine' }),
    })
    expect((await made.refusal()).diagnostics).toMatchObject([{ code: 'identity/guard' }])
    expect(await made.published()).toEqual(before)
    made.write({ 'models/all.yaml': models({ guard: 'max_merge_rate: 38%' }) })
    expect(await made.counts()).toMatchObject({ merged: 3 })
  })

  test('is exit code 4: something was blocked, nothing is wrong with the project', async () => {
    for (const guard of ['max_profile_size: 4', 'max_merge_rate: 1%']) {
      const { made } = await published({ guard })
      expect(failureCode(await made.refusal()), guard).toBe(4)
    }
  })

  test('max_merge_rate says nothing at the first run', async () => {
    const made = await shop({ guard: 'max_merge_rate: 0%' }, engine)
    expect(await made.counts()).toMatchObject({ merged: 0 })
    expect(await made.counts()).toMatchObject({ merged: 0 })
  })

  test('both that are broken are told at once', async () => {
    const { made } = await published({ guard: 'max_profile_size: 2, max_merge_rate: 1%' })
    expect((await made.refusal()).diagnostics).toMatchObject([{ code: 'identity/guard' }, { code: 'identity/guard' }])
  })
})

async function shop(rules: Rules, engine: Engine): Promise<InlineGraph> {
  const made = await inlineGraph({ ...filesOf(rules), ...FILES }, engine)
  onTestFinished(() => made.close())
  return made
}

function filesOf(rules: Rules): Readonly<Record<string, string>> {
  const config = `name: test\nwarehouses:\n  local: { type: duckdb, path: ":memory:" }\n${rules.config ?? 'defaults: { phone_country: FR }'}\n`
  return { 'cdp.config.yaml': config, 'models/all.yaml': models(rules) }
}

function models({ identifiers = STRENGTH, guard, sources = `${CRM}\n  ${SHOP}` }: Rules): string {
  return `
sources:
  ${sources}
entities:
  customer:
    identifiers: ${identifiers}
${guard === undefined ? '' : `    guard: { ${guard} }\n`}`
}

/** Writes the rules, runs, and returns the id of each identifier that joins. */
async function idsAfter(made: InlineGraph, rules: Rules = {}): Promise<Readonly<Record<string, string>>> {
  made.write(filesOf(rules))
  await made.run()
  return made.ids()
}

/** The identifiers whose id is another one now, or that joined and do not any more. */
function moved(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(before).filter((name) => before[name] !== after[name])
}

/** The profiles are those of a warehouse that never knew other rules. */
async function expectFresh(made: InlineGraph, rules: Rules): Promise<void> {
  const fresh = await shop(rules, made.engine)
  await fresh.run()
  expect(await made.profiles()).toEqual(await fresh.profiles())
}
