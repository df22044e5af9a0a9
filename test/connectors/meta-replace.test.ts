import { describe, expect, test } from 'vitest'
import type { Io, Json } from '../../src/connectors/connector.ts'
import { META, phoneIn } from '../../src/connectors/identifiers.ts'
import { openGraph } from '../../src/connectors/meta/graph.ts'
import { meta } from '../../src/connectors/meta/index.ts'
import { Replacement, replaceUsers } from '../../src/connectors/meta/replace.ts'
import { COLUMNS } from '../../src/connectors/meta/users.ts'
import type { Fault, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { ACCOUNT, idOf, madid, type Opening, open } from '../support/meta.ts'
import { changeOf, NOW } from '../support/vendor.ts'

const REPLACE = 'POST /v25.0/238501/usersreplace'
const MINUTE = 60_000

async function* rows(from: number, to: number) {
  for (let n = from; n < to; n++) yield { key: idOf(`${n}`), fields: { MADID: madid(n) } as Record<string, Json> }
}

/** Batches are of two users here, so that few rows make many. */
async function opened(opening: Opening = {}) {
  const one = await open({ ...opening, into: { replace: true, ...opening.into } })
  const phone = await phoneIn('FR')
  const reading = { rules: META, columns: COLUMNS, country: 'COUNTRY', hashed: new Set<string>(), phone }
  const sending = {
    into: {},
    id: '238501',
    reading: { ...reading, skipsMalformed: false },
    note: () => undefined,
    size: 2,
  }
  /** As one process replaces, however often it tries. */
  const process = (more: Partial<Io> = {}) => {
    const io = { ...one.io, ...more }
    const place = { ...sending, graph: openGraph(ACCOUNT, io), replacement: new Replacement(), now: io.now }
    return (from: number, to: number) => replaceUsers(rows(from, to), place)
  }
  const sessions = () => one.bodies().flatMap((body) => (body?.session ? [body.session] : []))
  return { ...one, process, replace: process(), sessions }
}

/** What goes wrong with the nth batch, once. */
function onBatch(n: number, fault: Fault): (request: Seen) => Fault | undefined {
  let seen = 0
  return (request) => (request.path.endsWith('/usersreplace') && ++seen === n ? fault : undefined)
}

describe('a replacement of a Meta audience', () => {
  test('goes in one session, and leaves exactly the rows', async () => {
    const { channel, place, send, held, sessions, lines } = await opened()
    expect(meta.delivers('mirror', place)).toBe('whole')
    expect(meta.delivers('upsert', place)).toBe('changes')
    await send(changeOf(idOf('x'), { EMAIL: 'stranger@x.fr' }))
    expect(await channel.replace?.(rows(0, 10_001), place)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(10_001)
    expect(lines().slice(1)).toEqual([REPLACE, REPLACE])
    const [first, second] = sessions()
    const session = { session_id: expect.any(Number), estimated_num_total: 10_001 }
    expect(first).toEqual({ ...session, batch_seq: 1, last_batch_flag: false })
    expect(second).toEqual({ ...session, session_id: first.session_id, batch_seq: 2, last_batch_flag: true })
    await channel.replace?.(rows(5, 6), place)
    expect(held()).toEqual([`MADID ${madid(5)}`])
    expect(sessions()[2].session_id).not.toBe(first.session_id)
  })

  test('that meets a row that cannot be sent, be it the last of many, or nobody, begins nothing', async () => {
    const { channel, place, held, lines } = await opened()
    await channel.replace?.(rows(0, 3), place)
    const bad = async function* (to: number) {
      yield* rows(3, to)
      yield { key: idOf('bad'), fields: { EMAIL: 'nobody' } }
    }
    expect(await channel.replace?.(bad(10_005), place)).toMatchObject({ outcome: 'refused', code: 'malformed' })
    expect(await channel.replace?.(rows(0, 0), place)).toMatchObject({ outcome: 'refused', code: 'nobody' })
    expect(lines()).toEqual([REPLACE])
    expect(held()).toHaveLength(3)
    await channel.replace?.(bad(5), { ...place, malformed: 'skip' })
    expect(held()).toEqual([madid(3), madid(4)].map((one) => `MADID ${one}`))
  })

  test('that takes more than 90 minutes is given up', async () => {
    let now = NOW
    const { io, process } = await opened()
    const fetch: Io['fetch'] = (request) => {
      now += 91 * MINUTE
      return io.fetch(request)
    }
    const replace = process({ now: () => now, fetch })
    await expect(replace(0, 3)).rejects.toMatchObject({ kind: 'config', code: 'session_over' })
  })

  test.each([true, false])(
    'that was cut off is gone on with in its own session (the batch had come: %s)',
    async (effect) => {
      const { bench, replace, held, sessions } = await opened()
      bench.fault = onBatch(2, { kind: 'reset', effect })
      await expect(replace(0, 5)).rejects.toMatchObject({ kind: 'transient', applied: 'maybe' })
      expect(held()).toEqual([])
      expect(await replace(0, 5)).toEqual({ outcome: 'written' })
      expect(held()).toHaveLength(5)
      expect(sessions().map((one) => one.batch_seq)).toEqual([1, 2, 3, 4, 5])
      expect(new Set(sessions().map((one) => one.session_id)).size).toBe(1)
    },
  )

  test('whose last answer got lost is done again in another session', async () => {
    const { bench, replace, held, sessions } = await opened()
    bench.fault = onBatch(2, { kind: 'reset', effect: true })
    await expect(replace(0, 3)).rejects.toMatchObject({ kind: 'transient', applied: 'maybe' })
    expect(held()).toHaveLength(3)
    await expect(replace(0, 3)).rejects.toMatchObject({ kind: 'transient', code: '2650/1870159' })
    expect(await replace(0, 3)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(3)
    expect(sessions().map((one) => one.batch_seq)).toEqual([1, 2, 3, 1, 2])
    expect(new Set(sessions().map((one) => one.session_id)).size).toBe(2)
  })

  test('whose first batch never came is begun anew', async () => {
    const { bench, replace, held } = await opened()
    bench.fault = onBatch(1, { kind: 'reset', effect: false })
    await expect(replace(0, 2)).rejects.toMatchObject({ applied: 'maybe' })
    await expect(replace(0, 2)).rejects.toMatchObject({ kind: 'transient', code: '2650/1870147', applied: 'no' })
    expect(await replace(0, 2)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(2)
  })

  test('that another process left open lets nobody in until it ends by itself, with whoever had come', async () => {
    let now = NOW
    const { bench, process, replace, send, held, channel, place } = await opened({ options: { now: () => now } })
    await send(changeOf(idOf('x'), { EMAIL: 'old@x.fr' }))
    bench.fault = onBatch(2, { kind: 'reset', effect: false })
    await expect(replace(0, 3)).rejects.toMatchObject({ applied: 'maybe' })
    now += MINUTE
    const busy = { kind: 'transient', code: '2650/1870145', applied: 'no', after: MINUTE }
    const later = process()
    await expect(later(0, 3)).rejects.toMatchObject(busy)
    await expect(send(changeOf(idOf('y'), { EMAIL: 'y@x.fr' }))).rejects.toMatchObject(busy)
    expect(held()).toHaveLength(1)
    now += 90 * MINUTE
    await channel.check(place)
    expect(held()).toHaveLength(2)
    expect(await later(0, 3)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(3)
  })

  test('whose session Meta has ended is begun anew', async () => {
    let now = NOW
    const { bench, process, held } = await opened({ options: { now: () => now } })
    // Its own clock stands still, so it does not notice.
    const replace = process({ now: () => NOW })
    bench.fault = onBatch(2, { kind: 'reset', effect: false })
    await expect(replace(0, 3)).rejects.toMatchObject({ applied: 'maybe' })
    now += 91 * MINUTE
    const over = { kind: 'transient', code: '2650/1870158', applied: 'maybe' }
    await expect(replace(0, 3)).rejects.toMatchObject(over)
    expect(await replace(0, 3)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(3)
  })

  test('of which Meta took only a part, or some got lost, is tried again', async () => {
    let [broken, lost] = [true, 0]
    const { replace, held } = await opened({ options: { breaksOff: () => broken, loses: () => lost } })
    await expect(replace(0, 4)).rejects.toMatchObject({ kind: 'transient', code: '2650/1870148', applied: 'maybe' })
    expect(held()).toHaveLength(1)
    broken = false
    expect(await replace(0, 4)).toEqual({ outcome: 'written' })
    expect(held()).toHaveLength(4)
    lost = 1
    await expect(replace(0, 4)).rejects.toMatchObject({ kind: 'transient', code: 'lost_users', applied: 'maybe' })
    lost = 0
    expect(await replace(0, 4)).toEqual({ outcome: 'written' })
  })

  test('that loses somebody on the way notices by what Meta counts since it began', async () => {
    let requests = 0
    const { replace } = await opened({ options: { loses: () => (++requests === 2 ? 1 : 0) } })
    const message = 'Meta received 1 of 2 users.'
    await expect(replace(0, 6)).rejects.toMatchObject({ kind: 'transient', code: 'lost_users', message })
    expect(await replace(0, 6)).toEqual({ outcome: 'written' })
  })

  test.each<[string, Opening, object]>([
    ['being updated', audience({ updating: true }), { kind: 'transient', code: '2650/1870145' }],
    ['too large', audience({ others: 100_000_000 }), { kind: 'config', code: '2650/1870144' }],
    ['flagged', audience({ status: 471 }), { kind: 'config', code: '100/1713230' }],
  ])('of an audience that is %s is refused', async (_, opening, error) => {
    const { replace } = await opened(opening)
    await expect(replace(0, 1)).rejects.toMatchObject(error)
  })

  function audience(one: object): Opening {
    return { options: { audiences: new Map([['238501', { name: 'Customers', ...one }]]) } }
  }
})
