import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { failure } from '../error.ts'
import { secret } from '../secret.ts'
import { attachments } from './duckdb-attach.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { databaseOf, isRemote, lease, type Patience } from './duckdb-instance.ts'
import { DuckdbSession } from './duckdb-session.ts'
import { cannotOpen } from './duckdb-trouble.ts'
import type { Access, Session, Warehouse } from './warehouse.ts'

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .regex(/^(?!md:(\?|$))/, 'Behind "md:" stands the name of a database: md:analytics.')
    .default('.cdp/warehouse.duckdb')
    .describe('The database file, from the project folder; ":memory:" keeps nothing; "md:name" is one of MotherDuck.'),
  threads: z.coerce.number().int().positive().optional().describe('Most threads to use; default: one a core.'),
  memory_limit: z
    .string()
    .min(1)
    .optional()
    .describe('Most memory to use, such as "4GB"; default: 80 % of the machine.'),
  temp_directory: z.string().min(1).optional().describe('Where data that exceeds the memory goes.'),
  read_paths: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The only folders from which files may be read; default: anywhere readable.'),
  attach: attachments
    .optional()
    .describe('Other databases, for reading only: sources name their tables with the name given here first.'),
  motherduck_token: secret('Token of MotherDuck, for a `path:` that begins with "md:".').optional(),
  extension_directory: z.string().min(1).optional().describe("Where extensions lie; default: DuckDB's own folder."),
  install_extensions: z
    .union([z.boolean(), z.string().min(1)])
    .optional()
    .describe(
      'Whether `attach:` and "md:" may fetch the extension that they need, default: false; a text is the repository or folder to fetch from.',
    ),
})

export type DuckdbOptions = z.infer<typeof options>

const TWO_SECONDS: Patience = { pauses: 20, pause: () => setTimeout(100) }

/** DuckDB, embedded. The driver is loaded by the first `connect`. */
export const duckdb: Warehouse<DuckdbOptions> & {
  connect(options: DuckdbOptions, access: Access, patience?: Patience): Promise<Session>
} = {
  type: 'duckdb',
  options,
  dialect: duckdbDialect,
  grants: ({ options: { path } }) =>
    `DuckDB has no roles: whoever may read and write the file "${path}" may do everything in it.\n`,
  // Others name the database of a file by the name of the file.
  isOwnDatabase: ({ path }, name) => name === (isRemote(path) ? databaseOf(path) : basename(path).split('.')[0]),
  async connect(given: DuckdbOptions, access: Access, patience: Patience = TWO_SECONDS) {
    const driver = await import('@duckdb/node-api').catch((error: unknown) => {
      throw failure('warehouse', 'warehouse/connection', 'The DuckDB driver cannot be loaded.', undefined, error)
    })
    const inProject = (path: string) => (isAbsolute(path) ? path : join(access.directory, path))
    const threads = access.threads ?? given.threads
    const file = given.path === ':memory:' || isRemote(given.path) ? given.path : inProject(given.path)
    const path = access.mode === 'look' && isAbsolute(file) && !existsSync(file) ? ':memory:' : file
    if (isAbsolute(path) && access.mode === 'write') await makeFolder(dirname(path))
    const source = await lease(driver, {
      path,
      directory: access.directory,
      readOnly: access.mode !== 'write',
      settings: {
        ...(threads && { threads: String(threads) }),
        ...(given.memory_limit && { memory_limit: given.memory_limit }),
        ...(given.temp_directory && { temp_directory: inProject(given.temp_directory) }),
      },
      readPaths: given.read_paths?.map(inProject),
      attached: Object.entries(given.attach ?? {}).map(([name, to]) => ({
        name,
        to: typeof to === 'string' ? inProject(to) : to,
      })),
      extensions: {
        folder: given.extension_directory && inProject(given.extension_directory),
        fetch: given.install_extensions ?? false,
      },
      token: given.motherduck_token,
      patience,
    })
    return new DuckdbSession(source, driver)
  },
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw cannotOpen(folder, error)
  })
}
