import { expect } from 'vitest'
import { outcomes, rowCount } from './attempt.ts'
import type { It } from './connector.ts'
import { lookingPromises } from './promises.ts'
import { readerOf, reads, sentTexts } from './reading.ts'
import { isHttp, modeOf, openAt, placeOf, type Sent, type Subject } from './subject.ts'

/** What holds for a connector that is only ever told all of its rows. */
export function wholePromises<A, T>(subject: Subject<A, T>, it: It): void {
  const open = async () => {
    const place = await placeOf(subject)
    const { channel, replace } = openAt(subject, place)
    const put = async (...numbers: readonly number[]) =>
      outcomes([await replace(rowsOf(numbers.map((n) => subject.row(n))))])
    return { place, channel, put, replace }
  }
  lookingPromises(subject, it)

  it('what was put there is all that is there, as often as it is put', async () => {
    const { place, put } = await open()
    expect(await put(0, 1, 2, 3)).toEqual(['written'])
    expect(rowCount(await place.contents())).toBe(4)
    expect(await put(1, 4)).toEqual(['written'])
    const once = await place.contents()
    expect(rowCount(once)).toBe(2)
    expect(await put(1, 4)).toEqual(['written'])
    expect(await place.contents()).toEqual(once)
  })

  it('nobody is put there as well', async () => {
    const { place, put } = await open()
    await put(0, 1)
    expect(await put()).toEqual(['written'])
    expect(rowCount(await place.contents())).toBe(0)
  })

  it('what was put there is read back, by key and all of it', async () => {
    if (!reads(subject, modeOf(subject))) return
    const { place, channel, put } = await open()
    const read = readerOf(subject, channel)
    await put(0, 1, 2)
    const before = await place.contents()
    expect(await read('all')).toEqual(sentTexts(subject, 0, 1, 2))
    expect(await read([subject.row(1).key, subject.row(9).key])).toEqual(sentTexts(subject, 1))
    expect(await read([])).toEqual([])
    expect(await place.contents()).toEqual(before)
  })

  if (isHttp(subject)) return
  it('rows that end too early leave what was there', async () => {
    const { place, put, replace } = await open()
    await put(0, 1)
    const before = await place.contents()
    await expect(replace(broken(subject.row(2)))).rejects.toThrow('the warehouse went away')
    expect(await place.contents()).toEqual(before)
  })
}

async function* rowsOf(rows: readonly Sent[]): AsyncGenerator<Sent> {
  yield* rows
}

async function* broken(row: Sent): AsyncGenerator<Sent> {
  yield row
  throw new Error('the warehouse went away')
}
