import { createHash, randomBytes, randomInt } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { openFiles } from '../connectors/files.ts'
import { connectors } from '../connectors/index.ts'
import { openDatabase } from '../connectors/sql/server.ts'
import type { Environment, Progress } from '../environment.ts'
import { warehouses } from '../warehouses/index.ts'
import type { Clock, Fetch, World } from '../world.ts'

/** The machine itself: its clocks, its network, the registries. `close` ends connections that were kept open. */
export function openEnvironment(
  progress: (event: Progress) => void,
  signal: AbortSignal,
  hurry?: AbortSignal,
): { readonly environment: Environment; readonly close: () => Promise<void> } {
  const { fetch, close } = openFetch()
  const holder = `${hostname()}:${process.pid}@${machine()}`
  const environment: Environment = {
    world: { ...WORLD, fetch },
    warehouses: warehouses(),
    connectors: connectors(),
    openFiles,
    openDatabase,
    openSandbox: async (options) => (await import('../connectors/sandbox/index.ts')).openSandbox(options),
    progress,
    signal,
    hurry,
    holder,
    isDead: (other) => isDead(other),
    isAlive: (other) => isAlive(other),
    runId: () => runId(new Date()),
  }
  return { environment, close }
}

const clock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { ...(signal && { signal }) }).catch(ignoreAbort),
}

const WORLD: Omit<World, 'fetch'> = {
  clock,
  random: () => randomInt(2 ** 47) / 2 ** 47,
  env: process.env,
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error
}

/** Many commands send nothing: the HTTP client is loaded with the first request. */
function openFetch(): { readonly fetch: Fetch; readonly close: () => Promise<void> } {
  let opened: Promise<Fetch & { close(): Promise<void> }> | undefined
  return {
    fetch: async (request, options) => {
      opened ??= import('../connectors/http.ts').then(({ createFetch }) => createFetch())
      return (await opened)(request, options)
    },
    close: async () => (await opened)?.close(),
  }
}

/** A run id that no other run has; ids sort by the time at which they were made. Fit for a file name. */
export function runId(now: Date): string {
  return `${now.toISOString().replace(/[-:.Z]/g, '')}-${randomBytes(4).toString('hex')}`
}

/**
 * Is the process that holds a lease provably gone? Only a process of this boot of this machine, in our own space of
 * process ids, can be known to be; two containers may share a host name.
 */
export function isDead(holder: string): boolean {
  return fateOf(holder) === 'dead'
}

/** Does the process that holds a lease provably run? */
export function isAlive(holder: string): boolean {
  return fateOf(holder) === 'alive'
}

function fateOf(holder: string): 'alive' | 'dead' | 'unknown' {
  const [, host, pid, where] = /^(.*):(\d+)@([0-9a-f]+)$/.exec(holder) ?? []
  if (host !== hostname() || where !== machine()) return 'unknown'
  try {
    // Signal 0 is never delivered: it only asks whether there is such a process.
    process.kill(Number(pid), 0)
    return 'alive'
  } catch (error) {
    // Any other refusal means that there is a process, of another user.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? 'dead' : 'alive'
  }
}

/** Eight hex digits that are equal for processes which see each other's ids. */
function machine(): string {
  const parts = [
    read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    read(() => readlinkSync('/proc/self/ns/pid')),
  ]
  return createHash('sha256').update(parts.join()).digest('hex').slice(0, 8)
}

// Linux tells both; elsewhere containers do not share a host name with their host.
function read(from: () => string): string {
  try {
    return from()
  } catch {
    return ''
  }
}
