import { chmod } from 'node:fs/promises'
import { inject } from 'vitest'
import { type PostgresServer, startPostgres } from './postgres.ts'

/** A server on which every test has databases of its own. */
export type SharedPostgres = Pick<PostgresServer, 'database'>

let shared: Promise<SharedPostgres> | undefined

/** The server that all tests of this process use: to make one takes seconds. It ends with the process. */
export function sharedPostgres(): Promise<SharedPostgres> {
  shared ??= start(inject('runFolder'))
  return shared
}

async function start(folder: string): Promise<SharedPostgres> {
  // Postgres may run as somebody else, who must be able to pass.
  await chmod(folder, 0o711)
  return startPostgres(folder)
}
