import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { GuardName } from '../../src/sync/breach.ts'
import { type Copy, emptyFolder } from '../support/cli.ts'
import { ask } from '../support/database.ts'
import { edit, runForReal, runInSandbox, type SandboxRun, smallShop, warehouseOf } from '../support/small-shop.ts'

// What must never reach a vendor: told by the emulators, which count what they are asked to change.

let filled: Copy

// The two syncs whose audiences are large enough to be a mass: 55 people of a webhook, 40 of a newsletter.
beforeAll(async () => {
  filled = await emptyFolder()
  await smallShop({ into: filled.directory })
  for (const file of ['crm', 'exports']) await rm(join(filled.directory, `destinations/${file}.yaml`))
  const { report } = await runInSandbox(filled.directory)
  if (report.status !== 'ok') throw new Error(JSON.stringify(report.errors))
  return filled.remove
})

const shop = () => smallShop({ from: filled.directory })

async function rewrite(directory: string, file: string, change: (text: string) => string): Promise<void> {
  const path = join(directory, file)
  await writeFile(path, change(await readFile(path, 'utf8')))
}

/** Keeps the second half of the rows. */
function halve(directory: string): Promise<void> {
  return rewrite(directory, 'data/people.csv', (text) => {
    const [header, ...rows] = text.split('\n')
    return [header, ...rows.slice(rows.length / 2)].join('\n')
  })
}

function guardsOf({ report }: SandboxRun): Readonly<Record<string, readonly GuardName[]>> {
  return Object.fromEntries(report.syncs.map((sync) => [sync.name, sync.breaches.map(({ guard }) => guard)]))
}

function saidBy({ report }: SandboxRun): string {
  return report.errors.map(({ message, fix = '' }) => `${message} ${fix}`).join('\n')
}

describe('nothing reaches a vendor, the exit code is 4, and the message says what to do', () => {
  test('when a source is emptied', async () => {
    const directory = await shop()
    await rewrite(directory, 'data/people.csv', (text) => `${text.split('\n')[0]}\n`)
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4, status: 'blocked' } })
    expect(saidBy(run)).toContain('Source "people" has no rows')
    expect(saidBy(run)).toContain('Look at what loads the source')
  })

  test('when a source that may be empty is emptied, and with it the audiences', async () => {
    const directory = await shop()
    await rewrite(directory, 'data/people.csv', (text) => `${text.split('\n')[0]}\n`)
    await rewrite(directory, 'models/customer.yaml', (text) =>
      text.replace('    category: profile\n', '    category: profile\n    may_be_empty: true\n'),
    )
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(guardsOf(run)).toEqual({ quiet_to_hook: ['empty_audience'], readers_to_newsletter: ['empty_audience'] })
    expect(saidBy(run)).toContain('Look at the sources of "readers", and at `cdp preview readers`.')
  })

  test('when a source is halved', async () => {
    const directory = await shop()
    await halve(directory)
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(guardsOf(run)).toEqual({ quiet_to_hook: ['max_removed'], readers_to_newsletter: ['max_removed'] })
    expect(saidBy(run)).toMatch(/\d+ of 55 rows would leave the destination: more than 10 %/)
    expect(saidBy(run)).toContain('`cdp apply plan.json --override <plan id>`')
  })

  test('when a key is duplicated', async () => {
    const directory = await shop()
    for (let person = 11; person <= 40; person++) await edit(directory, 'people', `P0${person}`, { card: 'C900' })
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(guardsOf(run)).toMatchObject({ quiet_to_hook: ['max_invalid'], readers_to_newsletter: [] })
    expect(saidBy(run)).toMatch(/of 55 rows have no key of their own: more than 0.1 %. In 0 it is null, \d+ share one/)
    expect(saidBy(run)).toContain('Look at the trait that is the key')
  })

  test('when the mapping is edited', async () => {
    const directory = await shop()
    await rewrite(directory, 'destinations/hook.yaml', (text) => `${text}      name: first_name\n`)
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(guardsOf(run)).toEqual({ quiet_to_hook: ['mapping'], readers_to_newsletter: [] })
    expect(saidBy(run)).toContain('The fields have changed (+name): 55 rows, about 14 calls, though the data has not.')
    expect(saidBy(run)).toContain('Write `on_mapping_change: resync` to send them, or `rebase`')
  })

  test('when the key is another one', async () => {
    const directory = await shop()
    await rewrite(directory, 'destinations/hook.yaml', (text) =>
      text.replace('key: card', 'key: { card: customer_no }'),
    )
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(guardsOf(run).quiet_to_hook).toContain('key')
    expect(saidBy(run)).toContain('The key has changed from card: card (text) to card: customer_no (text): 55 rows')
    expect(saidBy(run)).toContain('`cdp state rekey quiet_to_hook`')
  })
})

test('the state of one target is no ground for another: nothing is written, unless it would not be anyway', async () => {
  const directory = await smallShop()
  const select = ['vips_to_file']
  expect(await runForReal(directory, { select })).toMatchObject({ exit_code: 0 })
  await rm(join(directory, 'out'), { recursive: true })
  await rewrite(directory, 'cdp.config.yaml', (text) =>
    text
      .replace('warehouse: local', 'warehouse: copy')
      .replace('  local: {', '  copy: { type: duckdb, path: .cdp/warehouse.duckdb }\n  local: {'),
  )
  await edit(directory, 'people', 'P001', { first_name: 'Hugolin' })
  const report = await runForReal(directory, { select })
  expect(report).toMatchObject({ exit_code: 4, syncs: [{ status: 'blocked', breaches: [{ guard: 'environment' }] }] })
  await expect(readdir(join(directory, 'out'))).rejects.toThrow('ENOENT')
  await rewrite(directory, 'destinations/exports.yaml', (text) =>
    text.replace('path: out }', 'path: out, targets: [local] }'),
  )
  expect(await runForReal(directory, { select })).toMatchObject({
    exit_code: 0,
    syncs: [{ status: 'planned', blocked_by: 'not sent: target copy' }],
  })
})

test('on_mass_remove: hold sends all but the removals, which stay owed', async () => {
  const directory = await shop()
  await halve(directory)
  await edit(directory, 'people', 'P041', { first_name: 'Brunon' })
  await rewrite(directory, 'destinations/newsletter.yaml', (text) => `${text}    guard: { on_mass_remove: hold }\n`)
  await rewrite(directory, 'destinations/hook.yaml', (text) => `${text}    enabled: false\n`)
  const run = await runInSandbox(directory)
  expect(run).toMatchObject({ writes: 1, report: { exit_code: 3 } })
  const [sync] = run.report.syncs
  expect(sync).toMatchObject({
    status: 'ok',
    updates: 1,
    written: 1,
    breaches: [{ guard: 'max_removed', effect: 'held' }],
  })
  expect(sync?.again).toBe(sync?.removes)
  expect(sync?.removes).toBeGreaterThanOrEqual(20)
})

describe('a changed mapping', () => {
  const fingerprints = async (directory: string) => {
    const tables = await ask(
      "select table_name from information_schema.tables where table_name like 'snap_quiet%'",
      warehouseOf(directory),
    )
    const rows = await ask(
      `select key_json, fp, rev from _cdp_sandbox.${String(tables[0]?.table_name)} where state = 'synced'`,
      warehouseOf(directory),
    )
    return new Map(rows.map(({ key_json, fp, rev }) => [String(key_json), { fp, rev: Number(rev) }]))
  }
  const addName = (directory: string, how: string) =>
    rewrite(
      directory,
      'destinations/hook.yaml',
      (text) => `${text}      name: first_name\n    on_mapping_change: ${how}\n`,
    )

  test('rebase sends nothing for rows whose data is the same, and later changes as they come', async () => {
    const directory = await shop()
    const before = await fingerprints(directory)
    await addName(directory, 'rebase')
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 0 } })
    expect(run.report.syncs[0]).toMatchObject({
      unchanged: 55,
      updates: 0,
      mapping: { added: ['name'], changed: [], removed: [], way: 'rebase', rows: 55, calls: 14 },
    })
    const after = await fingerprints(directory)
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    expect([...after].filter(([key, { fp }]) => fp === before.get(key)?.fp)).toEqual([])
    expect([...after].filter(([key, { rev }]) => rev !== before.get(key)?.rev)).toEqual([])

    const again = await runInSandbox(directory)
    expect(again).toMatchObject({ writes: 0, report: { exit_code: 0 } })
    expect(again.report.syncs[0]?.mapping).toBeNull()

    await edit(directory, 'people', 'P002', { first_name: 'Oskar' })
    const changed = await runInSandbox(directory)
    expect(
      changed.calls.filter(({ destination }) => destination === 'hook').map(({ body }) => JSON.parse(body)),
    ).toEqual([
      expect.objectContaining({
        changes: [expect.objectContaining({ op: 'update', fields: expect.objectContaining({ name: 'Oskar' }) })],
      }),
    ])
  })

  test('rebase sends a row whose data has changed as well, with the new field', async () => {
    const directory = await shop()
    await addName(directory, 'rebase')
    await edit(directory, 'people', 'P004', { city: 'Rouen' })
    const run = await runInSandbox(directory)
    expect(run.report.syncs[0]).toMatchObject({ updates: 1, written: 1, unchanged: 54, mapping: { rows: 54 } })
    expect(run.calls.map(({ body }) => body).join()).toContain('"name":"Chloe"')
  })

  test('resync sends every row', async () => {
    const directory = await shop()
    await addName(directory, 'resync')
    const run = await runInSandbox(directory)
    expect(run.report.syncs[0]).toMatchObject({
      updates: 55,
      written: 55,
      mapping: { added: ['name'], way: 'resync', rows: 55 },
    })
    const again = await runInSandbox(directory)
    expect(again).toMatchObject({ writes: 0, report: { exit_code: 0 } })
    expect((await fingerprints(directory)).values().next().value?.rev).toBe(2)
  })

  test('a field that is removed, and another order, send nothing', async () => {
    const directory = await shop()
    await rewrite(directory, 'destinations/newsletter.yaml', (text) => text.replace('      CITY: city\n', ''))
    await rewrite(directory, 'destinations/hook.yaml', (text) =>
      text.replace(
        '      city: city\n      greeting: "Bonjour {{city}}"\n',
        '      greeting: "Bonjour {{city}}" # hello\n      city:   city\n',
      ),
    )
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 0 } })
    expect(run.report.syncs).toMatchObject([
      { name: 'quiet_to_hook', mapping: { added: [], changed: [], removed: [], way: 'rebase', rows: 55 } },
      { name: 'readers_to_newsletter', mapping: { removed: ['CITY'], way: 'rebase', rows: 40 } },
    ])
    expect(await runInSandbox(directory)).toMatchObject({ writes: 0, report: { exit_code: 0 } })
  })

  test('cannot be rebased where a trait of the old one is gone, and says which', async () => {
    const directory = await shop()
    await rewrite(directory, 'destinations/newsletter.yaml', (text) => text.replace('      FNAME: first_name\n', ''))
    await rewrite(directory, 'models/customer.yaml', (text) => text.replace(/ {4}first_name: \{ pick.*\n/, ''))
    const run = await runInSandbox(directory)
    expect(run).toMatchObject({ writes: 0, report: { exit_code: 4 } })
    expect(saidBy(run)).toContain('what the fields were made of is no more: first_name.')
    expect(saidBy(run)).toContain('`on_mapping_change: resync`')
  })
})
