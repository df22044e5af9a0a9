import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tableSuffix } from '../../../src/compile/ledger-tables.ts'
import { adopt, reconcile, verify } from '../../../src/ledger-compare.ts'
import { rekey } from '../../../src/ledger-rekey.ts'
import { resetState, showState } from '../../../src/ledger-reset.ts'
import { differing, interval } from '../../../src/sync/compare.ts'
import { editOn, expectedOn, GROUNDS, scratchTables } from '../../support/ground.ts'
import { mending, refusal } from '../../support/mending.ts'
import { held, journals, runInSandbox } from '../../support/small-shop.ts'

const SYNCS = ['readers_to_newsletter', 'vips_to_crm', 'vips_to_file'] as const
const READERS = SYNCS[0]
const fromDestination = { kind: 'destination' } as const

type Step = readonly [list: string, id: string, row: Readonly<Record<string, unknown>> | null]

const rowsOf = async (directory: string, sync: string) =>
  (await mending(directory, showState, [])).syncs.find(({ name }) => name === sync)

/** Somebody changes one contact at the vendor: gives it another city, or archives it. */
async function meddle(directory: string, address: string, changed: { readonly city: string } | 'archived' | 'gone') {
  const path = join(directory, '.cdp/sandbox/local/newsletter.ndjson')
  const steps = (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .flatMap((line) => JSON.parse(line) as Step[])
  const [list, id, row] = steps.findLast(([, , one]) => one?.email_address === address) ?? []
  if (list === undefined || id === undefined || !row) throw new Error(`nobody holds ${address}`)
  const fields = row.merge_fields as Readonly<Record<string, string>>
  const now = typeof changed === 'string' ? { status: changed } : { merge_fields: { ...fields, CITY: changed.city } }
  await appendFile(path, `${JSON.stringify([[list, id, changed === 'gone' ? null : { ...row, ...now }]])}\n`)
}

test('values are equal where both mean one, whatever the form in which a vendor tells them', () => {
  const equal: readonly (readonly [never, never])[] = [
    ['a', ' a '],
    [null, ''],
    [7, '7'],
    [1.5, '1.50'],
    [true, 'true'],
    ['2026-01-01T10:00:00Z', '2026-01-01T12:00:00.000+0200'],
  ] as never
  for (const [sent, back] of equal) expect(differing({ a: sent }, { a: back }), `${sent} ${back}`).toEqual([])
  const other = [
    ['a', 'A'],
    ['01000', ''],
    [null, '0'],
    [7, '7.01'],
    ['2026-01-01T10:00:00Z', '2026-01-01T12:00:00Z'],
  ] as never as readonly (readonly [never, never])[]
  for (const [sent, back] of other) expect(differing({ a: sent }, { a: back }), `${sent} ${back}`).toEqual(['a'])
})

test('the interval holds the share that was found, and narrows with the sample', () => {
  expect(interval(0, 100).high).toBeCloseTo(0.037, 3)
  expect(interval(5, 100)).toMatchObject({ low: expect.closeTo(0.0215, 3), high: expect.closeTo(0.1118, 3) })
  expect(interval(0, 0)).toEqual({ low: 0, high: 1 })
})

describe.each(GROUNDS)('on $title', (ground) => {
  const copy = ground.filled()

  describe('what is read back', () => {
    test('is what was sent, of a mailing list, a CRM and a file; nothing is sent', async () => {
      const directory = await copy()
      const before = await journals(directory)
      for (const sync of SYNCS) {
        const found = await mending(directory, verify, [{ sync, rows: 7 }])
        expect(found, sync).toMatchObject({ rows: 7, equal: 7, differs: 0, missing: 0, fields: {} })
        expect(found.comparable).toBe((await rowsOf(directory, sync))?.rows.synced)
        expect(found.wrong).toMatchObject({ share: 0, low: 0 })
      }
      expect(await journals(directory)).toEqual(before)
      expect(await scratchTables(ground, directory)).toEqual([])
    })

    test('that differs or is missing is found, and mended by the run after a reconciliation', async () => {
      const directory = await copy()
      await meddle(directory, 'jonas.05@mail.example', { city: 'Elsewhere' })
      await meddle(directory, 'hugo.01@mail.example', 'gone')
      const found = await mending(directory, verify, [{ sync: READERS, rows: 10_000 }])
      expect(found).toMatchObject({ differs: 1, missing: 1, fields: { CITY: 1 }, rows: found.comparable })
      expect(found.wrong.low).toBeLessThan(2 / found.rows)
      expect(found.wrong.high).toBeGreaterThan(2 / found.rows)

      const { equal, ...wrong } = await mending(directory, reconcile, [{ sync: READERS }])
      expect(wrong).toMatchObject({ differs: 1, missing: 1, rows: equal + 2 })
      expect(await rowsOf(directory, READERS)).toMatchObject({ to_correct: 2 })
      expect(await scratchTables(ground, directory)).toEqual([])
      const mended = await runInSandbox(directory)
      expect(mended.report.syncs.find(({ name }) => name === READERS)).toMatchObject({ updates: 2, written: 2 })
      expect(held(mended)).toEqual(await expectedOn(ground, directory))
    })

    test('that somebody has archived there is missing, and is told rather than taken back', async () => {
      const directory = await copy()
      await meddle(directory, 'hugo.01@mail.example', 'archived')
      expect(await mending(directory, reconcile, [{ sync: READERS }])).toMatchObject({ differs: 0, missing: 1 })
      const { report } = await runInSandbox(directory)
      expect(report.syncs.find(({ name }) => name === READERS)).toMatchObject({ updates: 1, written: 0, refused: 1 })
      expect(report.errors).toMatchObject([{ code: 'destination/refused', severity: 'warning' }])
    })

    test('of a sync that never ran is nothing, and of a project that never ran is refused', async () => {
      const directory = await ground.create()
      const early = mending(directory, verify, [{ sync: READERS, rows: 5 }])
      expect(await refusal(early)).toEqual({ code: 'command/arguments', message: 'Nothing is published yet.' })
      const other = await copy()
      await ground.tell(other, 'drop schema _cdp_sandbox cascade')
      expect(await mending(other, verify, [{ sync: READERS, rows: 5 }])).toMatchObject({ synced: 0, rows: 0 })
    })

    test('of a destination that cannot be read is refused', async () => {
      const directory = await copy()
      expect(await refusal(mending(directory, verify, [{ sync: 'quiet_to_hook', rows: 5 }]))).toEqual({
        code: 'command/arguments',
        message: 'What "hook" holds cannot be read back: Webhook.',
      })
    })
  })

  describe('adopting', () => {
    test('what a destination holds makes it acknowledged: only what differs is sent afterwards', async () => {
      const directory = await copy()
      const counts = new Map<string, number | undefined>()
      for (const sync of SYNCS) {
        counts.set(sync, (await rowsOf(directory, sync))?.keys)
        await mending(directory, resetState, [{ sync, sure: true }])
      }
      await meddle(directory, 'jonas.05@mail.example', { city: 'Elsewhere' })
      for (const sync of SYNCS) {
        const adopted = await mending(directory, adopt, [{ sync, from: fromDestination }])
        const differs = sync === READERS ? 1 : 0
        expect(adopted, sync).toMatchObject({
          equal: (counts.get(sync) ?? 0) - differs,
          differs,
          known: 0,
          strangers: 0,
        })
      }
      const again = await mending(directory, adopt, [{ sync: READERS, from: fromDestination }])
      expect(again).toMatchObject({ equal: 0, differs: 0, known: counts.get(READERS) })
      // Whoever leaves is removed, as if we had sent them.
      await editOn(ground, directory, 'people', 'P007', { newsletter: 'no' })
      const next = await runInSandbox(directory)
      expect(next.report.syncs.find(({ name }) => name === READERS)).toMatchObject({
        creates: 0,
        updates: 1,
        removes: 1,
      })
      expect(next.report.syncs.find(({ name }) => name === 'vips_to_crm')).toMatchObject({ calls: 0 })
      expect(held(next)).toEqual(await expectedOn(ground, directory))
    })

    test('an export of another tool takes over its keys, those included that are to be removed', async () => {
      const directory = await copy()
      await mending(directory, resetState, [{ sync: READERS, sure: true }])
      const text = 'id,mail\n1,Hugo.01@mail.example\n2,jonas.05@mail.example\n3,quentin.06@mail.example\n4,\n'
      await writeFile(join(directory, 'export.csv'), text)
      const from = { kind: 'file', path: 'export.csv', columns: ['mail'] } as const
      expect(await mending(directory, adopt, [{ sync: READERS, from }])).toMatchObject({ differs: 2, strangers: 1 })
      const snapshot = `_cdp_sandbox.snap_${tableSuffix(READERS)}`
      const kept = await ground.ask(directory, `select key_json, state, fp from ${snapshot} order by key_json`)
      expect(kept).toEqual(
        ['hugo.01', 'jonas.05', 'quentin.06'].map((name) => ({
          key_json: `{"email":"${name}@mail.example"}`,
          state: 'synced',
          fp: null,
        })),
      )
      const missing = { ...from, columns: ['email'] }
      expect((await refusal(mending(directory, adopt, [{ sync: READERS, from: missing }]))).message).toBe(
        '"export.csv": The file "export.csv" has no column "email".',
      )
      const nowhere = { ...from, path: 'other.csv' }
      expect((await refusal(mending(directory, adopt, [{ sync: READERS, from: nowhere }]))).message).toBe(
        'There is no file "other.csv".',
      )
    })

    test('leaves a sync alone that another run holds', async () => {
      const directory = await copy()
      const set = `holder = 'elsewhere:1@00000000', lease_until = now() + interval '9' minute`
      await ground.tell(directory, `update _cdp_sandbox.sync set ${set}`)
      const adopting = mending(directory, adopt, [{ sync: READERS, from: fromDestination }])
      expect(await refusal(adopting)).toMatchObject({ code: 'sync/locked' })
      expect(await refusal(mending(directory, reconcile, [{ sync: READERS }]))).toMatchObject({ code: 'sync/locked' })
    })
  })

  test('a sync with a new key keeps what was acknowledged, and removes those whose profile is gone', async () => {
    const directory = await copy()
    const sync = 'quiet_to_hook'
    const before = await rowsOf(directory, sync)
    const yaml = join(directory, 'destinations/hook.yaml')
    await writeFile(yaml, (await readFile(yaml, 'utf8')).replace('key: card', 'key: { number: customer_no }'))
    const snapshot = `_cdp_sandbox.snap_${tableSuffix(sync)}`
    await ground.tell(
      directory,
      `update ${snapshot} set profile_id = 'gone' where key_json = (select min(key_json) from ${snapshot})`,
    )

    const found = await mending(directory, rekey, [{ sync }])
    expect(found).toMatchObject({ moved: (before?.keys ?? 0) - 1, left: 1 })
    expect(await mending(directory, rekey, [{ sync }])).toMatchObject({ moved: 0, left: 1 })
    const next = await runInSandbox(directory)
    expect(next.report.syncs.find(({ name }) => name === sync)).toMatchObject({
      creates: 1,
      updates: 0,
      removes: 1,
    })
    expect(await scratchTables(ground, directory)).toEqual([])
  })
})
