import { expect } from 'vitest'
import { type Change, DestinationError, type Receipt } from '../../src/connectors/connector.ts'
import { expectPage } from '../support/destination-page.ts'
import { changeOf } from '../support/vendor.ts'
import { attempt, errorOf, expectMaybe, outcomes, rowCount, shown } from './attempt.ts'
import type { It } from './connector.ts'
import { lossesOf } from './losses.ts'
import { readerOf, reads, sentTexts } from './reading.ts'
import {
  batchOf,
  isHttp,
  type LocalSubject,
  modeOf,
  type Opened,
  openAt,
  type Place,
  placeOf,
  type Sent,
  type Subject,
} from './subject.ts'

/** What holds for every connector that is sent changes, whatever lies between it and its place. */
export function promises<A, T>(subject: Subject<A, T>, it: It): void {
  lookingPromises(subject, it)
  batchPromises(subject, it)
  lossPromises(subject, it)
  repeatedPromises(subject, it)
  if (!isHttp(subject)) localPromises(subject, it)
}

/** What holds also where nothing but the whole is sent. */
export function lookingPromises<A, T>(subject: Subject<A, T>, it: It): void {
  const { connector, into } = subject
  it('has a page that says what its definition says, and where credentials come from', async () => {
    expectPage(connector, (await placeOf(subject)).account, into)
  })

  it('checks without changing anything', async () => {
    const { place, channel } = await opened(subject)
    const before = await place.contents()
    await channel.check(into)
    expect(await place.contents()).toEqual(before)
    expect(rowCount(before)).toBe(0)
    expect(place.counters?.().writes ?? 0).toBe(0)
  })

  it('says whether it can be read', async () => {
    for (const mode of connector.modes) {
      const channel = openAt(subject, await placeOf(subject, mode)).channel
      if (reads(subject, mode)) expect(channel.read, mode).toBeDefined()
      else if (channel.read)
        await expect(readerOf(subject, channel)('all'), mode).rejects.toMatchObject({ kind: 'config' })
    }
  })
}

function batchPromises<A, T>(subject: Subject<A, T>, it: It): void {
  const open = () => opened(subject)
  it('an empty batch sends nothing', async () => {
    const { place, send } = await open()
    const before = await place.contents()
    expect(await send([])).toEqual([])
    expect(await place.contents()).toEqual(before)
    expect(place.counters?.().calls ?? 0).toBe(0)
  })

  it('receipts come in the order of the changes', async () => {
    const { place, send } = await open()
    const bad = badOf(subject)
    const rows = [3, 1, 2, 4, 5, 0].map(subject.row).toSpliced(2, 0, ...bad)
    const changes = rows.map((row) => changeOf(row.key, row.fields))
    const receipts = await (isHttp(subject) ? send(changes) : halving(changes, send))
    expect(outcomes(receipts)).toEqual(rows.map((row) => (bad.includes(row) ? 'refused' : 'written')))
    for (const receipt of receipts)
      if (receipt.outcome !== 'written') expect(receipt).toMatchObject({ outcome: 'refused', kind: 'row' })
    expect(rowCount(await place.contents())).toBe(6)
  })
}

function lossPromises<A, T>(subject: Subject<A, T>, it: It): void {
  for (const { name, effect, lossy } of lossesOf(subject))
    it(name, async () => {
      const { place, through, patience } = await lossy()
      const { channel, send } = openAt(subject, through)
      // Logs in where there is a login: it shall not be what is lost.
      await channel.check(subject.into)
      patience?.('short')
      expectMaybe(await attempt(send(batchOf(subject, 2))))
      patience?.('usual')
      const after = await place.contents()
      expect(rowCount(after) > 0).toBe(effect)
      expect(outcomes(await send(batchOf(subject, 2)))).toEqual(['written', 'written'])
      const again = await place.contents()
      if (effect) expect(again).toEqual(after)
      else expect(rowCount(again)).toBe(2)
    })
}

function repeatedPromises<A, T>(subject: Subject<A, T>, it: It): void {
  const open = () => opened(subject)
  it('the same changes twice leave what once leaves', async () => {
    const { place, send } = await open()
    await send(batchOf(subject, 4))
    const once = await place.contents()
    expect(rowCount(once)).toBeGreaterThan(0)
    expect(outcomes(await send(batchOf(subject, 4)))).toEqual(Array(4).fill('written'))
    expect(await place.contents()).toEqual(once)
  })

  it('a removal is written, also a second time and for a row that is not there', async () => {
    const { place, send } = await open()
    await send(batchOf(subject, 3))
    const before = await place.contents()
    const removals = [0, 1, 9].map((n) => changeOf(subject.row(n).key, {}, { op: 'remove', leave: subject.leave }))
    expect(outcomes(await send(removals))).toEqual(['written', 'written', 'written'])
    const after = await place.contents()
    expect(after).not.toEqual(before)
    expect(outcomes(await send(removals))).toEqual(['written', 'written', 'written'])
    expect(await place.contents()).toEqual(after)
  })

  it('what was written is read back, by key and all of it; what left is not', async () => {
    const { channel, place, send } = await open()
    if (!reads(subject, modeOf(subject))) return
    const read = readerOf(subject, channel)
    await send(batchOf(subject, 3))
    const before = await place.contents()
    expect(await read('all')).toEqual(sentTexts(subject, 0, 1, 2))
    expect(await read([subject.row(1).key, subject.row(9).key])).toEqual(sentTexts(subject, 1))
    expect(await read([])).toEqual([])
    expect(await place.contents()).toEqual(before)
    await send([changeOf(subject.row(1).key, {}, { op: 'remove', leave: subject.leave })])
    expect(await read('all')).toEqual(sentTexts(subject, 0, 2))
    expect(await read([subject.row(1).key])).toEqual([])
  })
}

/** What a vendor's emulator shows of whoever speaks HTTP, here of a place itself. */
function localPromises<A, T>(subject: LocalSubject<A, T>, it: It): void {
  const { into, bad, failing, unreachable } = subject
  const open = () => opened(subject)
  if (unreachable)
    it('a place that cannot be reached was sent nothing', async () => {
      const { send } = openAt(subject, unreachable(await placeOf(subject)))
      expect(await errorOf(send(batchOf(subject, 2)))).toMatchObject({ kind: 'transient', applied: 'no' })
    })

  it('a batch that is refused as a whole can be bisected', async () => {
    const { place, send } = await open()
    const before = await place.contents()
    if (bad === undefined) return
    const batch = [...batchOf(subject, 2), changeOf(bad.key, bad.fields)]
    expect(await errorOf(send(batch))).toMatchObject({ kind: 'batch', applied: 'no' })
    expect(rowCount(await place.contents())).toBe(rowCount(before))
  })

  it('no error and no receipt shows a secret or an address', async () => {
    for (const opening of (await failing?.()) ?? []) {
      const { channel, send } = openAt(subject, opening)
      const checked = await attempt(channel.check(into).then(() => []))
      const said = shown([checked, await attempt(send(batchOf(subject, 1)))])
      expect(said).toContain(DestinationError.name)
      for (const secret of [...subject.secrets, 'jane.doe']) expect(said).not.toContain(secret)
    }
    const { send } = await open()
    for (const { key, fields } of badOf(subject)) {
      expect(JSON.stringify([key, fields])).toContain('jane.doe')
      expect(shown(await attempt(send([changeOf(key, fields)])))).not.toContain('jane.doe')
    }
  })
}

async function opened<A, T>(subject: Subject<A, T>): Promise<Opened<T> & { readonly place: Place<A> }> {
  const place = await placeOf(subject)
  return { place, ...openAt(subject, place) }
}

function badOf<A, T>({ bad }: Subject<A, T>): readonly Sent[] {
  return bad === undefined ? [] : [bad]
}

/** Sends a batch in halves where it is refused as a whole, as the engine does. */
async function halving(
  batch: readonly Change[],
  send: (some: readonly Change[]) => Promise<readonly Receipt[]>,
): Promise<readonly Receipt[]> {
  try {
    return await send(batch)
  } catch (error) {
    if (!(error instanceof DestinationError) || error.kind !== 'batch' || batch.length === 1) throw error
    const middle = Math.ceil(batch.length / 2)
    return [...(await halving(batch.slice(0, middle), send)), ...(await halving(batch.slice(middle), send))]
  }
}
