import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { status } from '../../../src/answers.ts'
import { log } from '../../../src/mending.ts'
import { plan } from '../../../src/plan.ts'
import { editOn, expectedOn, GROUNDS } from '../../support/ground.ts'
import { mending } from '../../support/mending.ts'
import { held, inSandbox, runInSandbox } from '../../support/small-shop.ts'

const ASKED = { person: undefined, outcome: undefined, since: undefined, limit: 10, showValues: false }

describe.each(GROUNDS)('on $title', (ground) => {
  const filled = ground.filled()
  /** The newsletter's sync under another name; with `also` its destination, too. */
  async function renamed(also = false): Promise<string> {
    const shop = await filled()
    const path = join(shop, 'destinations/newsletter.yaml')
    const text = (await readFile(path, 'utf8')).replace(
      '  readers_to_newsletter:\n',
      '  letters:\n    was: readers_to_newsletter\n',
    )
    const more = text
      .replace('  newsletter: { type', '  mail: { was: newsletter, type')
      .replace('to: newsletter', 'to: mail')
    await writeFile(path, also ? more : text)
    return shop
  }

  test('a sync that was renamed sends nothing anew, and what is known of it follows', async () => {
    const shop = await renamed()
    const before = await mending(shop, status, [])
    expect(before.syncs.find(({ name }) => name === 'letters')).toMatchObject({
      rows: { synced: 40 },
      last_run: { event: 'done' },
    })
    const planned = await inSandbox(shop, (request, environment) =>
      plan(request, environment, { keep: false, showValues: false }),
    )
    expect(planned.report.syncs.find(({ name }) => name === 'letters')).toMatchObject({
      creates: 0,
      updates: 0,
      removes: 0,
      unchanged: 40,
    })
    expect((await mending(shop, log, [{ ...ASKED, sync: 'letters' }])).runs).toMatchObject([
      { counts: { written: 40 } },
    ])

    const run = await runInSandbox(shop)
    expect(run.report).toMatchObject({ status: 'ok', exit_code: 0 })
    expect(run.writes).toBe(0)
    const told = await mending(shop, log, [{ ...ASKED, sync: 'letters' }])
    expect(told.runs.map(({ sync, outcomes }) => ({ sync, outcomes }))).toEqual([
      { sync: 'letters', outcomes: {} },
      { sync: 'letters', outcomes: { written: 40 } },
    ])
    const health = "select sync, synced::int as synced from _cdp_sandbox.sync_health where sync like '%letter%'"
    expect(await ground.ask(shop, health)).toEqual([{ sync: 'letters', synced: 40 }])

    await editOn(ground, shop, 'people', 'P005', { newsletter: 'no' })
    const next = await runInSandbox(shop)
    expect(next.report.syncs.find(({ name }) => name === 'letters')).toMatchObject({
      removes: 1,
      creates: 0,
      updates: 0,
    })
    expect(held(next)).toEqual(await expectedOn(ground, shop))
  })

  test('a destination that was renamed is the same place, in the sandbox as well', async () => {
    const shop = await renamed(true)
    const run = await runInSandbox(shop)
    expect(run.report).toMatchObject({ status: 'ok', exit_code: 0 })
    expect(run.writes).toBe(0)
    const rows = run.holdings.get('mail')?.find(({ place }) => place === 'list readers')?.rows
    expect(rows?.filter((row) => row.status === 'subscribed')).toHaveLength(40)
  })
})
