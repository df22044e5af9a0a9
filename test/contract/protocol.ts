import { expect } from 'vitest'
import type { Fault, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { type Bench, NOW, openBench } from '../support/vendor.ts'
import { attempt, errorOf, expectMaybe, rowCount, shown } from './attempt.ts'
import type { It } from './connector.ts'
import { readerOf, reads } from './reading.ts'
import { batchOf, benchPlace, type HttpSubject, openAt } from './subject.ts'
import { expectForeseen } from './volume.ts'

/** What holds for every connector that speaks HTTP besides. */
export function protocolPromises<A, T>(subject: HttpSubject<A, T>, it: It): void {
  const { into } = subject
  const open = async () => {
    const bench = await openBench(subject.vendor(), { columns: subject.columns })
    return { bench, ...openAt(subject, benchPlace(subject, bench)) }
  }
  const onWrites = (bench: Bench, fault: Fault) => {
    bench.fault = (request) => (subject.isWrite(request) ? fault : undefined)
  }

  it('429 pauses for the seconds of Retry-After', async () => {
    const { bench, send } = await open()
    onWrites(bench, { kind: 'answer', status: 429, headers: { 'retry-after': '7' } })
    const error = await errorOf(send(batchOf(subject, 2)))
    expect(error).toMatchObject({ kind: 'throttle', applied: 'no', after: 7_000 })
    expect(rowCount(bench.emulator.contents())).toBe(0)
  })

  it('429 pauses until the date of Retry-After, by the clock of the answer', async () => {
    const { bench, send } = await open()
    const date = new Date(NOW - 86_400_000)
    const until = new Date(date.getTime() + 90_000)
    const headers = { date: date.toUTCString(), 'retry-after': until.toUTCString() }
    onWrites(bench, { kind: 'answer', status: 429, headers })
    expect(await errorOf(send(batchOf(subject, 2)))).toMatchObject({ kind: 'throttle', after: 90_000 })
  })

  it('401 is an error of authorisation and marks no row', async () => {
    const { bench, send } = await open()
    onWrites(bench, { kind: 'answer', status: 401, body: { detail: 'no' } })
    expect(await errorOf(send(batchOf(subject, 2)))).toMatchObject({ kind: 'auth' })
  })

  it('401 is an error of authorisation of who reads, too', async () => {
    const { bench, channel } = await open()
    if (!reads(subject, 'mirror')) return
    onReads(bench, { kind: 'answer', status: 401, body: { detail: 'no' } }, subject.isWrite)
    await expect(readerOf(subject, channel)('all')).rejects.toMatchObject({ kind: 'auth' })
  })

  it('500 may have been applied', async () => {
    const { bench, send } = await open()
    onWrites(bench, { kind: 'answer', status: 500, effect: true })
    expectMaybe(await attempt(send(batchOf(subject, 2))))
  })

  it('a batch that is refused as a whole can be bisected', async () => {
    const { bench, send } = await open()
    onWrites(bench, { kind: 'answer', ...subject.wholeRefused })
    expect(await errorOf(send(batchOf(subject, 2)))).toMatchObject({ kind: 'batch' })
  })

  it('a vendor that cannot be reached was sent nothing', async () => {
    const { bench, send } = await open()
    // A login that is remembered would not notice, and a connection that is kept may be written to before it is known
    // to be gone: such a request may have been read.
    bench.fault = () => ({ kind: 'last' })
    await send(batchOf(subject, 1))
    await bench.emulator.close()
    const error = await errorOf(send(batchOf(subject, 2)))
    expect(error).toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
  })

  it('a redirect is refused', async () => {
    const { bench, send } = await open()
    onWrites(bench, { kind: 'answer', status: 307, headers: { location: 'http://169.254.169.254/' } })
    expect(await errorOf(send(batchOf(subject, 1)))).toMatchObject({ kind: 'config', code: 'redirect_refused' })
    expect(bench.seen.filter(subject.isWrite)).toHaveLength(1)
  })

  it('many rows take the calls and the minutes that the plan foresees', () => expectForeseen(subject), 300_000)

  it('no error and no receipt shows a secret or an address', async () => {
    const said = `${subject.secrets.join(' ')} jane.doe@example.org`
    const body = { title: said, detail: said, error: said, message: said }
    const list = [{ errorCode: 'X', message: said }]
    const statuses = [302, 400, 401, 403, 404, 413, 429, 500, 503]
    const faults: readonly Fault[] = [
      ...statuses.map((status): Fault => ({ kind: 'answer', status, body })),
      ...statuses.map((status): Fault => ({ kind: 'answer', status, body: list })),
      { kind: 'reset', effect: false },
    ]
    for (const fault of faults) {
      const { bench, channel, send } = await open()
      onWrites(bench, fault)
      const sent = await attempt(send(batchOf(subject, 1)))
      bench.fault = () => fault
      const checked = await attempt(channel.check(into).then(() => []))
      const other = await attempt(send(batchOf(subject, 2)))
      const all = shown([sent, checked, other])
      for (const secret of [...subject.secrets, 'jane.doe']) expect(all).not.toContain(secret)
    }
  })
}

function onReads(bench: Bench, fault: Fault, isWrite: (request: Seen) => boolean): void {
  bench.fault = (request) => (isWrite(request) || request.path.endsWith('/token') ? undefined : fault)
}
