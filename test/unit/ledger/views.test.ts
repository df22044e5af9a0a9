import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { retry } from '../../../src/mending.ts'
import { editOn, GROUNDS } from '../../support/ground.ts'
import { mending } from '../../support/mending.ts'
import { runForReal, runInSandbox } from '../../support/small-shop.ts'

describe.each(GROUNDS)('on $title', (ground) => {
  test('readers see what every sync did and holds, in the schema of the models, and what it refused', async () => {
    const directory = await ground.create()
    const select = ['sync:vips_to_file']
    const report = await runForReal(directory, { select })
    const [health, ...others] = await seen(directory, 'select * from cdp.sync_health')
    expect(others).toEqual([])
    const written = String(report.syncs[0]?.written)
    expect(health).toMatchObject({
      schema_version: 1,
      sync: 'vips_to_file',
      last_run_id: report.run_id,
      last_status: 'done',
      owed: '0',
      synced: written,
      refused: '0',
      locked_by: null,
    })
    expect(health?.last_success_at).toEqual(health?.last_ended_at)
    const log = await seen(directory, 'select run_id, sync, status, creates, written, detail from cdp.delivery_log')
    expect(log).toEqual([
      { run_id: report.run_id, sync: 'vips_to_file', status: 'done', creates: written, written, detail: null },
    ])
    expect(await seen(directory, 'select * from cdp.rejects')).toEqual([])

    // A sync that the project no longer has stays in them, and so do the views when a segment is taken out.
    await writeFile(join(directory, 'destinations/exports.yaml'), '')
    await runForReal(directory, { select: ['segment:readers'] })
    expect(await seen(directory, 'select sync, synced from cdp.sync_health')).toEqual([
      { sync: 'vips_to_file', synced: written },
    ])
  })

  test('the sandbox has views of its own, where rows that are refused stand until they are due', async () => {
    const directory = await ground.create()
    await editOn(ground, directory, 'people', 'P005', { city: 'x'.repeat(300) })
    const { report } = await runInSandbox(directory)
    const rejects = `
    select sync, key, status, is_compliance, code, failures, last_run_id, last_written_at
    from _cdp_sandbox.rejects`
    expect(await seen(directory, rejects)).toMatchObject([
      {
        sync: 'readers_to_newsletter',
        key: '{"email":"jonas.05@mail.example"}',
        status: 'refused',
        is_compliance: false,
        code: 'ERROR_GENERIC',
        failures: '1',
        last_run_id: report.run_id,
        last_written_at: null,
      },
    ])
    const busy = `select sync, refused, last_status from _cdp_sandbox.sync_health where refused > 0`
    expect(await seen(directory, busy)).toEqual([{ sync: 'readers_to_newsletter', refused: '1', last_status: 'done' }])
    await mending(directory, retry, [{ compliance: false }])
    expect(await seen(directory, rejects)).toEqual([])
    // A command that mends is no run.
    expect(await seen(directory, 'select distinct status from _cdp_sandbox.delivery_log')).toEqual([{ status: 'done' }])
    expect(await seen(directory, `select 1 from information_schema.views where table_name = 'rejects'`)).toHaveLength(1)
  })

  const seen = (directory: string, query: string) => ground.ask(directory, query)
})
