import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  type Change,
  type Connector,
  DestinationError,
  type HeldRow,
  type LeaveAction,
  type Receipt,
  type Slot,
} from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Answer, Fault, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { type Bench, changeOf, NOW, openBench, SILENCE } from '../support/vendor.ts'

/** What the suite must know of one connector and its emulated vendor. */
export interface Subject<A, T> {
  readonly connector: Connector<A, T>
  readonly account: A
  readonly into: T
  /** Texts that must never be shown. */
  readonly secrets: readonly string[]
  readonly columns: { readonly key: readonly string[]; readonly fields: readonly string[] }
  vendor(): Vendor
  /** The nth good row. */
  row(n: number): { readonly key: Change['key']; readonly fields: Change['fields'] }
  /** A row that the vendor refuses. */
  readonly bad: { readonly key: Change['key']; readonly fields: Change['fields'] }
  /** A leave verb after which the vendor no longer holds the row as it was. */
  readonly leave: LeaveAction
  /** Is this the request that writes? Others are logins and look-ups. */
  isWrite(request: Seen): boolean
  /** How the vendor says that nothing of the batch can be read. */
  readonly wholeRefused: Answer
  readonly skip?: readonly { readonly case: string; readonly why: string }[]
}

const SLOT: Slot = { run: 'run-1', window: 0, batch: 0 }

/** The promises that hold for every connector that speaks HTTP. */
export function connectorContract<A, T>(subject: Subject<A, T>): void {
  const { connector, account, into } = subject
  const it = (name: string, body: () => Promise<void>) => {
    const skipped = subject.skip?.find((one) => one.case === name)
    if (skipped) test.skip(`${name} (${skipped.why})`, body)
    else test(name, body)
  }
  const open = async () => {
    const bench = await openBench(subject.vendor(), { columns: subject.columns })
    const channel = connector.open(account, bench.io)
    return { bench, channel, send: (batch: readonly Change[]) => channel.send(batch, into, SLOT) }
  }
  const batchOf = (count: number) =>
    Array.from({ length: count }, (_, n) => changeOf(subject.row(n).key, subject.row(n).fields))
  const onWrites = (bench: Bench, fault: Fault) => {
    bench.fault = (request) => (subject.isWrite(request) ? fault : undefined)
  }
  const onFirstWrite = (bench: Bench, fault: Fault) => {
    let left = 1
    bench.fault = (request) => (subject.isWrite(request) && left-- > 0 ? fault : undefined)
  }

  describe(`the connector ${connector.name}`, () => {
    it('checks without changing anything', async () => {
      const { bench, channel } = await open()
      await channel.check(into)
      expect(bench.emulator.counters().writes).toBe(0)
      expect(bench.emulator.contents().flatMap((one) => one.rows)).toEqual([])
    })

    it('says whether it can be read', async () => {
      const { channel } = await open()
      for (const mode of connector.modes)
        expect(connector.reads?.(mode, into) ?? false, mode).toBe(channel.read !== undefined)
    })

    it('an empty batch sends nothing', async () => {
      const { bench, send } = await open()
      expect(await send([])).toEqual([])
      expect(bench.emulator.counters().calls).toBe(0)
    })

    it('receipts come in the order of the changes', async () => {
      const { bench, send } = await open()
      const rows = [subject.row(3), subject.bad, subject.row(1), subject.row(2)]
      const receipts = await send(rows.map((row) => changeOf(row.key, row.fields)))
      expect(receipts.map((one) => one.outcome)).toEqual(['written', 'refused', 'written', 'written'])
      expect(receipts[1]).toMatchObject({ outcome: 'refused', kind: 'row' })
      expect(rowCount(bench)).toBe(3)
    })

    it('429 pauses for the seconds of Retry-After', async () => {
      const { bench, send } = await open()
      onWrites(bench, { kind: 'answer', status: 429, headers: { 'retry-after': '7' } })
      expect(await errorOf(send(batchOf(2)))).toMatchObject({ kind: 'throttle', applied: 'no', after: 7_000 })
      expect(rowCount(bench)).toBe(0)
    })

    it('429 pauses until the date of Retry-After, by the clock of the answer', async () => {
      const { bench, send } = await open()
      const date = new Date(NOW - 86_400_000)
      const until = new Date(date.getTime() + 90_000)
      const headers = { date: date.toUTCString(), 'retry-after': until.toUTCString() }
      onWrites(bench, { kind: 'answer', status: 429, headers })
      expect(await errorOf(send(batchOf(2)))).toMatchObject({ kind: 'throttle', after: 90_000 })
    })

    it('401 is an error of authorisation and marks no row', async () => {
      const { bench, send } = await open()
      onWrites(bench, { kind: 'answer', status: 401, body: { detail: 'no' } })
      expect(await errorOf(send(batchOf(2)))).toMatchObject({ kind: 'auth' })
    })

    it('500 may have been applied', async () => {
      const { bench, send } = await open()
      onWrites(bench, { kind: 'answer', status: 500, effect: true })
      expectMaybe(await attempt(send(batchOf(2))))
    })

    it('a batch that is refused as a whole can be bisected', async () => {
      const { bench, send } = await open()
      onWrites(bench, { kind: 'answer', ...subject.wholeRefused })
      expect(await errorOf(send(batchOf(2)))).toMatchObject({ kind: 'batch' })
    })

    for (const effect of [false, true])
      it(`silence ${effect ? 'after' : 'before'} the effect leaves it open whether it was applied`, async () => {
        const { bench, channel, send } = await open()
        // Logs in where there is a login: it shall not be what takes too long.
        await channel.check(into)
        onFirstWrite(bench, { kind: 'silence', effect })
        bench.timeout = SILENCE
        expectMaybe(await attempt(send(batchOf(2))))
        bench.timeout = 20_000
        expect(rowCount(bench)).toBe(effect ? 2 : 0)
        expect(outcomes(await send(batchOf(2)))).toEqual(['written', 'written'])
        expect(rowCount(bench)).toBe(2)
      })

    for (const kind of ['reset', 'truncated'] as const)
      it(`an answer lost by ${kind} leaves it open, and sending again does no harm`, async () => {
        const { bench, send } = await open()
        onFirstWrite(bench, kind === 'reset' ? { kind, effect: true } : { kind })
        expectMaybe(await attempt(send(batchOf(3))))
        const before = bench.emulator.contents()
        expect(outcomes(await send(batchOf(3)))).toEqual(['written', 'written', 'written'])
        expect(bench.emulator.contents()).toEqual(before)
      })

    it('a vendor that cannot be reached was sent nothing', async () => {
      const { bench, send } = await open()
      // A login that is remembered would not notice.
      await send(batchOf(1))
      await bench.emulator.close()
      expect(await errorOf(send(batchOf(2)))).toMatchObject({ kind: 'transient', code: 'network', applied: 'no' })
    })

    it('a redirect is refused', async () => {
      const { bench, send } = await open()
      onWrites(bench, { kind: 'answer', status: 307, headers: { location: 'http://169.254.169.254/' } })
      expect(await errorOf(send(batchOf(1)))).toMatchObject({ kind: 'config', code: 'redirect_refused' })
      expect(bench.seen.filter(subject.isWrite)).toHaveLength(1)
    })

    it('the same changes twice leave what once leaves', async () => {
      const { bench, send } = await open()
      await send(batchOf(4))
      const once = bench.emulator.contents()
      expect(outcomes(await send(batchOf(4)))).toEqual(Array(4).fill('written'))
      expect(bench.emulator.contents()).toEqual(once)
    })

    it('a removal is written, also a second time and for a row that is not there', async () => {
      const { bench, send } = await open()
      await send(batchOf(3))
      const before = bench.emulator.contents()
      const removals = [0, 1, 9].map((n) => changeOf(subject.row(n).key, {}, { op: 'remove', leave: subject.leave }))
      expect(outcomes(await send(removals))).toEqual(['written', 'written', 'written'])
      const after = bench.emulator.contents()
      expect(after).not.toEqual(before)
      expect(outcomes(await send(removals))).toEqual(['written', 'written', 'written'])
      expect(bench.emulator.contents()).toEqual(after)
    })

    it('what was written is read back, by key and all of it; what left is not', async () => {
      const { bench, channel, send } = await open()
      if (channel.read === undefined) return
      const read = channel.read.bind(channel)
      await send(batchOf(3))
      const before = bench.emulator.contents()
      const texts = (rows: readonly HeldRow[]) => rows.map(({ key, fields }) => textsOf({ ...fields, ...key })).sort()
      const sent = (...numbers: readonly number[]) => texts(numbers.map((n) => subject.row(n)))
      const seen = async (keys: readonly Change['key'][] | 'all') => {
        const rows: HeldRow[] = []
        for await (const row of read(keys, into)) rows.push(row)
        const named = rows.map(({ key, fields }) => ({
          key,
          fields: Object.fromEntries(Object.keys(subject.row(0).fields).map((name) => [name, fields[name] ?? null])),
        }))
        return texts(named)
      }
      expect(await seen('all')).toEqual(sent(0, 1, 2))
      expect(await seen([subject.row(1).key, subject.row(9).key])).toEqual(sent(1))
      expect(await seen([])).toEqual([])
      expect(bench.emulator.contents()).toEqual(before)
      await send([changeOf(subject.row(1).key, {}, { op: 'remove', leave: subject.leave })])
      expect(await seen('all')).toEqual(sent(0, 2))
      expect(await seen([subject.row(1).key])).toEqual([])
      onReads(bench, { kind: 'answer', status: 401, body: { detail: 'no' } }, subject.isWrite)
      await expect(seen('all')).rejects.toMatchObject({ kind: 'auth' })
    })

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
        const sent = await attempt(send(batchOf(1)))
        bench.fault = () => fault
        const checked = await attempt(channel.check(into).then(() => []))
        const other = await attempt(send(batchOf(2)))
        const shown = inspect([sent, checked, other], { depth: 9, showHidden: true })
        for (const secret of [...subject.secrets, 'jane.doe']) expect(shown).not.toContain(secret)
      }
    })
  })
}

/** Rows by text, as a vendor may tell them. */
function textsOf(row: Readonly<Record<string, unknown>>): string {
  const cells = Object.entries(row).map(([name, value]) => `${name}=${value}`)
  return cells.sort().join(', ')
}

function onReads(bench: Bench, fault: Fault, isWrite: (request: Seen) => boolean): void {
  bench.fault = (request) => (isWrite(request) || request.path.endsWith('/token') ? undefined : fault)
}

function rowCount(bench: Bench): number {
  return bench.emulator.contents().reduce((sum, one) => sum + one.rows.length, 0)
}

function outcomes(receipts: readonly Receipt[]): readonly string[] {
  return receipts.map((one) => one.outcome)
}

type Attempt = { readonly receipts: readonly Receipt[] } | { readonly error: DestinationError }

async function attempt(sending: Promise<readonly Receipt[]>): Promise<Attempt> {
  try {
    return { receipts: await sending }
  } catch (error) {
    expect(error).toBeInstanceOf(DestinationError)
    return { error: error as DestinationError }
  }
}

async function errorOf(sending: Promise<readonly Receipt[]>): Promise<DestinationError> {
  const result = await attempt(sending)
  if ('receipts' in result) throw new Error(`no error but ${inspect(result.receipts)}`)
  return result.error
}

function expectMaybe(result: Attempt): void {
  if ('error' in result) expect(result.error).toMatchObject({ kind: 'transient', applied: 'maybe' })
  else for (const one of result.receipts) expect(one).toMatchObject({ outcome: 'again', applied: 'maybe' })
}
