import { afterAll, describe, expect, test } from 'vitest'
import { webhook } from '../../../src/connectors/webhook/index.ts'
import type { Lease, Ledger } from '../../../src/sync/ledger.ts'
import { openLedger } from '../../../src/sync/sql-ledger.ts'
import { answerOf, consentFiles, MODELS, NOW, RULES, randomAnswers, range } from '../../support/consent-answers.ts'
import { type Answer, mayContact } from '../../support/consent-oracle.ts'
import { diceOf } from '../../support/dice.ts'
import { ENGINES, type Engine } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { written } from '../../support/written.ts'

const SYNCS = `
destinations: { hook: { type: webhook, url: "https://hook.example" } }
syncs:
  by_mail: { to: hook, audience: customer, purpose: news, mode: upsert, key: mail, fields: { id: id } }
  by_user: { to: hook, audience: customer, purpose: news, mode: upsert, key: id, fields: { mail: mail } }
`

const opened: Inline[] = []
afterAll(() => Promise.all(opened.map((one) => one.close())))

/** A sync whose plan was made when everybody had agreed; they say what `say` says afterwards. */
async function planned(engine: Engine, people: number, name: string, models = MODELS) {
  const agreed = range(people).map((person) => answerOf(person, ['both', 'yes', -50]))
  const made = await inline({ 'models/models.yaml': models + SYNCS, ...consentFiles(people, agreed) }, engine)
  opened.push(made)
  const build = await made.run()
  const { project, session } = made
  const sync = project.syncs.get(name)
  if (sync === undefined) throw new Error('no sync')
  const context = { project, dialect: session.dialect }
  const at = { build: build.number, settlesWithin: 0, now: project.now }
  const ledger = openLedger({ context, sync, connector: webhook, schema: '_cdp', session, ...at })
  const lease = await leased(ledger)
  await ledger.plan(lease, undefined)
  const seqs = new Map<number, number>()
  for await (const page of ledger.changes(lease))
    for (const { seq, keyJson } of page) seqs.set(seq, Number(/\d+/.exec(keyJson)?.[0]))
  return { made, ledger, lease, seqs }
}

async function leased(ledger: Ledger): Promise<Lease> {
  await ledger.prepare()
  const claimed = await ledger.claim({ runId: 'run', holder: 'me', dead: undefined })
  if (claimed.kind === 'taken') throw new Error('the lease is taken')
  return claimed.lease
}

async function say(made: Inline, people: number, answers: readonly Answer[]): Promise<void> {
  made.write(consentFiles(people, answers))
  await made.fill()
}

describe.each(ENGINES)('consents at the moment of sending, on $title', (engine) => {
  test.each([
    ['by_mail', (person: number) => ({ email: `m${person}@x.example` })],
    ['by_user', (person: number) => ({ user_id: `u${person}` })],
  ] as const)('give of random answers what the oracle says: %s', async (name, values) => {
    const people = 200
    const { made, ledger, lease, seqs } = await planned(engine, people, name)
    expect((await ledger.consents(lease, 1, people))?.refused.size).toBe(0)
    const answers = randomAnswers(people, diceOf(20_261_122))
    await say(made, people, answers)
    const news = answers.filter(({ purpose }) => purpose === 'news')
    const wanted = range(people).filter((person) => !mayContact(news, person, values(person), RULES))
    const refused = async (lo: number, hi: number) => {
      const now = await ledger.consents(lease, lo, hi)
      return [...(now?.refused ?? [])].map((seq) => seqs.get(seq) ?? -1).sort((a, b) => a - b)
    }
    expect(await refused(1, people)).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(20)
    expect(wanted.length).toBeLessThan(people - 20)
    // A window is told of itself alone.
    const window = wanted.filter((person) => [...seqs].some(([seq, one]) => one === person && seq > 50 && seq <= 120))
    expect(await refused(51, 120)).toEqual(window)
  })

  test('of a whole audience are counted', async () => {
    const { made, ledger: _, lease } = await planned(engine, 20, 'by_mail')
    const sync = made.project.syncs.get('by_mail')
    if (sync === undefined) throw new Error('no sync')
    const context = { project: made.project, dialect: made.session.dialect }
    const connector = { fields: webhook.fields, delivers: () => 'whole' as const }
    const at = { build: 1, settlesWithin: 0, now: made.project.now }
    const whole = openLedger({ context, sync, connector, schema: '_cdp', session: made.session, ...at })
    expect(await whole.allConsents(lease)).toEqual({ isEmpty: false, isStale: false, refused: 0 })
    await say(
      made,
      20,
      range(20).map((person) => answerOf(person, ['mail', person < 3 ? 'no' : 'yes', -1])),
    )
    expect(await whole.allConsents(lease)).toEqual({ isEmpty: false, isStale: false, refused: 3 })
  })

  test('that are empty or old say so, and the source may be gone altogether', async () => {
    const models = MODELS.replace('expires_after: 100 days', 'max_age: 10 days')
    const { made, ledger, lease } = await planned(engine, 5, 'by_mail', models)
    const all = (at: number) => range(5).map((person) => answerOf(person, ['mail', 'yes', at]))
    const now = async () => {
      const { refused, ...feed } = (await ledger.consents(lease, 1, 5)) ?? { refused: new Set() }
      return [feed, refused.size]
    }
    await say(made, 5, all(-9))
    expect(await now()).toEqual([{ isEmpty: false, isStale: false }, 0])
    await say(made, 5, all(-11))
    expect(await now()).toEqual([{ isEmpty: false, isStale: true }, 0])
    // A row of the future makes nothing young.
    await say(made, 5, [...all(-11), answerOf(0, ['mail', 'yes', 5])])
    expect(await now()).toEqual([{ isEmpty: false, isStale: true }, 1])
    await say(made, 5, [])
    expect(await now()).toEqual([{ isEmpty: true, isStale: true }, 5])
    if (engine.type === 'duckdb') made.write({ 'answers.csv': 'nothing\n' })
    else await made.session.script([written('drop table files.answers')])
    await expect(now()).rejects.toThrow()
  })

  test('are judged by the time of sending where the project fixes none', async () => {
    const { made, lease } = await planned(engine, 2, 'by_mail')
    const sync = made.project.syncs.get('by_mail')
    if (sync === undefined) throw new Error('no sync')
    const context = { project: made.project, dialect: made.session.dialect }
    const later = { build: 1, settlesWithin: 0, now: new Date(NOW + 60 * 86_400_000).toISOString() }
    const ledger = openLedger({ context, sync, connector: webhook, schema: '_cdp', session: made.session, ...later })
    // 50 days old when the plan was made, 110 now.
    expect((await ledger.consents(lease, 1, 2))?.refused.size).toBe(2)
    const open = openLedger({
      context: { ...context, dialect: { ...context.dialect, clock: () => context.dialect.instantLiteral(later.now) } },
      sync,
      connector: webhook,
      schema: '_cdp',
      session: made.session,
      ...later,
      now: undefined,
    })
    expect((await open.consents(lease, 1, 2))?.refused.size).toBe(2)
  })
})
