import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Change, Io, Json, LeaveAction } from '../../src/connectors/connector.ts'
import { openFiles } from '../../src/connectors/files.ts'
import { createFetch } from '../../src/connectors/http.ts'
import { type Emulator, openEmulator, type Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Fault, Seen } from '../../src/connectors/sandbox/sandbox.ts'

/** 2026-11-22T12:00:00Z. */
export const NOW = 1_795_348_800_000

/** How long a test waits for a vendor that stays silent: longer than loopback takes, and no more. */
export const SILENCE = 200

export interface Bench {
  readonly io: Io
  readonly emulator: Emulator
  /** Requests in the order in which they came. */
  readonly seen: Seen[]
  /** Decides what goes wrong; undefined = nothing. */
  fault: ((request: Seen) => Fault | undefined) | undefined
  /** Of every request from now on; 20 s unless a test expects silence. */
  timeout: number
}

export interface IoOptions {
  readonly columns: Io['columns']
  readonly mode?: Io['mode']
}

/** An emulated vendor, and an `Io` whose every request goes to it, whatever its host. */
export async function openBench(vendor: Vendor, options: IoOptions): Promise<Bench> {
  const seen: Seen[] = []
  const bench: Pick<Bench, 'fault' | 'timeout'> = { fault: undefined, timeout: 20_000 }
  const emulator = await openEmulator(vendor, {
    journal: join(await temporaryFolder(), 'vendor.ndjson'),
    fault: (request) => bench.fault?.(request),
    observe: (point, request) => {
      if (point === 'received') seen.push(request)
    },
  })
  const fetch = createFetch()
  onTestFinished(async () => {
    await fetch.close()
    await emulator.close()
  })
  const io: Io = {
    fetch: (request) => {
      const url = new URL(request.url)
      const here = `${emulator.origin}${url.pathname}${url.search}`
      return fetch({ ...request, url: here, timeout: bench.timeout }, { allowPrivate: true })
    },
    now: () => NOW,
    files: openFiles('/nowhere'),
    sync: 'customers_to_vendor',
    mode: options.mode ?? 'mirror',
    columns: options.columns,
  }
  return Object.assign(bench, { io, emulator, seen })
}

/** An `Io` that writes files below a folder of the test, and reaches no host. */
export function folderIo(root: string, options: IoOptions): Io {
  return {
    fetch: async () => {
      throw new Error('a file destination sends no request')
    },
    now: () => NOW,
    files: openFiles(root),
    sync: 'customers_to_file',
    mode: options.mode ?? 'mirror',
    columns: options.columns,
  }
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cdp-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

interface Sent {
  readonly op?: Change['op']
  readonly leave?: LeaveAction
  readonly destinationId?: string
  readonly before?: Change['before']
  /** Differs where the same content is sent as another change. */
  readonly revision?: number
}

/** One change of a plan. */
export function changeOf(
  key: Readonly<Record<string, Json>>,
  fields: Readonly<Record<string, Json>> = {},
  sent: Sent = {},
): Change {
  const op = sent.op ?? 'create'
  return {
    seq: 1,
    op,
    key,
    fields,
    before: sent.before ?? [],
    destinationId: sent.destinationId,
    leave: sent.leave,
    idempotencyKey: JSON.stringify([key, op, fields, sent.revision ?? 0]),
  }
}
