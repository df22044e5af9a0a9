import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'

/** The binary of a PgBouncer that is installed on this machine: no package of npm brings one. */
export const PGBOUNCER = process.env.PGBOUNCER

/** Ends it when its input does: with this process, however that ends. It takes another signal than Postgres. */
const UNTIL_LET_GO = '"$@" & read -r _; kill -TERM $!; wait'

/** It refuses to run as root, as Postgres does. */
const NOBODY = 65_534

/** A real PgBouncer in front of a server on a Unix socket, on one in an empty folder; in its mode `transaction`. */
export async function startPgbouncer(direct: PostgresOptions, folder: string): Promise<{ stop(): Promise<void> }> {
  const settings = join(folder, 'pgbouncer.ini')
  const users = join(folder, 'users.txt')
  await writeFile(users, `"${direct.user}" ""\n`)
  await writeFile(
    settings,
    [
      '[databases]',
      `* = host=${direct.host} port=${direct.port}`,
      '[pgbouncer]',
      `unix_socket_dir = ${folder}`,
      `listen_port = ${direct.port}`,
      'listen_addr =',
      'auth_type = trust',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      'default_pool_size = 3',
      // The connection that has rested longest is given out first: each transaction gets another.
      'server_round_robin = 1',
    ].join('\n'),
  )
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(folder, NOBODY, NOBODY)
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const child = spawn('sh', ['-c', UNTIL_LET_GO, 'sh', PGBOUNCER ?? '', settings], {
    ...as,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    if (line.includes('process up')) break
  }
  if (child.exitCode !== null) throw new Error(said.join('\n'))
  child.stderr.resume()
  return {
    stop: async () => {
      const closed = once(child, 'close')
      child.stdin.end()
      await closed
    },
  }
}
