import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import knex, { type Knex } from 'knex'
import type { Account } from '../../src/connectors/sql/options.ts'
import { UNTIL_LET_GO } from './postgres.ts'

/** The folder of a MariaDB that is installed on this machine, with `bin/` and `share/`: no package of npm brings one. */
export const MARIADB = process.env.MARIADB

/** A real MariaDB of this test alone, on a free port of the loopback interface. */
export interface MariadbServer {
  readonly port: number
  /** Where it keeps what is its own; only it and the tests can look into it. */
  readonly folder: string
  /** How to reach a new, empty database as its only user, and a pool to look into it. */
  database(): Promise<{ readonly account: Account & { readonly database: string }; readonly look: Knex }>
  stop(): Promise<void>
}

/** What a server is told beside where it is, such as `ssl-cert=…`; files for it may be put into its folder. */
export type Settings = (folder: string) => readonly string[] | Promise<readonly string[]>

/** Whoever runs the tests as root has the server run as nobody: it refuses to run as root. */
const NOBODY = 65_534

/** Starts a server of the binaries in a folder, with the settings that it has of itself and these. */
export async function startMariadb(base: string, settings: Settings = () => []): Promise<MariadbServer> {
  const folder = await mkdtemp(join(tmpdir(), 'mariadb-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(folder, NOBODY, NOBODY)
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const data = join(folder, 'data')
  const common = ['--no-defaults', `--basedir=${base}`, `--datadir=${data}`]
  const install = [...common, '--auth-root-authentication-method=normal', '--skip-test-db']
  await finished(spawn(join(base, 'bin/mariadb-install-db'), install, { ...as, stdio: ['ignore', 'ignore', 'pipe'] }))
  const port = await freePort()
  const own = (await settings(folder)).map((one) => `--${one}`)
  const address = ['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(folder, 's')}`]
  const command = [await binary(base), ...common, ...address, '--skip-log-bin', ...own]
  const server = spawn('sh', ['-c', UNTIL_LET_GO, 'sh', ...command], { ...as, stdio: ['pipe', 'ignore', 'pipe'] })
  await ready(server)
  const as0 = { host: '127.0.0.1', port, user: 'root' }
  const root = knex({ client: 'mysql2', connection: as0 })
  let databases = 0
  const looks: Knex[] = [root]
  return {
    port,
    folder,
    database: async () => {
      const database = `test_${++databases}`
      await root.raw('create database ??', [database])
      const look = knex({ client: 'mysql2', connection: { ...as0, database, timezone: 'Z', dateStrings: true } })
      looks.push(look)
      const { host } = as0
      return {
        account: { client: 'mysql', host, port, database, user: 'root', ssl: 'off', connections: 2 },
        look,
      }
    },
    stop: async () => {
      for (const look of looks) await look.destroy()
      const closed = once(server, 'close')
      server.stdin.end()
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Debian has servers in `sbin/`. */
async function binary(base: string): Promise<string> {
  const { existsSync } = await import('node:fs')
  return [join(base, 'bin/mariadbd'), join(base, 'sbin/mariadbd')].find((path) => existsSync(path)) ?? 'mariadbd'
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

async function finished(child: ChildProcess): Promise<void> {
  let said = ''
  child.stderr?.on('data', (data) => {
    said += data
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}: ${said}`)
}

async function ready(server: ChildProcess): Promise<void> {
  const said: string[] = []
  const { stderr } = server
  if (!stderr) throw new Error('the server has no output')
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: stderr }).on('line', (line) => {
      said.push(line)
      if (line.includes('ready for connections')) resolve()
    })
    server.once('close', () => reject(new Error(said.join('\n'))))
  })
}
