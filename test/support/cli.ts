import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ALL } from './all.ts'
import { whatIsStale } from './build.ts'
import { type Call, hosted, type Outcome } from './host.ts'

export type { Outcome } from './host.ts'

/** The folder of this repository, which is also the sample project. */
export const repository = upward(import.meta.dirname)

/** The nearest folder upward that is a package: benchmarks run from a folder of what was compiled. */
function upward(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : upward(dirname(folder))
}

export interface CliOptions {
  /** Where the command starts; default: the repository. */
  readonly cwd?: string
  /** Added to PATH, HOME, TMPDIR and NO_COLOR, which are all that the child sees of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Arguments for node itself, before the command: `--import ./hook.mjs`. */
  readonly node?: readonly string[]
}

/**
 * Runs the built `cdp` in another process and waits for its end. Everyday that process is kept for the next call; with
 * `npm run test:all` each call has its own. Throws when what was built is older than `src/`.
 */
export async function cdp(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  await requireBuild()
  const env = { ...inherited(), NO_COLOR: '1', ...options.env }
  const call: Call = { args, cwd: options.cwd ?? repository, env }
  // Node reads the time zone and its own options when it starts.
  const ofItsOwn = ALL || options.node !== undefined || 'TZ' in env || 'LC_ALL' in env
  return (ofItsOwn ? undefined : hosted(call)) ?? spawned(call, options.node ?? [])
}

async function spawned({ args, cwd, env }: Call, node: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [...node, join(repository, 'bin/cdp.js'), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stdout = textOf(child.stdout)
  const stderr = textOf(child.stderr)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...end) => resolve(end))
  })
  return { code, signal, stdout: await stdout, stderr: await stderr }
}

/** The document that `--json` printed. Throws with everything the command said when there is none. */
export function jsonOf(outcome: Outcome): unknown {
  try {
    return JSON.parse(outcome.stdout)
  } catch (cause) {
    throw new Error(`exit ${outcome.code}, no JSON on stdout:\n${outcome.stdout}\n${outcome.stderr}`, { cause })
  }
}

/** A project in a temporary folder of its own. */
export interface Copy {
  readonly directory: string
  /** Deletes the folder; hand it to `onTestFinished`, or return it from `beforeAll`. */
  readonly remove: () => Promise<void>
}

/** An empty temporary folder. */
export async function emptyFolder(): Promise<Copy> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'cdp-test-')))
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) }
}

/** Copies a project, by default the sample, without what runs have left in it. */
export async function copyProject(from: string = repository): Promise<Copy> {
  const copy = await emptyFolder()
  for (const part of ['cdp.config.yaml', 'models', 'destinations', 'data', 'examples/data'])
    await cp(join(from, part), join(copy.directory, part), { recursive: true }).catch(ignoreMissing)
  return copy
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

let checked: Promise<void> | undefined

// The tests run what `npm ci` or `npm run build` left in dist/: with old code they would prove nothing.
function requireBuild(): Promise<void> {
  checked ??= compareTimes()
  return checked
}

async function compareTimes(): Promise<void> {
  const stale = await whatIsStale()
  if (stale !== undefined) throw new Error(`dist/ is older than ${stale}: run \`npm run build\` before these tests.`)
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
