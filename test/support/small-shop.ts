import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { beforeAll, onTestFinished } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Json } from '../../src/connectors/connector.ts'
import type { Holding } from '../../src/connectors/sandbox/sandbox.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { run } from '../../src/pipeline.ts'
import type { Report } from '../../src/report.ts'
import type { Clock } from '../../src/world.ts'
import { emptyFolder, repository } from './cli.ts'
import { ask } from './database.ts'
import { madeOnce } from './made-once.ts'

const FIXTURE = join(repository, 'test/fixtures/small-shop')

/**
 * A copy of the small shop, in a folder that is gone after the test unless `into` names another. `from`: another copy,
 * with all that its runs have left.
 */
export async function smallShop(
  places: { readonly from?: string | undefined; readonly into?: string | undefined } = {},
): Promise<string> {
  const into = places.into ?? (await folderOfTest())
  await cp(places.from ?? FIXTURE, into, { recursive: true })
  return into
}

/** What copies a small shop whose vendors are filled, with all that this run has left: the first test that needs it runs it. */
export function filledShop(): (into?: string) => Promise<string> {
  let filled: string
  beforeAll(async () => {
    filled = await madeOnce('small-shop', async (own) => {
      await smallShop({ into: own })
      await fillVendors(own)
    })
  })
  return (into) => smallShop({ from: filled, into })
}

/** Runs a shop in the sandbox; throws where that did not end well. */
export async function fillVendors(directory: string): Promise<void> {
  const { report } = await runInSandbox(directory)
  if (report.status !== 'ok') throw new Error(JSON.stringify(report.errors))
}

async function folderOfTest(): Promise<string> {
  const folder = await emptyFolder()
  onTestFinished(folder.remove)
  return folder.directory
}

export function warehouseOf(directory: string): string {
  return join(directory, '.cdp/warehouse.duckdb')
}

/** Sets cells of one row of a CSV file of the shop, which quotes nothing. Throws where there is no such row. */
export async function edit(
  directory: string,
  file: 'people' | 'orders',
  key: string,
  cells: Readonly<Record<string, string>>,
): Promise<void> {
  const path = join(directory, `data/${file}.csv`)
  const [header = '', ...rows] = (await readFile(path, 'utf8')).trimEnd().split('\n')
  const names = header.split(',')
  const at = rows.findIndex((row) => row.startsWith(`${key},`))
  const before = rows[at]?.split(',')
  const unknown = Object.keys(cells).find((name) => !names.includes(name))
  if (before === undefined || unknown !== undefined) throw new Error(`${file} has no ${unknown ?? key}`)
  rows[at] = names.map((name, index) => cells[name] ?? before[index]).join(',')
  await writeFile(path, `${[header, ...rows].join('\n')}\n`)
}

/** Changes names, cities, consents and orders: every vendor gets something to create, to update and to remove. */
export function changeMuch(directory: string): Promise<void> {
  return editAll(directory, MUCH)
}

/** After `changeMuch`: who came goes again, who left comes back, and who is still there gets new words. */
export function changeBack(directory: string): Promise<void> {
  return editAll(directory, BACK)
}

type Edits = Readonly<Record<'people' | 'orders', Readonly<Record<string, Readonly<Record<string, string>>>>>>

async function editAll(directory: string, { people, orders }: Edits): Promise<void> {
  for (const [key, cells] of Object.entries(people)) await edit(directory, 'people', key, cells)
  for (const [key, cells] of Object.entries(orders)) await edit(directory, 'orders', key, cells)
}

const MUCH: Edits = {
  people: {
    P001: { first_name: 'Hugolin', city: 'Rouen' },
    P002: { first_name: 'Oskar' },
    P004: { city: 'Rouen' },
    // Two readers come, three go.
    P003: { newsletter: 'yes' },
    P009: { newsletter: 'yes' },
    P005: { newsletter: 'no' },
    P007: { newsletter: 'no' },
    P008: { newsletter: 'no' },
    // One person with the one who had this number before.
    P020: { phone: '01 99 00 02 21' },
  },
  orders: {
    // Two VIPs come, two go, one spends more.
    O037: { amount: '665.00' },
    O073: { amount: '310.00' },
    O012: { amount: '5.40' },
    O063: { amount: '7.20' },
    O016: { amount: '168.00' },
    // Two are no longer quiet, one is from now on.
    O007: { ordered_at: '2026-10-20 12:05:00' },
    O055: { ordered_at: '2026-10-21 12:37:00' },
    O005: { ordered_at: '2026-03-11 12:03:00' },
  },
}

const BACK: Edits = {
  people: {
    P001: { city: 'Lyon' },
    P003: { newsletter: 'no' },
    P005: { newsletter: 'yes' },
    P007: { newsletter: 'yes' },
    P020: { phone: '' },
  },
  orders: {
    O037: { amount: '165.00' },
    O012: { amount: '125.40' },
    O016: { amount: '169.00' },
    O007: { ordered_at: '2026-06-16 12:05:00' },
    O005: { ordered_at: '2026-09-11 12:03:00' },
  },
}

/** One request that an emulated vendor got. */
export interface Call {
  readonly destination: string
  readonly method: string
  readonly path: string
  readonly body: string
}

/** What one run under `--sandbox` did, told by the vendors themselves. */
export interface SandboxRun {
  readonly report: Report
  /** Requests in the order in which they came, logins included. */
  readonly calls: readonly Call[]
  /** Requests that would change something, by the emulators' own count. */
  readonly writes: number
  /** Files that were written. */
  readonly files: readonly string[]
  readonly holdings: ReadonlyMap<string, readonly Holding[]>
}

export const SANDBOX: Omit<Request, 'directory'> = {
  target: undefined,
  vars: {},
  now: undefined,
  select: [],
  exclude: [],
  sandbox: true,
  dryRun: false,
  maxChanges: undefined,
}

/** Runs a project in this process against emulated vendors, those of `openSandbox` where it is given, and listens. */
export function runInSandbox(directory: string, more: Partial<Environment> = {}): Promise<SandboxRun> {
  return inSandbox(directory, run, more)
}

/** Does something with a project in this process against emulated vendors, and listens to them. */
export async function inSandbox<R extends Pick<Report, 'status' | 'exit_code' | 'errors'>>(
  directory: string,
  act: (request: Request, environment: Environment) => Promise<R>,
  more: Partial<Environment> = {},
): Promise<Omit<SandboxRun, 'report'> & { readonly report: R }> {
  const calls: Call[] = []
  const files: string[] = []
  let writes = 0
  let holdings: SandboxRun['holdings'] = new Map()
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const openSandbox: Environment['openSandbox'] = async (options) => {
    const sandbox = await (more.openSandbox ?? environment.openSandbox)({
      ...options,
      observe: (destination, point, { method, path, body }) => {
        if (point === 'received') calls.push({ destination, method, path, body })
      },
    })
    return {
      ...sandbox,
      files: (destination) => {
        const real = sandbox.files(destination)
        const write: typeof real.write = (path, chunks) => {
          files.push(path)
          return real.write(path, chunks)
        }
        return { ...real, write }
      },
      close: async () => {
        holdings = new Map((await sandbox.contents()).map((one) => [one.destination, one.holdings]))
        writes = [...sandbox.counters().values()].reduce((sum, one) => sum + one.writes, 0)
        await sandbox.close()
      },
    }
  }
  const report = await act({ ...SANDBOX, directory }, { ...environment, ...more, openSandbox })
  await close()
  return { report, calls, writes, files, holdings }
}

/** What the emulated vendors of a project wrote down: the bytes of every journal and file by path. */
export async function journals(directory: string): Promise<ReadonlyMap<string, string>> {
  const root = join(directory, '.cdp/sandbox')
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  const texts = await Promise.all(paths.sort().map((path) => readFile(path, 'utf8')))
  return new Map(paths.map((path, index) => [relative(root, path), texts[index] ?? '']))
}

/** How a run against real destinations is asked for. */
export interface RealRun {
  readonly select: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly more?: Partial<Environment>
}

/** Runs a project in this process, without `--sandbox` and without waiting between attempts. */
export async function runForReal(directory: string, { select, env = {}, more = {} }: RealRun): Promise<Report> {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const world = { ...environment.world, env, clock: hasty(environment.world.clock) }
  const report = await run({ ...SANDBOX, directory, sandbox: false, select }, { ...environment, world, ...more })
  await close()
  return report
}

/** The same clock, which jumps over every wait. */
function hasty(clock: Clock): Clock {
  let skipped = 0
  return {
    now: () => clock.now() + skipped,
    wall: clock.wall,
    sleep: async (ms, signal) => {
      if (!signal?.aborted) skipped += ms
      await new Promise(setImmediate)
    },
  }
}

export type Rows = Readonly<Record<string, Json>>

/** What the four vendors hold for the audiences, each as rows by key. */
export function held({ holdings }: Pick<SandboxRun, 'holdings'>): Readonly<Record<string, Rows>> {
  const rows = (destination: string, place: string) =>
    holdings.get(destination)?.find((one) => one.place === place)?.rows ?? []
  return {
    newsletter: keyed(
      rows('newsletter', 'list readers')
        .filter((row) => row.status === 'subscribed')
        .map((row) => [row.email_address, row.merge_fields]),
    ),
    crm: keyed(
      rows('crm', 'Contact')
        .filter((row) => row.Status__c === 'Vip')
        .map((row) => [row.Ext_Id__c, { LastName: row.LastName, Spent__c: Number(row.Spent__c) }]),
    ),
    hook: keyed(rows('hook', 'sync quiet_to_hook').map((row) => [row.key, row.fields])),
    exports: keyed(rows('exports', 'vips.csv').map((row) => [row.customer, Number(row.spent)])),
  }
}

/** What they must hold: asked of the published views. `views`: where they are not in a file of DuckDB. */
export async function expected(
  directory: string,
  views = (query: string) => ask(query, warehouseOf(directory)),
): Promise<Readonly<Record<string, Rows>>> {
  const readers = await views('select email, first_name, city from cdp.segment_readers')
  const vips = await views(
    'select customer_no, first_name, cast(spent as double precision) as spent from cdp.segment_vips',
  )
  const quiet = await views('select card, city from cdp.segment_quiet')
  return {
    newsletter: keyed(
      readers.map((one) => [one.email, { ...(one.first_name !== null && { FNAME: one.first_name }), CITY: one.city }]),
    ),
    crm: keyed(vips.map((one) => [one.customer_no, { LastName: one.first_name ?? 'unknown', Spent__c: one.spent }])),
    hook: keyed(quiet.map((one) => [one.card, { city: one.city, greeting: `Bonjour ${one.city}` }])),
    exports: keyed(vips.map((one) => [one.customer_no, one.spent])),
  }
}

/** Two rows with one key would be a row too many: the second shows as a key of its own. */
function keyed(rows: readonly (readonly [key: unknown, value: unknown])[]): Rows {
  const seen: Record<string, Json> = {}
  for (const [key, value] of rows) {
    const name = String(key)
    seen[name in seen ? `${name} again` : name] = value as Json
  }
  return seen
}
