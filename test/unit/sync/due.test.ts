import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../../src/pipeline.ts'
import { duckdb } from '../../../src/warehouses/duckdb.ts'
import { ask, tell } from '../../support/database.ts'
import { edit, filledShop, inSandbox, runInSandbox, type SandboxRun, warehouseOf } from '../../support/small-shop.ts'
import { written } from '../../support/written.ts'

const filled = filledShop()

async function runDue(directory: string): Promise<SandboxRun> {
  return inSandbox(directory, (request, environment) => run({ ...request, due: true }, environment))
}

/** Every sync once an hour, but for one that says nothing. */
async function scheduled(): Promise<string> {
  const shop = await filled()
  const folder = join(shop, 'destinations')
  for (const file of await readdir(folder)) {
    const text = await readFile(join(folder, file), 'utf8')
    if (!file.startsWith('hook') && !file.startsWith('webhook'))
      await writeFile(join(folder, file), text.replace('    audience:', '    every: 1h\n    audience:'))
  }
  return shop
}

/** The runs of a sync began so many minutes ago. */
async function ago(directory: string, sync: string, minutes: number): Promise<void> {
  const session = await duckdb.connect(duckdb.options.parse({ path: warehouseOf(directory) }), {
    directory,
    mode: 'write',
  })
  await session.script([
    written(
      `update _cdp_sandbox.run_event set happened_at = now() - interval '${minutes} minutes' where sync_id = '${sync}'`,
    ),
  ])
  await session.close()
}

function statuses({ report }: SandboxRun): Readonly<Record<string, string>> {
  return Object.fromEntries(report.syncs.map(({ name, status }) => [name, status]))
}

test('with --due only syncs run whose time has passed since their last run, and those that name none', async () => {
  const shop = await scheduled()
  const unscheduled = 'quiet_to_hook'
  const first = await runDue(shop)
  expect(first.report.exit_code).toBe(0)
  expect(statuses(first)).toMatchObject({
    [unscheduled]: 'ok',
    vips_to_crm: 'not_due',
    readers_to_newsletter: 'not_due',
  })
  await edit(shop, 'people', 'P010', { city: 'Brest' })
  // A little early is in time: cron is never exact.
  await ago(shop, 'readers_to_newsletter', 55)
  await ago(shop, 'vips_to_crm', 50)
  const second = await runDue(shop)
  expect(statuses(second)).toMatchObject({ readers_to_newsletter: 'ok', vips_to_crm: 'not_due' })
  expect(second.report.syncs.find(({ name }) => name === 'readers_to_newsletter')).toMatchObject({
    updates: 1,
    written: 1,
  })
})

test('where nothing is due nothing is built', async () => {
  const shop = await scheduled()
  const path = join(shop, 'destinations')
  for (const file of await readdir(path)) {
    const text = await readFile(join(path, file), 'utf8')
    if (!text.includes('every:'))
      await writeFile(join(path, file), text.replace('    audience:', '    every: 2 days\n    audience:'))
  }
  const builds = () => ask('select count(*)::int as n from _cdp.build', warehouseOf(shop))
  const before = await builds()
  const done = await runDue(shop)
  expect(done.report).toMatchObject({ status: 'ok', exit_code: 0, models: [] })
  expect(new Set(Object.values(statuses(done)))).toEqual(new Set(['not_due']))
  expect(done.calls).toEqual([])
  expect(await builds()).toEqual(before)
})

test('a destination that has asked to be left alone is not due before its time, by the clock of the warehouse', async () => {
  const shop = await filled()
  const postponed = (minutes: number) =>
    tell(
      `update _cdp_sandbox.run_event
       set counts = '{"postponed":3600}', event = 'partial', happened_at = now() - interval '${minutes} minutes'
       where sync_id = 'vips_to_crm' and event <> 'claimed'`,
      warehouseOf(shop),
    )
  await postponed(50)
  const early = await runDue(shop)
  expect(statuses(early)).toMatchObject({ vips_to_crm: 'not_due', quiet_to_hook: 'ok' })
  // However it was asked, the report has the order of the project.
  const names = Object.keys(statuses(early))
  expect(names).toEqual((await runInSandbox(await filled())).report.syncs.map(({ name }) => name))

  await postponed(61)
  expect(statuses(await runDue(shop))).toMatchObject({ vips_to_crm: 'ok' })
})
