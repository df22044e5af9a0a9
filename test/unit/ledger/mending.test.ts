import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { sinceOf } from '../../../src/commands/log.ts'
import { openEnvironment } from '../../../src/commands/world.ts'
import { STATE_VERSION, tableSuffix } from '../../../src/compile/ledger-tables.ts'
import { resetState, showState } from '../../../src/ledger-reset.ts'
import { log, retry, unlock } from '../../../src/mending.ts'
import { type Copy, emptyFolder } from '../../support/cli.ts'
import { editOn, expectedOn, GROUNDS } from '../../support/ground.ts'
import { mending, refusal } from '../../support/mending.ts'
import { changeMuch, held, runInSandbox } from '../../support/small-shop.ts'

const SYNC = 'readers_to_newsletter'
const me = openEnvironment(() => undefined, new AbortController().signal).environment.holder

test('a time since when is counted back from now, or given', () => {
  const now = new Date('2026-11-08T12:00:00Z')
  expect(['30m', '24h', '7d', '2w', '2026-11-01'].map((written) => sinceOf(written, now))).toEqual([
    '2026-11-08T11:30:00.000Z',
    '2026-11-07T12:00:00.000Z',
    '2026-11-01T12:00:00.000Z',
    '2026-10-25T12:00:00.000Z',
    '2026-11-01T00:00:00.000Z',
  ])
  expect(() => sinceOf('soon', now)).toThrow('"soon" in --since is no time.')
})

describe.each(GROUNDS)('on $title', (ground) => {
  const copy = ground.filled()

  /** A shop whose newsletter has refused one row for its content. */
  let refusing: Copy
  beforeAll(async () => {
    refusing = await emptyFolder()
    await copy(refusing.directory)
    await editOn(ground, refusing.directory, 'people', 'P005', { city: 'x'.repeat(300) })
    const { report } = await runInSandbox(refusing.directory)
    expect(report.syncs.find(({ name }) => name === SYNC)).toMatchObject({ refused: 1 })
    return refusing.remove
  })
  const refused = () => ground.copy(refusing.directory)

  /** Leaves the lease of the readers to somebody, as a run does that was cut off. */
  async function leaveLease(directory: string, holder: string): Promise<void> {
    const set = `holder = '${holder}', lease_until = now() + interval '9' minute, active_run_id = 'run-x', fence = fence + 1`
    await ground.tell(directory, `update _cdp_sandbox.sync set ${set} where sync_id = '${SYNC}'`)
  }

  async function leaseOf(directory: string): Promise<unknown> {
    const [row] = await ground.ask(
      directory,
      `select holder, cast(fence as varchar) as fence from _cdp_sandbox.sync where sync_id = '${SYNC}'`,
    )
    return row
  }

  describe('unlock', () => {
    const asked = { sync: SYNC, force: false }

    test('says that nobody holds a lease, and changes nothing', async () => {
      const directory = await copy()
      const before = await leaseOf(directory)
      expect(await mending(directory, unlock, [asked])).toMatchObject({ unlocked: false, lease: null, holder: null })
      expect(await leaseOf(directory)).toEqual(before)
    })

    test('leaves the lease to a process that still runs, unless it is forced', async () => {
      const directory = await copy()
      await leaveLease(directory, me)
      expect(await refusal(mending(directory, unlock, [asked]))).toMatchObject({
        code: 'sync/locked',
        message: expect.stringContaining('still runs (run run-x;'),
      })
      expect(await leaseOf(directory)).toEqual({ holder: me, fence: '2' })

      const forced = await mending(directory, unlock, [{ ...asked, force: true }])
      expect(forced).toMatchObject({ unlocked: true, holder: 'alive', lease: { holder: me, run_id: 'run-x' } })
    })

    test('frees the lease of a run whose fate is unknown: the next run sends, and the fence has risen', async () => {
      const directory = await copy()
      await leaveLease(directory, 'elsewhere:1@00000000')
      await changeMuch(directory)
      await ground.refresh(directory)
      const stuck = await runInSandbox(directory)
      expect(stuck.report.exit_code).toBe(5)
      expect(held(stuck).newsletter).not.toEqual((await expectedOn(ground, directory)).newsletter)

      expect(await mending(directory, unlock, [asked])).toMatchObject({ unlocked: true, holder: 'unknown' })
      expect(await leaseOf(directory)).toEqual({ holder: null, fence: '3' })
      const next = await runInSandbox(directory)
      expect(next.report.exit_code).toBe(0)
      expect(held(next)).toEqual(await expectedOn(ground, directory))
      const events = await ground.ask(
        directory,
        `select event, detail from _cdp_sandbox.run_event where event = 'unlocked'`,
      )
      expect(events).toEqual([{ event: 'unlocked', detail: 'taken from elsewhere:1@00000000, run run-x' }])
    })

    test('of a sync that is not there guesses which was meant', async () => {
      const directory = await copy()
      const wrong = mending(directory, unlock, [{ ...asked, sync: 'reader_to_newsletter' }])
      expect(await refusal(wrong)).toEqual({
        code: 'ref/unknown-sync',
        message: 'Sync "reader_to_newsletter" is not defined.',
      })
    })
  })

  describe('retry', () => {
    const plain = { compliance: false }
    const snapshot = `_cdp_sandbox.snap_${tableSuffix(SYNC)}`

    test('makes refused rows due: the next run sends them again, and others not', async () => {
      const directory = await refused()
      const busy = (await mending(directory, retry, [plain])).filter(({ due }) => due > 0)
      expect(busy).toMatchObject([{ name: SYNC, status: 'ok', due: 1, refused: 1, quarantined: 0 }])
      expect((await runInSandbox(directory)).writes).toBe(1)
      const query = `select cast(fail_count as integer) as fails from ${snapshot} where tried_fp is not null`
      expect(await ground.ask(directory, query)).toEqual([{ fails: 1 }])
    })

    test('makes rows due that were given up, and leaves persons whom the vendor refuses until it is told', async () => {
      const directory = await refused()
      const edited = (set: string) => ground.tell(directory, `update ${snapshot} set ${set} where err_code is not null`)
      await edited(`fail_count = 5, next_retry_at = null`)
      expect(await readers(directory, plain)).toMatchObject({ due: 1, refused: 0, quarantined: 1, compliance: 0 })
      await edited(`err_class = 'compliance', tried_fp = 'x'`)
      expect(await readers(directory, plain)).toMatchObject({ due: 0, quarantined: 0, compliance: 1 })
      expect(await readers(directory, { compliance: true })).toMatchObject({ due: 1, compliance: 1 })
      expect(await ground.ask(directory, `select 1 from ${snapshot} where tried_fp is not null`)).toEqual([])
    })

    test('touches only syncs that were selected, and none that another run holds', async () => {
      const directory = await refused()
      const request = { select: ['sync:vips_to_crm'] }
      expect((await mending(directory, retry, [plain], { request })).map(({ name, due }) => [name, due])).toEqual([
        ['vips_to_crm', 0],
      ])
      await leaveLease(directory, 'elsewhere:1@00000000')
      const left = await readers(directory, plain)
      expect(left).toMatchObject({ status: 'locked', due: 0, locked_by: 'elsewhere:1@00000000' })
      expect(await ground.ask(directory, `select 1 from ${snapshot} where tried_fp is not null`)).toHaveLength(1)
    })

    async function readers(directory: string, asked: { readonly compliance: boolean }) {
      return (await mending(directory, retry, [asked])).find(({ name }) => name === SYNC)
    }
  })

  describe('the log', () => {
    const all = {
      sync: undefined,
      person: undefined,
      outcome: undefined,
      since: undefined,
      limit: 20,
      showValues: false,
    }

    test('tells of each run what it did, the newest first', async () => {
      const { runs, rows } = await mending(await refused(), log, [{ ...all, sync: SYNC }])
      expect(rows).toEqual([])
      expect(runs).toMatchObject([
        { sync: SYNC, event: 'done', counts: { updates: 1, refused: 1, written: 0 }, outcomes: { refused: 1 } },
        { sync: SYNC, event: 'done', counts: { refused: 0 } },
      ])
      const [last, first] = runs
      expect(first?.outcomes.written).toBe(first?.counts.creates)
      expect(Date.parse(last?.ended_at ?? '')).toBeGreaterThan(Date.parse(first?.ended_at ?? ''))
    })

    test('of an outcome shows the runs that had it and the rows that have it, personal keys hidden', async () => {
      const directory = await refused()
      const { runs, rows } = await mending(directory, log, [{ ...all, outcome: 'refused' }])
      expect(runs.map(({ sync }) => sync)).toEqual([SYNC])
      const shown = { sync: SYNC, outcome: 'refused', failures: 1, code: 'ERROR_GENERIC', last_run_id: runs[0]?.run_id }
      expect(rows).toMatchObject([{ ...shown, code: expect.any(String), key: { email: '[hidden]' } }])
      expect(JSON.stringify(rows)).not.toContain('mail.example')
      const open = await mending(directory, log, [{ ...all, outcome: 'refused', showValues: true }])
      expect(open.rows).toMatchObject([{ key: { email: 'jonas.05@mail.example' } }])
    })

    test('of a person shows every row that was sent for them, and the runs that touched these last', async () => {
      const { person, runs, rows } = await mending(await refused(), log, [{ ...all, person: 'jonas.05@mail.example' }])
      expect(person).toMatchObject({ entity: 'customer' })
      expect(rows.every(({ profile_id }) => profile_id === person?.profile_id)).toBe(true)
      expect(rows.find(({ sync }) => sync === SYNC)).toMatchObject({ outcome: 'refused' })
      expect(new Set(runs.map(({ sync }) => sync))).toEqual(new Set(rows.map(({ sync }) => sync)))
    })

    test('shows what was done since a time, and keeps a sync that the project no longer has', async () => {
      const directory = await refused()
      expect((await mending(directory, log, [{ ...all, since: '2200-01-01T00:00:00Z' }])).runs).toEqual([])
      await writeFile(join(directory, 'destinations/newsletter.yaml'), '')
      const { rows } = await mending(directory, log, [{ ...all, sync: SYNC, outcome: 'written', limit: 2 }])
      expect(rows).toMatchObject([{ key: { email: '[hidden]' } }, { key: { email: '[hidden]' } }])
      expect(await refusal(mending(directory, log, [{ ...all, sync: 'readers_to_newslettr' }]))).toMatchObject({
        code: 'ref/unknown-sync',
      })
      expect(await refusal(mending(directory, log, [{ ...all, person: 'nobody@x.example' }]))).toMatchObject({
        code: 'command/arguments',
      })
    })
  })
  describe('the state', () => {
    test('shows what the ledger holds of each sync', async () => {
      const { schema, made, syncs } = await mending(await refused(), showState, [])
      expect({ schema, made }).toMatchObject({
        schema: '_cdp_sandbox',
        made: { version: STATE_VERSION, target: 'local' },
      })
      const readers = syncs.find(({ name }) => name === SYNC)
      expect(readers).toMatchObject({
        rows: { refused: 1, quarantined: 0 },
        on_hold: 0,
        lease: undefined,
        mapping: { mode: 'mirror', key: { email: 'email' }, fields: ['FNAME', 'CITY'] },
      })
      expect(readers?.keys).toBe((readers?.rows.synced ?? 0) + 1)
    })

    test('is forgotten only by those who are sure: then everybody is sent again, and nobody is removed', async () => {
      const directory = await copy()
      const unsure = mending(directory, resetState, [{ sync: SYNC, sure: false }])
      expect(await refusal(unsure)).toMatchObject({
        code: 'command/arguments',
        message: expect.stringContaining('can never be removed from there'),
      })
      const known = async () => (await mending(directory, showState, [])).syncs.find(({ name }) => name === SYNC)
      const before = await known()
      const done = await mending(directory, resetState, [{ sync: SYNC, sure: true }])
      expect(done).toMatchObject({ forgotten: before?.keys, kept: 0 })
      expect((await known())?.keys).toBe(0)
      await editOn(ground, directory, 'people', 'P005', { newsletter: 'no' })
      const { report, holdings } = await runInSandbox(directory)
      expect(report.syncs.find(({ name }) => name === SYNC)).toMatchObject({
        creates: (before?.keys ?? 0) - 1,
        removes: 0,
      })
      expect(JSON.stringify(holdings.get('newsletter'))).toContain('jonas.05@mail.example')
    })

    test('of rows on hold stays when the rest is forgotten', async () => {
      const directory = await copy()
      const snapshot = `_cdp_sandbox.snap_${tableSuffix(SYNC)}`
      const hold = `hold_until = now() + interval '1' hour`
      await ground.tell(directory, `update ${snapshot} set ${hold} where key_json like '%jonas.05%'`)
      expect(await mending(directory, resetState, [{ sync: SYNC, sure: true }])).toMatchObject({ kept: 1 })
      expect(await ground.ask(directory, `select state, known, fp from ${snapshot}`)).toEqual([
        { state: 'unknown', known: false, fp: null },
      ])
    })
  })
})
