import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { isAbsolute, join } from 'node:path'
import type { Channel, Connector, Files, Io, Ms } from './connectors/connector.ts'
import type { OpenDatabase } from './connectors/database.ts'
import type { Sandbox } from './connectors/sandbox/sandbox.ts'
import type { Environment, Request } from './environment.ts'
import { CdpError } from './error.ts'
import type { Destination, Project, Sync } from './project/project.ts'
import { openAccount } from './project/secrets.ts'
import { secretFiles } from './project/variables.ts'
import { Pace } from './sync/pace.ts'
import { patiently } from './sync/patience.ts'
import type { Fetch } from './world.ts'

/** A sync with its account opened: ready to be planned and sent. */
export interface OpenedSync {
  readonly sync: Sync
  readonly connector: Connector<unknown, unknown>
  readonly account: unknown
  readonly channel: Channel<unknown>
  readonly settlesWithin: Ms
  /** What the connector said for the report, each once. */
  readonly notes: ReadonlySet<string>
  /** Requests that were made of the destination so far. */
  readonly requests: () => number
  /** Shared by all syncs with the same credential. */
  readonly pace: Pace
  /** Aborts the requests that are in flight, and lets none start any more. */
  readonly cutOff: () => void
}

/** The accounts that a command needs. */
export interface Accounts {
  readonly syncs: readonly OpenedSync[]
  /** Syncs whose destination is not for this target: planned, never sent. */
  readonly elsewhere: readonly Sync[]
  readonly sandbox: Sandbox | undefined
  close(): Promise<void>
}

/**
 * Opens the account of every sync, so that a missing secret is told before anything runs: throws CdpError
 * `project/unset-variable` with all of them. Under `--sandbox` emulated vendors stand in and nothing is missing; nor is
 * it where accounts are only planned for (`dry`), which asks no vendor anything.
 */
export async function openAccounts(
  project: Project,
  syncs: readonly Sync[],
  request: Request,
  environment: Environment,
  { dry = false }: { readonly dry?: boolean } = {},
): Promise<Accounts> {
  const sends = (sync: Sync) => request.sandbox || targetsOf(project, sync)?.includes(project.target.name) !== false
  const wanted = syncs.filter(sends)
  const accounts = openSecrets(project, wanted, { optional: request.sandbox || dry }, environment)
  const sandbox = request.sandbox ? await openSandbox(project, wanted, accounts, environment) : undefined
  const paces = new Map<string, Pace>()
  const databases: ReturnType<OpenDatabase>[] = []
  const opened = wanted.map((sync): OpenedSync => {
    const destination = destinationOf(project, sync)
    const connector = connectorOf(environment, destination)
    const account = accounts.get(destination.name)
    const credential = credentialOf(connector, account)
    const pace = paces.get(credential) ?? new Pace(environment.world.clock)
    paces.set(credential, pace)
    const cut = new AbortController()
    // Every request in flight listens.
    setMaxListeners(0, cut.signal)
    const notes = new Set<string>()
    const counted = { requests: 0 }
    const at = { project, sync, destination, connector, account, sandbox, environment, pace, cut: cut.signal }
    const io = ioOf({ ...at, notes, counted, databases })
    const settlesWithin = settlesWithinOf(destination, connector, request)
    return {
      sync,
      connector,
      account,
      channel: connector.open(account, io),
      settlesWithin,
      notes,
      requests: () => counted.requests,
      pace,
      cutOff: () => cut.abort(),
    }
  })
  return {
    syncs: opened,
    elsewhere: syncs.filter((sync) => !sends(sync)),
    sandbox,
    close: async () => {
      await sandbox?.close()
      for (const database of databases) await database.end()
    },
  }
}

/** How long a request to a destination may still take effect; emulators do at once what they do. */
export function settlesWithinOf(
  destination: Destination,
  connector: Pick<Connector<unknown, unknown>, 'settlesWithin'>,
  { sandbox }: Pick<Request, 'sandbox'>,
): Ms {
  return sandbox ? 0 : (destination.settlesWithin ?? connector.settlesWithin)
}

/** Where the emulated vendors of a target keep what they were sent. */
export function sandboxFolder(project: Pick<Project, 'directory' | 'target'>): string {
  return join(project.directory, '.cdp', 'sandbox', project.target.name)
}

/**
 * A hash of what authenticates an account, equal for destinations that share one. Nothing else of it is kept, and it is
 * told to nobody: a short secret could be guessed from it.
 */
export function credentialOf(connector: Connector<unknown, unknown>, account: unknown): string {
  // An opened account serialises as `[secret]`, its entries do not.
  const whole = () => JSON.stringify(Object.entries(account ?? {}))
  const said = connector.credential ? connector.credential(account) : whole()
  return createHash('sha256').update(`${connector.name}\n${said}`).digest('hex')
}

function openSecrets(
  project: Project,
  syncs: readonly Sync[],
  { optional }: { readonly optional: boolean },
  { world }: Environment,
): ReadonlyMap<string, unknown> {
  const problems: CdpError[] = []
  const accounts = new Map<string, unknown>()
  for (const name of new Set(syncs.map((sync) => sync.destination))) {
    const destination = project.destinations.get(name)
    if (destination === undefined) continue
    try {
      const files = secretFiles(project.directory)
      accounts.set(name, openAccount(destination, world.env, files, { sandbox: optional }).account)
    } catch (error) {
      if (!(error instanceof CdpError)) throw error
      problems.push(error)
    }
  }
  if (problems.length > 0)
    throw new CdpError(
      'project',
      problems.flatMap((one) => one.diagnostics),
    )
  return accounts
}

function openSandbox(
  project: Project,
  syncs: readonly Sync[],
  accounts: ReadonlyMap<string, unknown>,
  environment: Environment,
): Promise<Sandbox> {
  const destinations = [...accounts].flatMap(([name, account]) => {
    const destination = project.destinations.get(name)
    const places = syncs
      .filter((sync) => sync.destination === name)
      .map((sync) => ({ into: sync.into, columns: columnsOf(sync) }))
    return destination === undefined ? [] : [{ name, was: destination.was, type: destination.type, account, places }]
  })
  return environment.openSandbox({ directory: sandboxFolder(project), destinations })
}

interface IoRequest {
  readonly project: Project
  readonly sync: Sync
  readonly destination: Destination
  readonly connector: Connector<unknown, unknown>
  readonly account: unknown
  readonly sandbox: Sandbox | undefined
  readonly environment: Environment
  readonly pace: Pace
  readonly cut: AbortSignal
  readonly notes: Set<string>
  readonly counted: { requests: number }
  /** Gets every database that is opened. */
  readonly databases: ReturnType<OpenDatabase>[]
}

function ioOf(request: IoRequest): Io {
  const { project, sync, destination, connector, account, sandbox, environment, pace, cut, notes, counted, databases } =
    request
  const fetch: Fetch = sandbox?.fetch ?? environment.world.fetch
  const now = () => environment.world.clock.wall().getTime()
  return {
    fetch: async (sent) => {
      counted.requests += 1
      const answer = await fetch(sent, { allowPrivate: destination.allowPrivate, signal: cut })
      const hint = connector.pace?.(account, answer, now())
      if (hint) pace.heed(hint)
      return answer
    },
    patiently: (ask) =>
      patiently(
        {
          pace,
          limit: () => connector.limits(account, sync.into, NOTHING).upsert,
          world: environment.world,
          signal: cut,
        },
        ask,
      ),
    note: (sentence) => {
      if (notes.size < MOST_NOTES) notes.add(sentence)
    },
    now,
    database: (client, server) => {
      if (sandbox) return sandbox.database(destination.name)
      const opened = environment.openDatabase(client, server, { signal: cut })
      databases.push(opened)
      return opened
    },
    files: sandbox?.files(destination.name) ?? filesOf(project, connector.folder?.(account), environment),
    sync: sync.name,
    mode: sync.mode,
    acts: [sync.onLeave, ...(sync.purpose === undefined ? [] : [sync.onWithdraw])].filter((act) => act !== undefined),
    columns: columnsOf(sync),
  }
}

/** Whoever has more to say of one sync says it of rows. */
const MOST_NOTES = 10

/** Reading changes nothing: a limit that depends on how much is sent is that of nothing. */
const NOTHING = { upsert: 0, remove: 0 }

function filesOf(project: Project, folder: string | undefined, environment: Environment): Files {
  const root = folder ?? join('.cdp', 'files')
  return environment.openFiles(isAbsolute(root) ? root : join(project.directory, root))
}

function columnsOf(sync: Sync): Io['columns'] {
  return { key: sync.key.map((one) => one.theirs), fields: sync.fields.map((one) => one.theirs) }
}

function targetsOf(project: Project, sync: Sync): readonly string[] | undefined {
  return project.destinations.get(sync.destination)?.targets
}

/** The destination of a sync. */
export function destinationOf(project: Project, sync: Sync): Destination {
  const destination = project.destinations.get(sync.destination)
  if (destination === undefined) throw new Error(`destination ${sync.destination} was not resolved`)
  return destination
}

/** The connector of a destination. */
export function connectorOf(environment: Environment, destination: Destination): Connector<unknown, unknown> {
  const connector = environment.connectors.get(destination.type)
  if (connector === undefined) throw new Error(`connector ${destination.type} was not resolved`)
  return connector
}
