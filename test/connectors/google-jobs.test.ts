import { describe, expect, test } from 'vitest'
import type { Io, JobState, Receipt } from '../../src/connectors/connector.ts'
import type { Troubles } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { ACCOUNT, emails, hash, idOf, jobOf, type Opening, open, SLOT } from '../support/google.ts'
import { changeOf, NOW } from '../support/vendor.ts'

// Requests as Google processes them: later, in any order, in part, or never. Each is asked for by a channel of its own,
// as a later process would: all that it has is the job.

const MINUTE = 60_000
const DAY = 1_440 * MINUTE
const LEAVE = { verb: 'remove' }
const WRITTEN: Receipt = { outcome: 'written' }

async function opened(opening: Opening = {}) {
  const one = await open(opening)
  const poll = async (job: string) => (await google.open(ACCOUNT, one.io).poll?.(job, one.place)) as JobState
  const add = (...texts: readonly string[]) => one.send(...texts.map((EMAIL) => changeOf(idOf(EMAIL), { EMAIL })))
  const move = (from: string, to: string) =>
    one.send(changeOf(idOf(from), { EMAIL: to }, { op: 'update', before: [{ EMAIL: from }] }))
  const remove = (...texts: readonly string[]) =>
    one.send(...texts.map((EMAIL) => changeOf(idOf(EMAIL), {}, { op: 'remove', leave: LEAVE, before: [{ EMAIL }] })))
  return { ...one, poll, add, move, remove }
}

const done = (rest: object) => ({ state: 'done', rest })

describe('a request that Google processes later', () => {
  test('is asked for at once and after half an hour, from another process, too', async () => {
    let now = NOW
    const { bench, poll, add, held } = await opened({ options: { now: () => now, processing: 40 * MINUTE } })
    const job = jobOf((await add('a@x.fr'))[0])
    expect(await poll(job)).toEqual({ state: 'running', after: 30 * MINUTE })
    now += 32 * MINUTE
    expect(await poll(job)).toEqual({ state: 'running', after: 8 * MINUTE })
    expect(held()).toEqual([])
    now += 8 * MINUTE
    expect(await poll(job)).toMatchObject(done(WRITTEN))
    expect(held()).toEqual(emails('a@x.fr'))
    await bench.emulator.reset()
    expect(await poll(job)).toMatchObject({ state: 'running' })
    now += 60 * MINUTE
    expect(await poll(job)).toEqual({ state: 'lost' })
  })

  test('that stalls is asked for ever more rarely, and after three days it is lost, and told', async () => {
    let now = NOW
    const options = { now: () => now, troubles: { stalls: () => true } }
    const { channel, place, add, notes } = await opened({ options })
    const poll = async (one: string) => (await channel.poll?.(one, place)) as JobState
    const job = jobOf((await add('a@x.fr'))[0])
    const at = async (minutes: number) => {
      now = NOW + minutes * MINUTE
      return poll(job)
    }
    for (const [age, wait] of [
      [0, 30],
      [40, 10],
      [80, 20],
      [120, 30],
      [DAY / MINUTE, 30],
      [(3 * DAY) / MINUTE - 1, 30],
    ] as const)
      expect(await at(age)).toEqual({ state: 'running', after: wait * MINUTE })
    expect(notes).toEqual([])
    expect(await at((3 * DAY) / MINUTE)).toEqual({ state: 'lost' })
    expect(notes[0]).toMatch(/not processed for three days/)
  })

  test('that ends before an earlier one of its job waits for it', async () => {
    let now = NOW
    const options = { now: () => now, processing: 10 * MINUTE, troubles: { outOfOrder: true } as const }
    const { poll, add, move, held } = await opened({ options })
    await add('old@x.fr')
    now += 10 * MINUTE
    const job = jobOf((await move('old@x.fr', 'new@x.fr'))[0])
    now += 9 * MINUTE
    expect(held()).toEqual(emails('new@x.fr', 'old@x.fr'))
    expect(await poll(job)).toMatchObject({ state: 'running' })
    now += MINUTE
    expect(await poll(job)).toMatchObject(done(WRITTEN))
    expect(held()).toEqual(emails('new@x.fr'))
  })

  test('that ends before one of another job settles for itself', async () => {
    let now = NOW
    const options = { now: () => now, processing: 10 * MINUTE, troubles: { outOfOrder: true } as const }
    const { poll, add } = await opened({ options })
    const [first, second] = [jobOf((await add('a@x.fr'))[0]), jobOf((await add('b@x.fr'))[0])]
    now += 9 * MINUTE
    expect(await poll(second)).toMatchObject(done(WRITTEN))
    expect(await poll(first)).toMatchObject({ state: 'running' })
  })

  test('that loses some of its people is sent again, which is told', async () => {
    let lost = 1
    const { poll, add, remove, notes, held } = await opened({ options: { troubles: { loses: () => lost } } })
    const people = ['a@x.fr', 'b@x.fr', 'c@x.fr']
    const again = done({ outcome: 'again', code: 'lost_members', applied: 'maybe' })
    expect(await poll(jobOf((await add(...people))[0]))).toMatchObject(again)
    expect(notes).toEqual(['Google counts 2 of the 3 people of a request: it is sent again.'])
    lost = 0
    expect(await poll(jobOf((await add(...people))[0]))).toMatchObject(done(WRITTEN))
    expect(held()).toHaveLength(3)
    lost = 2
    expect(await poll(jobOf((await remove(...people))[0]))).toMatchObject(again)
    expect(held()).toHaveLength(2)
  })

  test('that fails for a reason of Google’s own is sent again; for another it is refused', async () => {
    let reason: string | undefined = 'INTERNAL_ERROR'
    const { poll, add, held } = await opened({ options: { troubles: { fails: () => reason } } })
    const outcomeFor = async (why: string | undefined) => {
      reason = why
      return poll(jobOf((await add('a@x.fr'))[0]))
    }
    for (const code of ['INTERNAL_ERROR', 'UNSPECIFIED'])
      expect(await outcomeFor(code)).toMatchObject(done({ outcome: 'again', code, applied: 'maybe' }))
    const message = 'Google processed none of the request: 1 × INVALID_FORMAT.'
    const refused = { outcome: 'refused', kind: 'row', code: 'INVALID_FORMAT', message }
    expect(await outcomeFor('INVALID_FORMAT')).toMatchObject(done(refused))
    expect(await outcomeFor('A_NEW_REASON')).toMatchObject(done({ outcome: 'refused', kind: 'row' }))
    expect(held()).toEqual([])
    expect(await outcomeFor(undefined)).toMatchObject(done(WRITTEN))
  })

  test('of which one fails and another does not counts as what failed', async () => {
    let fails = false
    const troubles: Troubles = { fails: () => (fails ? 'INTERNAL_ERROR' : undefined) }
    let now = NOW
    const { poll, move } = await opened({ options: { now: () => now, processing: MINUTE, troubles } })
    const job = jobOf((await move('old@x.fr', 'new@x.fr'))[0])
    now += MINUTE
    fails = true
    expect(await poll(job)).toMatchObject(done({ outcome: 'again', code: 'INTERNAL_ERROR' }))
  })

  test.each<[string, 'granted' | 'denied' | undefined, string]>([
    ['NO_CONSENT', undefined, 'NO_CONSENT'],
    ['NO_CONSENT of one kind', 'granted', 'NO_CONSENT'],
  ])('that fails for %s is compliance for all its people', async (_, ad_user_data, code) => {
    const consent = ad_user_data === undefined ? {} : { ad_user_data }
    const { poll, add, held } = await opened({ options: { europeans: 'everybody' }, into: { consent } })
    expect(await poll(jobOf((await add('a@x.fr'))[0]))).toMatchObject(
      done({ outcome: 'refused', kind: 'compliance', code }),
    )
    expect(held()).toEqual([])
  })

  test.each([
    ['DENIED_CONSENT', 'CONSENT_DENIED'],
    ['UNKNOWN_CONSENT', 'CONSENT_STATUS_UNSPECIFIED'],
  ])('that fails for %s is compliance, too', async (code, consent) => {
    const granted = { ad_user_data: 'granted', ad_personalization: 'granted' } as const
    const { io, place, poll, held } = await opened({ options: { europeans: 'everybody' }, into: { consent: granted } })
    // Ours says granted or nothing.
    const fetch: Io['fetch'] = ({ body = '', ...request }) =>
      io.fetch({ ...request, body: body.replaceAll('CONSENT_GRANTED', consent) })
    const channel = google.open(ACCOUNT, { ...io, fetch })
    const [receipt] = await channel.send([changeOf(idOf('a'), { EMAIL: 'a@x.fr' })], place, SLOT)
    expect(await poll(jobOf(receipt))).toMatchObject(done({ outcome: 'refused', kind: 'compliance', code }))
    expect(held()).toEqual([])
  })

  test('of which a part lacks consent counts as written for all, for nobody is named, and that is told', async () => {
    const europeans = new Set([hash('a@x.fr'), hash('b@x.fr')])
    const { poll, add, notes, held } = await opened({ options: { europeans } })
    const job = jobOf((await add('a@x.fr', 'b@x.fr', 'c@x.fr'))[0])
    expect(await poll(job)).toMatchObject(done(WRITTEN))
    expect(held()).toEqual(emails('c@x.fr'))
    expect(notes).toEqual(['Google left out 2 of 3 people of a request: 2 × NO_CONSENT.'])
  })

  test('of which Google itself fails at a part is sent again, and what is to be removed is not taken for gone', async () => {
    const stumblesOver = new Set([hash('a@x.fr')])
    const { poll, add, remove, notes, held } = await opened({ options: { troubles: { stumblesOver } } })
    const again = done({ outcome: 'again', code: 'PARTIAL_SUCCESS', applied: 'maybe' })
    expect(await poll(jobOf((await add('a@x.fr', 'b@x.fr'))[0]))).toMatchObject(again)
    stumblesOver.clear()
    await add('a@x.fr', 'b@x.fr')
    stumblesOver.add(hash('a@x.fr'))
    expect(await poll(jobOf((await remove('a@x.fr', 'b@x.fr'))[0]))).toMatchObject(again)
    expect(held()).toEqual(emails('a@x.fr'))
    expect(notes).toEqual([
      'Google left out 1 of 2 people of a request: 1 × INTERNAL_ERROR.',
      'Google did not remove 1 of 2 people of a request: 1 × INTERNAL_ERROR.',
    ])
  })

  test('that removes only a part is sent again for whatever reason', async () => {
    const stumblesOver = new Set<string>()
    const { poll, add, remove } = await opened({ options: { troubles: { stumblesOver, stumblesFor: 'A_NEW_REASON' } } })
    await add('a@x.fr', 'b@x.fr')
    stumblesOver.add(hash('a@x.fr'))
    const job = jobOf((await remove('a@x.fr', 'b@x.fr'))[0])
    expect(await poll(job)).toMatchObject(done({ outcome: 'again', code: 'PARTIAL_SUCCESS' }))
  })

  test('of which Google warns counts as written, and the warning is told', async () => {
    const { poll, add, notes } = await opened({ options: { troubles: { warnsOf: 'INTERNAL_ERROR' } } })
    expect(await poll(jobOf((await add('a@x.fr'))[0]))).toMatchObject(done(WRITTEN))
    expect(notes).toEqual(['Google warns of 1 of the people it was sent: INTERNAL_ERROR.'])
  })

  test.each<[string, string, object | undefined]>([
    ['in other words', '{"requestStatus":"FAILURE"}', done({ outcome: 'refused', code: 'FAILED' })],
    ['in words that are not known yet', '{"requestStatus":"REQUEST_STATUS_UNKNOWN"}', undefined],
    ['without a word', '{}', undefined],
    [
      'with those who failed not among those who are counted',
      `{"requestStatus":"PARTIAL_SUCCESS","errorInfo":{"errorCounts":[{"recordCount":"1","reason":"PROCESSING_ERROR_REASON_NO_CONSENT"}]},
        "audienceMembersIngestionStatus":{"userDataIngestionStatus":{"recordCount":"1"}}}`,
      done(WRITTEN),
    ],
  ])('whose end Google tells %s', async (_, status, state) => {
    const { bench, poll, add } = await opened()
    const job = jobOf((await add('a@x.fr', 'b@x.fr'))[0])
    const body = { requestStatusPerDestination: [JSON.parse(status)] }
    bench.fault = ({ path }) => (path.endsWith(':retrieve') ? { kind: 'answer', status: 200, body } : undefined)
    expect(await poll(job)).toMatchObject(state ?? { state: 'running' })
  })

  test('is asked for in vain where Google is in trouble or out of quota, which is nobody’s fault', async () => {
    const { poll, add } = await opened({ options: { perMinute: 1 } })
    const job = jobOf((await add('a@x.fr'))[0])
    expect(await poll(job)).toMatchObject(done(WRITTEN))
    await expect(poll(job)).rejects.toMatchObject({ kind: 'throttle', after: MINUTE })
  })
})
