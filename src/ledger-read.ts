import { basename, dirname, isAbsolute, join } from 'node:path'
import { type Connector, DestinationError, type HeldRow, type Io, type Key } from './connectors/connector.ts'
import { destinationFailure } from './destination-failure.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure } from './error.ts'
import type { Bench } from './mending.ts'
import { openAccounts } from './open.ts'
import type { Project, Sync } from './project/project.ts'

interface Opened {
  readonly project: Project
  readonly request: Request
  readonly environment: Environment
  readonly connector: Connector<unknown, unknown>
}

/** Reads back what the destination of a sync holds. Throws CdpError where it cannot be read. */
export function reader(opened: Opened, sync: Sync): (keys: readonly Key[] | 'all') => AsyncIterable<HeldRow> {
  return (keys) => readBack(opened, sync, keys)
}

async function* readBack(
  { project, request, environment, connector }: Opened,
  sync: Sync,
  keys: readonly Key[] | 'all',
): AsyncGenerator<HeldRow> {
  const accounts = await openAccounts(project, [sync], request, environment)
  try {
    const [opened] = accounts.syncs
    if (opened === undefined)
      throw failure(
        'project',
        'command/arguments',
        `"${sync.destination}" is not for target "${project.target.name}": nothing is sent there, and nothing read.`,
      )
    const { channel } = opened
    if (channel.read === undefined) throw cannotRead(sync, connector)
    yield* channel.read(keys, sync.into)
  } catch (error) {
    throw destinationFailure(error, sync.destination)
  } finally {
    await accounts.close()
  }
}

function cannotRead(sync: Sync, { title }: Pick<Connector<unknown, unknown>, 'title'>): CdpError {
  const message = `What "${sync.destination}" holds cannot be read back: ${title}.`
  return failure('project', 'command/arguments', message)
}

/** Keys in a CSV or NDJSON file, named as the sync names them, without fields. Throws CdpError `command/arguments`. */
export async function* readExport(
  { project, sync }: Pick<Bench, 'project' | 'sync'>,
  environment: Environment,
  { path, columns }: { readonly path: string; readonly columns: readonly string[] },
): AsyncGenerator<HeldRow> {
  const names = sync.key.map(({ theirs }) => theirs)
  const wrong = (message: string, fix?: string) => failure('project', 'command/arguments', message, fix)
  if (columns.length !== names.length)
    throw wrong(`The key of "${sync.name}" is ${names.join(', ')}.`, 'Give --key-column once for each part, in order.')
  const file = environment.connectors.get('file')
  if (file === undefined) throw new Error('connector file is not known')
  const whole = isAbsolute(path) ? path : join(project.directory, path)
  const files = environment.openFiles(dirname(whole))
  if (!(await files.exists(basename(whole)))) throw wrong(`There is no file "${path}".`)
  const io: Io = {
    fetch: async () => {
      throw new Error('a file is read without a request')
    },
    now: () => 0,
    files,
    sync: sync.name,
    mode: 'mirror',
    columns: { key: columns, fields: [] },
  }
  const channel = file.open({ path: dirname(whole) }, io)
  try {
    for await (const { key } of channel.read?.('all', { file: basename(whole) }) ?? []) {
      const parts = names.map((name, at) => [name, key[columns[at] ?? ''] ?? null] as const)
      // A row without a key was sent nowhere.
      if (parts.every(([, value]) => value !== null)) yield { key: Object.fromEntries(parts), fields: {} }
    }
  } catch (error) {
    throw error instanceof DestinationError ? wrong(`"${path}": ${error.message}`) : error
  }
}
