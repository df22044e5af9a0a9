import { isAbsolute, join } from 'node:path'
import type { Channel, Connector, Files, Io, Ms } from './connectors/connector.ts'
import type { Sandbox } from './connectors/sandbox/sandbox.ts'
import type { Environment, Request } from './environment.ts'
import { CdpError } from './error.ts'
import type { Destination, Project, Sync } from './project/project.ts'
import { openAccount } from './project/secrets.ts'
import { secretFiles } from './project/variables.ts'
import { Pace } from './sync/pace.ts'
import type { Fetch } from './world.ts'

/** A sync with its account opened: ready to be planned and sent. */
export interface OpenedSync {
  readonly sync: Sync
  readonly connector: Connector<unknown, unknown>
  readonly account: unknown
  readonly channel: Channel<unknown>
  readonly settlesWithin: Ms
  /** Shared by all syncs of the destination. */
  readonly pace: Pace
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
 * `project/unset-variable` with all of them. Under `--sandbox` emulated vendors stand in and nothing is missing.
 */
export async function openAccounts(
  project: Project,
  syncs: readonly Sync[],
  request: Request,
  environment: Environment,
): Promise<Accounts> {
  const sends = (sync: Sync) => request.sandbox || targetsOf(project, sync)?.includes(project.target.name) !== false
  const wanted = syncs.filter(sends)
  const accounts = openSecrets(project, wanted, request, environment)
  const sandbox = request.sandbox ? await openSandbox(project, wanted, accounts, environment) : undefined
  const paces = new Map<string, Pace>()
  const opened = wanted.map((sync): OpenedSync => {
    const destination = destinationOf(project, sync)
    const connector = connectorOf(environment, destination)
    const account = accounts.get(destination.name)
    const pace = paces.get(destination.name) ?? new Pace(environment.world.clock)
    paces.set(destination.name, pace)
    const io = ioOf({ project, sync, destination, connector, account, sandbox, environment })
    const settlesWithin = request.sandbox ? 0 : (destination.settlesWithin ?? connector.settlesWithin)
    return { sync, connector, account, channel: connector.open(account, io), settlesWithin, pace }
  })
  return {
    syncs: opened,
    elsewhere: syncs.filter((sync) => !sends(sync)),
    sandbox,
    close: async () => sandbox?.close(),
  }
}

/** Where the emulated vendors of a target keep what they were sent. */
export function sandboxFolder(project: Pick<Project, 'directory' | 'target'>): string {
  return join(project.directory, '.cdp', 'sandbox', project.target.name)
}

function openSecrets(
  project: Project,
  syncs: readonly Sync[],
  request: Request,
  { world }: Environment,
): ReadonlyMap<string, unknown> {
  const problems: CdpError[] = []
  const accounts = new Map<string, unknown>()
  for (const name of new Set(syncs.map((sync) => sync.destination))) {
    const destination = project.destinations.get(name)
    if (destination === undefined) continue
    try {
      const files = secretFiles(project.directory)
      accounts.set(name, openAccount(destination, world.env, files, { sandbox: request.sandbox }).account)
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
    return destination === undefined ? [] : [{ name, type: destination.type, account, places }]
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
}

function ioOf({ project, sync, destination, connector, account, sandbox, environment }: IoRequest): Io {
  const fetch: Fetch = sandbox?.fetch ?? environment.world.fetch
  return {
    fetch: (sent) => fetch(sent, { allowPrivate: destination.allowPrivate }),
    now: () => environment.world.clock.wall().getTime(),
    files: sandbox?.files(destination.name) ?? filesOf(project, connector.folder?.(account), environment),
    sync: sync.name,
    mode: sync.mode,
    columns: columnsOf(sync),
  }
}

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

function destinationOf(project: Project, sync: Sync): Destination {
  const destination = project.destinations.get(sync.destination)
  if (destination === undefined) throw new Error(`destination ${sync.destination} was not resolved`)
  return destination
}

function connectorOf(environment: Environment, destination: Destination): Connector<unknown, unknown> {
  const connector = environment.connectors.get(destination.type)
  if (connector === undefined) throw new Error(`connector ${destination.type} was not resolved`)
  return connector
}
