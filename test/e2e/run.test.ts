import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/report.ts'
import { cdp, emptyFolder, jsonOf, repository } from '../support/cli.ts'
import { type FilledSample, filledSample } from '../support/filled-sample.ts'

async function run(directory: string, ...more: readonly string[]): Promise<Report> {
  return jsonOf(await cdp(['run', '--sandbox', '--json', ...more], { cwd: directory })) as Report
}

/** What was done by each sync, without those that had nothing to do. */
function done(report: Report): Readonly<Record<string, string>> {
  const busy = report.syncs.filter(({ creates, updates, removes, calls }) => creates + updates + removes + calls > 0)
  return Object.fromEntries(
    busy.map(({ name, creates, updates, removes }) => [name, `+${creates} ~${updates} -${removes}`]),
  )
}

describe('the sample project', () => {
  let sample: FilledSample
  let first: Report

  beforeAll(async () => {
    sample = await filledSample()
    first = sample.first.report
    return sample.remove
  })

  test('sends everybody the first time, and remembers what it did', async () => {
    expect(first).toMatchObject({ version: 1, status: 'ok', exit_code: 0, target: 'local', sandbox: true, errors: [] })
    for (const sync of first.syncs) {
      expect(sync.written, sync.name).toBeGreaterThan(0)
      expect(sync.written, sync.name).toBe(sync.creates + sync.updates)
    }
    const kept = JSON.parse(await readFile(join(sample.directory, '.cdp/run_results.json'), 'utf8'))
    expect(kept).toEqual(first)
    const manifest = JSON.parse(await readFile(join(sample.directory, '.cdp/manifest.json'), 'utf8'))
    expect(manifest.nodes['segment:lapsed_vips'].needs).toEqual(['entity:customer', 'segment:vips'])
    expect(JSON.stringify(manifest)).not.toContain(sample.first.directory)
  })

  test('shows what is published, and what each sync holds', async () => {
    const status = jsonOf(await cdp(['status', '--sandbox', '--json'], { cwd: sample.directory })) as {
      published: { run_id: string }
      syncs: { name: string; rows: { synced: number } }[]
    }
    for (const { name, rows } of status.syncs)
      expect(rows.synced, name).toBe(first.syncs.find((sync) => sync.name === name)?.written)
    const shown = jsonOf(await cdp(['sandbox', 'show', '--json'], { cwd: sample.directory }))
    expect(shown).toMatchObject({ exit_code: 0, holdings: first.holdings })
  })

  test('a preview hides personal values, in a pipe even when it is asked not to', async () => {
    const outcome = await cdp(['preview', 'win_back', '--show-values', '--json'], { cwd: sample.directory })
    expect(outcome.code).toBe(0)
    const preview = jsonOf(outcome) as { members: number; funnel: { left: number }[]; sample: { email: string }[] }
    expect(preview.members).toBe(first.segments.find(({ name }) => name === 'win_back')?.members)
    expect(preview.funnel.at(-1)?.left).toBe(preview.members)
    expect(preview.sample.map(({ email }) => email)).toEqual(['[hidden]', '[hidden]', '[hidden]'])
    expect(outcome.stdout).not.toContain('.example"')
  })
})

describe('a small project', () => {
  async function small(): Promise<string> {
    const { directory, remove } = await emptyFolder()
    onTestFinished(remove)
    await cdp(['init', '--quiet'], { cwd: directory })
    return directory
  }

  test('a dry run says what would be sent, prints one document and nothing else, and sends nothing', async () => {
    const directory = await small()
    const outcome = await cdp(['run', '--sandbox', '--json', '--dry-run'], { cwd: directory })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    const report = jsonOf(outcome) as Report
    expect(report).toMatchObject({ status: 'ok', exit_code: 0, dry_run: true })
    expect(report.syncs).toMatchObject([{ status: 'planned', creates: 3, written: 0, calls: 0 }])
    expect(done(await run(directory))).toEqual({ big_spenders_file: '+3 ~0 -0' })
  })

  test('an audience that is suddenly empty is not sent, and the exit code says so', async () => {
    const directory = await small()
    await run(directory)
    const report = await run(directory, '--vars', 'big_spender=100000')
    expect(report).toMatchObject({ status: 'blocked', exit_code: 4 })
    expect(report.syncs[0]?.blocked_by).toContain('The audience is empty')
    const text = await cdp(['run', '--sandbox', '--vars', 'big_spender=100000'], { cwd: directory })
    expect(text.code).toBe(4)
    expect(text.stdout.replaceAll(/\s+/g, ' ')).toContain('`cdp apply plan.json --override <plan id>`')
  })

  test('only the syncs that were selected are sent', async () => {
    const directory = await small()
    expect((await run(directory, '--exclude', 'big_spenders_file')).syncs).toEqual([])
    const unknown = await cdp(['run', '--sandbox', '--select', 'big_spender_file'], { cwd: directory })
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('Did you mean "big_spenders_file"?')
    const other = await cdp(['preview', 'big_spender'], { cwd: directory })
    expect(other.code).toBe(2)
    expect(other.stderr).toContain('Did you mean "big_spenders"?')
  })

  test('a statement that fails names itself and the words of the warehouse, with exit code 1', async () => {
    const directory = await small()
    const path = join(directory, 'models/customers.yaml')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('- order_count = 1', '- sql: cast(email as integer) = 1'))
    const outcome = await cdp(['run', '--sandbox', '--json'], { cwd: directory })
    expect(outcome.code).toBe(1)
    expect(jsonOf(outcome)).toMatchObject({ status: 'failed', errors: [{ code: 'warehouse/statement' }] })
    expect(outcome.stderr).toContain('Could not convert string')
  })

  test('an interrupted run exits with 130, and the next one ends what it began', async () => {
    const directory = await small()
    const child = spawn(
      process.execPath,
      [join(repository, 'bin/cdp.js'), 'run', '--sandbox', '--quiet', '--log-level', 'info'],
      {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    for await (const chunk of child.stderr) if (String(chunk).includes('Building')) break
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
    const next = await run(directory)
    expect(next).toMatchObject({ exit_code: 0, syncs: [{ again: 0 }] })
    expect(next.holdings[0]?.places).toEqual([{ place: 'big_spenders.csv', rows: 3 }])
  })
})
