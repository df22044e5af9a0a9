import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Copy, cdp, emptyFolder, jsonOf } from '../support/cli.ts'

const SYNC = 'big_spenders_file'

describe('the ledger of a small project', () => {
  let shop: Copy
  const ask = (...args: readonly string[]) => cdp([...args, '--sandbox'], { cwd: shop.directory })

  beforeAll(async () => {
    shop = await emptyFolder()
    await cdp(['init', '--quiet'], { cwd: shop.directory })
    await cdp(['run', '--sandbox', '--quiet'], { cwd: shop.directory })
    return shop.remove
  })

  test('is shown as text and as one document', async () => {
    const log = await ask('log', '--json')
    expect(log).toMatchObject({ code: 0, stderr: '' })
    expect(jsonOf(log)).toMatchObject({ version: 1, command: 'log', runs: [{ sync: SYNC, event: 'done' }], rows: [] })
    const rows = await ask('log', '--outcome', 'written', '--show-values')
    expect(rows.stderr).toContain('--show-values works on a terminal only')
    expect(rows.stdout.match(/profile_id [0-9a-f]{8}-/g)).toHaveLength(3)
    expect(jsonOf(await ask('state', 'show', '--json'))).toMatchObject({ syncs: [{ name: SYNC, rows: { synced: 3 } }] })
    expect((await ask('unlock', SYNC)).stdout).toBe(`Nobody holds "${SYNC}".\n`)
  })

  test('is verified and reconciled without anything being sent', async () => {
    const verified = await ask('verify', SYNC, '--sample', '2')
    expect(verified.code).toBe(0)
    expect(verified.stdout).toContain('2 rows read back from "exports"; nothing was sent.')
    expect(jsonOf(await ask('reconcile', SYNC, '--json'))).toMatchObject({ exit_code: 0, rows: 3, equal: 3 })
  })

  test('is forgotten only when that was confirmed, and learnt again from the destination', async () => {
    const unsure = await ask('state', 'reset', SYNC)
    expect(unsure).toMatchObject({ code: 2, stderr: expect.stringContaining('This forgets 3 rows') })
    expect((await ask('state', 'reset', SYNC, '--yes')).stdout).toContain('can no longer be removed')
    expect(jsonOf(await ask('state', 'adopt', SYNC, '--from-destination', '--json'))).toMatchObject({ equal: 3 })
    expect((await ask('state', 'adopt', SYNC, '--from-file', 'x.csv')).stderr).toContain('--key-column')
  })

  test('that another process has open is left alone, with exit code 5 and its number', async () => {
    const path = join(shop.directory, '.cdp/warehouse.duckdb')
    const code = `const { DuckDBInstance } = require('@duckdb/node-api')
      DuckDBInstance.create(${JSON.stringify(path)}).then(() => { console.log('open'); setInterval(() => {}, 1000) })`
    const holder = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    const locked = await ask('retry', '--json')
    holder.kill()
    expect(locked.code).toBe(5)
    expect(locked.stderr).toContain(`process ${holder.pid}`)
    expect(jsonOf(locked)).toMatchObject({ status: 'locked', errors: [{ code: 'warehouse/locked' }] })
  })
})
