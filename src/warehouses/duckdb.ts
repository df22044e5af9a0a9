import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { failure } from '../error.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { lease, type Patience } from './duckdb-instance.ts'
import { DuckdbSession } from './duckdb-session.ts'
import type { Access, Session, Warehouse } from './warehouse.ts'

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('.cdp/warehouse.duckdb')
    .describe('The database file, from the project folder; ":memory:" keeps nothing.'),
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
  async connect(given: DuckdbOptions, access: Access, patience: Patience = TWO_SECONDS) {
    const driver = await import('@duckdb/node-api').catch((error: unknown) => {
      throw failure('warehouse', 'warehouse/connection', 'The DuckDB driver cannot be loaded.', undefined, error)
    })
    const inProject = (path: string) => (isAbsolute(path) ? path : join(access.directory, path))
    const threads = access.threads ?? given.threads
    const file = given.path === ':memory:' ? given.path : inProject(given.path)
    const path = access.mode === 'look' && !existsSync(file) ? ':memory:' : file
    if (path !== ':memory:' && access.mode === 'write') await mkdir(dirname(path), { recursive: true })
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
      patience,
    })
    return new DuckdbSession(source, driver)
  },
}
