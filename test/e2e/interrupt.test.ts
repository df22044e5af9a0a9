import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/report.ts'
import { cdp, emptyFolder, jsonOf, repository } from '../support/cli.ts'

const CONFIG = `name: tiny
warehouse: local
warehouses: { local: { type: duckdb, path: .cdp/warehouse.duckdb, threads: 1 } }
`

/** Two dozen people, in batches of four. */
const MODELS = `sources:
  people: { file: people.csv, category: profile, key: email, identifiers: { email: email } }
entities:
  person: { identifiers: { email: {} } }
traits:
  person: { name: { pick: name, from: [people] }, email: { pick: email, from: [people] } }
destinations:
  hook: { type: webhook, url: "\${env:HOOK_URL}", batch: 4, allow_private: true, settles_within: 0 }
syncs:
  people_to_hook: { to: hook, audience: person, mode: upsert, key: email, fields: { name: name } }
`

async function project(): Promise<string> {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  const people = Array.from({ length: 24 }, (_, n) => `p${n}@shop.test,Person ${n}`)
  await mkdir(join(directory, 'models'))
  await writeFile(join(directory, 'cdp.config.yaml'), CONFIG)
  await writeFile(join(directory, 'models/all.yaml'), MODELS)
  await writeFile(join(directory, 'people.csv'), ['email,name', ...people, ''].join('\n'))
  return directory
}

/** A receiver of webhooks that keeps the second request, until it is told to answer. */
interface Slow {
  readonly env: Readonly<Record<string, string>>
  /** How often each key was taken. */
  readonly taken: ReadonlyMap<string, number>
  /** Fulfilled once the second request is there. */
  readonly kept: Promise<void>
  answer(): void
}

async function openSlow(): Promise<Slow> {
  const taken = new Map<string, number>()
  let requests = 0
  let keep: ServerResponse[] | undefined = []
  let told = () => {}
  const kept = new Promise<void>((resolve) => {
    told = resolve
  })
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk) => chunks.push(chunk))
    incoming.on('end', () => {
      const { changes } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { changes: { key: string }[] }
      for (const { key } of changes) taken.set(key, (taken.get(key) ?? 0) + 1)
      requests += 1
      if (requests === 1 || keep === undefined) {
        response.writeHead(200).end('{}')
        return
      }
      keep.push(response)
      told()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/changes`
  return {
    env: { HOOK_URL: url },
    taken,
    kept,
    answer: () => {
      for (const response of keep ?? []) response.writeHead(200).end('{}')
      keep = undefined
    },
  }
}

interface Running {
  readonly child: ChildProcess
  /** Fulfilled once stderr holds this text. */
  says(text: string): Promise<void>
  /** Exit code, and the report where it printed one. */
  readonly end: Promise<{ readonly code: number | null; readonly report: Report; readonly stderr: string }>
}

function start(directory: string, env: Slow['env'], node: readonly string[] = []): Running {
  const child = spawn(process.execPath, [...node, join(repository, 'bin/cdp.js'), 'run', '--json'], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let [stdout, stderr] = ['', '']
  const waiting = new Set<() => void>()
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    for (const look of waiting) look()
  })
  return {
    child,
    says: (text) =>
      new Promise((resolve) => {
        const look = () => {
          if (stderr.includes(text)) resolve()
        }
        waiting.add(look)
        look()
      }),
    end: new Promise((resolve) => {
      child.once('close', (code) =>
        resolve({ code, stderr, report: jsonOf({ code, signal: null, stdout, stderr }) as Report }),
      )
    }),
  }
}

/** What one more run, which nobody disturbs, must bring about: everybody is there, and nobody who was known to be is sent again. */
async function expectMended(directory: string, slow: Slow, first: Report, twice: number): Promise<void> {
  slow.answer()
  const mended = jsonOf(await cdp(['run', '--json'], { cwd: directory, env: slow.env })) as Report
  expect(mended).toMatchObject({ status: 'ok', exit_code: 0, errors: [] })
  const [before, after] = [first.syncs[0], mended.syncs[0]]
  expect((before?.written ?? 0) + (after?.written ?? 0)).toBe(before?.creates)
  expect(slow.taken.size).toBe(before?.creates)
  expect([...slow.taken.values()].filter((times) => times > 1)).toHaveLength(twice)
}

describe('a run that is interrupted while a request is in flight', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('by %s finishes it, writes it down and exits with %d', async (signal, code) => {
    const [directory, slow] = [await project(), await openSlow()]
    const run = start(directory, slow.env)
    await slow.kept
    run.child.kill(signal)
    await run.says('Stopping')
    slow.answer()
    const { report, ...end } = await run.end
    expect(end.code).toBe(code)
    expect(report).toMatchObject({ status: 'interrupted', exit_code: code })
    expect(report.syncs[0]?.status).toBe('interrupted')
    // All that was taken is known to be.
    expect(report.syncs[0]?.written).toBe(slow.taken.size)
    expect(report.syncs[0]?.again).toBeGreaterThan(0)
    if (signal === 'SIGTERM') await expectMended(directory, slow, report, 0)
  })

  test('twice gives it up, and writes down that it may have arrived', async () => {
    const [directory, slow] = [await project(), await openSlow()]
    const run = start(directory, slow.env)
    await slow.kept
    run.child.kill('SIGTERM')
    await run.says('Stopping')
    run.child.kill('SIGTERM')
    await run.says('given up')
    // Whoever keeps asking does not end it before its state is saved.
    run.child.kill('SIGINT')
    const { code, report } = await run.end
    expect(code).toBe(143)
    const inFlight = slow.taken.size - (report.syncs[0]?.written ?? 0)
    expect(inFlight).toBeGreaterThan(0)
    await expectMended(directory, slow, report, inFlight)
  })

  test('gives it up by itself when the time is over', async () => {
    const [directory, slow] = [await project(), await openSlow()]
    const run = start(directory, slow.env, ['--import', join(repository, 'test/support/no-grace.mjs')])
    await slow.kept
    run.child.kill('SIGTERM')
    const { code, report } = await run.end
    expect(code).toBe(143)
    const inFlight = slow.taken.size - (report.syncs[0]?.written ?? 0)
    expect(inFlight).toBeGreaterThan(0)
    expect(report.syncs[0]?.again).toBeGreaterThanOrEqual(inFlight)
  })
})

test('a second run meanwhile exits with 5, says so in one line, and disturbs nothing', async () => {
  const [directory, slow] = [await project(), await openSlow()]
  const run = start(directory, slow.env)
  await slow.kept
  const second = await cdp(['run'], { cwd: directory, env: slow.env })
  expect(second).toMatchObject({ code: 5, stdout: '' })
  expect(second.stderr).toMatch(/^Another run is at work, and nothing was done: .* is in use by process \d+\.\n$/)
  // What the first will report is not its to write.
  expect(existsSync(join(directory, '.cdp/run_results.json'))).toBe(false)
  slow.answer()
  const { code, report } = await run.end
  expect(code).toBe(0)
  expect(report.syncs[0]).toMatchObject({ status: 'ok', written: 24, again: 0 })
})
