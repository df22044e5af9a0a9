import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DestinationError, type HttpRequest } from '../connector.ts'
import { openFiles } from '../files.ts'
import { createFetch } from '../http.ts'
import { standFor, tablesFor } from '../index.ts'
import { type Emulator, openEmulator } from './emulator.ts'
import { folderContents } from './folder.ts'
import type { Sandbox, SandboxDestination, SandboxOptions } from './sandbox.ts'
import type { Stand, Tables, TablesFor } from './stand.ts'

/** Starts the emulators that the destinations need. Destinations that share an account share its emulator. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const fresh = await enter(options.directory)
  for (const destination of options.destinations) await follow(options.directory, destination)
  const opened = await openAll(options)
  const tables = await openTables(options)
  const tablesOf = (destination: string) => tables.find((one) => one.destinations.includes(destination))?.tables
  const http = createFetch()
  const filesRoot = (destination: string) => join(options.directory, 'files', destination)
  return {
    fresh,
    fetch: async (request, { signal }) => http(mapped(request, opened), { allowPrivate: true, signal }),
    files: (destination) => openFiles(filesRoot(destination)),
    database: (destination) => {
      const found = tablesOf(destination)?.database
      if (found === undefined)
        throw new DestinationError('config', 'not_emulated', 'The sandbox has no database for it.')
      return found
    },
    contents: async () => {
      const all = []
      for (const { name } of options.destinations) {
        const emulator = opened.find((one) => one.destinations.includes(name))?.emulator
        const held = emulator?.contents() ?? (await tablesOf(name)?.contents())
        all.push({ destination: name, holdings: held ?? (await folderContents(filesRoot(name))) })
      }
      return all
    },
    counters: () =>
      new Map([
        ...opened.flatMap((one) => one.destinations.map((name) => [name, one.emulator.counters()] as const)),
        ...tables.flatMap((one) => one.destinations.map((name) => [name, one.tables.counters()] as const)),
      ]),
    accept: () => writeFile(join(options.directory, MARK), '{"version":1}\n'),
    reset: async () => {
      for (const { emulator } of opened) await emulator.reset()
      for (const one of tables) await one.tables.reset()
      await rm(join(options.directory, 'files'), { recursive: true, force: true })
    },
    close: async () => {
      await http.close()
      for (const { emulator } of opened) await emulator.close()
      for (const one of tables) await one.tables.close()
    },
  }
}

const MARK = 'sandbox.json'

/** The folder of the databases. */
const TABLES = 'tables'

/** Makes the folder and tells whether it was new. The mark is what says so, for journals may be empty. */
async function enter(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true })
  const names = await readdir(directory)
  if (names.includes(MARK)) return false
  // Journals without the mark were left by a sandbox that was half deleted, or that no ledger was ever matched with.
  for (const name of names.filter((one) => one.endsWith('.ndjson'))) await rm(join(directory, name))
  for (const folder of ['files', TABLES]) await rm(join(directory, folder), { recursive: true, force: true })
  return true
}

/** What is remembered of a destination under its former name is that of the new one, unless that has something already. */
async function follow(directory: string, { name, was }: SandboxDestination): Promise<void> {
  if (was === undefined) return
  const places = [
    [`${was}.ndjson`, `${name}.ndjson`],
    [join('files', was), join('files', name)],
    [join(TABLES, `${was}.duckdb`), join(TABLES, `${name}.duckdb`)],
  ] as const
  for (const [before, now] of places)
    if (existsSync(join(directory, before)) && !existsSync(join(directory, now)))
      await rename(join(directory, before), join(directory, now))
}

/** One account at one vendor. */
interface Opened {
  readonly destinations: readonly string[]
  readonly stand: Stand
  readonly emulator: Emulator
}

async function openAll(options: SandboxOptions): Promise<readonly Opened[]> {
  const stands = new Map<string, { stand: Stand; of: SandboxDestination[] }>()
  for (const destination of options.destinations) {
    const stand = (await standFor(destination.type))?.(destination.account)
    if (!stand) continue
    const shared = stands.get(stand.identity) ?? { stand, of: [] }
    stands.set(stand.identity, shared)
    shared.of.push(destination)
  }
  return Promise.all(
    [...stands.values()].map(async ({ stand, of }) => {
      const name = of[0]?.name ?? ''
      const places = of.flatMap((one) => one.places)
      const emulator = await openEmulator(stand.vendor(places, options.now ?? Date.now), {
        journal: join(options.directory, `${name}.ndjson`),
        fault: (request) => options.fault?.(name, request),
        observe: (point, request) => options.observe?.(name, point, request),
      })
      return { destinations: of.map((one) => one.name), stand, emulator }
    }),
  )
}

interface OpenedTables {
  readonly destinations: readonly string[]
  readonly tables: Tables
}

async function openTables(options: SandboxOptions): Promise<readonly OpenedTables[]> {
  const found = new Map<string, { readonly by: TablesFor; readonly of: SandboxDestination[] }>()
  for (const destination of options.destinations) {
    const by = await tablesFor(destination.type)
    if (!by) continue
    const identity = by.identity(destination.account)
    const shared = found.get(identity) ?? { by, of: [] }
    found.set(identity, shared)
    shared.of.push(destination)
  }
  return [...found.values()].map(({ by, of }) => {
    const name = of[0]?.name ?? ''
    const tables = by.open({
      file: join(options.directory, TABLES, `${name}.duckdb`),
      places: of.flatMap((one) => one.places.map((place) => ({ ...place, account: one.account }))),
      fault: (request) => options.fault?.(name, request),
      observe: (point, request) => options.observe?.(name, point, request),
    })
    return { destinations: of.map((one) => one.name), tables }
  })
}

function mapped(request: HttpRequest, opened: readonly Opened[]): HttpRequest {
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined
  const here = url === undefined ? [] : opened.filter(({ stand }) => stand.isHost(url))
  const chosen = url && (here.find(({ stand }) => stand.claims(request, url)) ?? here[0])
  if (!url || !chosen)
    throw new DestinationError(
      'config',
      'not_emulated',
      `The sandbox has no stand-in for the host "${url?.host ?? ''}".`,
    )
  return { ...request, url: `${chosen.emulator.origin}${url.pathname}${url.search}` }
}
