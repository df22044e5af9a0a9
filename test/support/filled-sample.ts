import { existsSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Report } from '../../src/report.ts'
import { type Copy, cdp, copyProject, emptyFolder, jsonOf, type Outcome, repository } from './cli.ts'
import { madeOnce } from './made-once.ts'

/** The first run of `cdp run --sandbox --json` on the sample project. */
export interface FirstRun {
  /** The folder in which it ran. */
  readonly directory: string
  readonly report: Report
  /** How many connections it opened. */
  readonly connections: number
}

/** A copy of the sample project with all that its first run has left, and what that run told. */
export interface FilledSample extends Copy {
  readonly first: FirstRun
}

/** The run takes a tenth of a minute: the first file of tests that needs it does it, and all of them copy the folder. */
export async function filledSample(): Promise<FilledSample> {
  const place = await madeOnce('sample', fill)
  const copy = await emptyFolder()
  await cp(join(place, 'project'), copy.directory, { recursive: true })
  return { ...copy, first: JSON.parse(await readFile(join(place, 'first.json'), 'utf8')) }
}

async function fill(own: string): Promise<void> {
  const { directory, remove } = await copyProject()
  const { report, connections } = await spiedRun(directory, 'first')
  if (report.status !== 'ok') throw new Error(JSON.stringify(report.errors))
  await writeFile(join(own, 'first.json'), JSON.stringify({ directory, report, connections } satisfies FirstRun))
  await cp(directory, join(own, 'project'), { recursive: true })
  await remove()
}

/** Runs the project in a folder, and counts the connections that this opened. Throws where it did not end well. */
export async function spiedRun(directory: string, name: string): Promise<Pick<FirstRun, 'report' | 'connections'>> {
  const seen = join(directory, `${name}.network`)
  const spy = pathToFileURL(join(repository, 'test/support/network-spy.mjs')).href
  const outcome = await cdp(['run', '--sandbox', '--json'], {
    cwd: directory,
    node: ['--import', spy],
    env: { NETWORK_SPY: seen },
  })
  requireSuccess(outcome)
  const lines = existsSync(seen) ? (await readFile(seen, 'utf8')).trimEnd().split('\n') : []
  // An emulator that is to listen looks its own address up; that is no connection.
  return { report: jsonOf(outcome) as Report, connections: lines.filter((line) => !line.includes('"dns"')).length }
}

function requireSuccess({ code, stdout, stderr }: Outcome): void {
  if (code !== 0) throw new Error(`exit ${code}:\n${stdout}\n${stderr}`)
}
