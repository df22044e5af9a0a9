import { onTestFinished } from 'vitest'
import type { Environment } from '../../src/environment.ts'
import { printName } from '../../src/sql/sql.ts'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import type { Session, Warehouse } from '../../src/warehouses/warehouse.ts'
import { connectTo } from './postgres.ts'
import { sharedPostgres } from './shared-postgres.ts'
import { loadAll, shopOn } from './shop-tables.ts'
import { runInSandbox, type SandboxRun } from './small-shop.ts'
import { written } from './written.ts'

/** The small shop on a database of its own, run by a role that has the rights which the docs name, and no more. */
export interface PostgresShop {
  readonly directory: string
  readonly role: string
  readonly options: PostgresOptions
  /** Runs SQL as the owner of the database. */
  owner(...statements: readonly string[]): Promise<void>
  /** What readers see: the published views and which build they show. */
  published(): Promise<unknown>
  run(more?: Parameters<typeof runInSandbox>[1]): Promise<SandboxRun>
}

/** `more`: further options of the target. */
export async function postgresShop(more = ''): Promise<PostgresShop> {
  const database = await (await sharedPostgres()).database()
  const owner = await connectTo(database)
  onTestFinished(() => owner.close())
  const role = `cdp_${database.database}`
  const options = { ...database, user: role }
  const directory = await shopOn(targetOf(options, more))
  await loadAll(directory, owner)
  const run = (...statements: readonly string[]) => owner.script(statements.map(written)).then(() => undefined)
  await run(
    `create role ${role} login`,
    `grant usage on schema raw to ${role}`,
    `grant select on all tables in schema raw to ${role}`,
    ...['cdp', '_cdp', '_cdp_sandbox'].map((schema) => `create schema ${schema} authorization ${role}`),
  )
  const published = async () => {
    const views = written(`
      select string_agg(viewname || ' ' || definition, ';' order by viewname) as views
      from pg_catalog.pg_views where schemaname = 'cdp'`)
    return owner.first(views)
  }
  return { directory, role, options, owner: run, published, run: (more) => runInSandbox(directory, more) }
}

/** Options as a project writes them. */
export function targetOf({ host, port, database, user }: PostgresOptions, more = ''): string {
  return `{ type: postgres, host: "${host}", port: ${port}, database: ${database}, user: ${user}${more} }`
}

/** Postgres that says what it is about to run, or to read. */
export function watched(before: (name: string) => Promise<void>): Environment['warehouses'] {
  const connect: Warehouse<PostgresOptions>['connect'] = async (options, access) => {
    const session = await postgres.connect(options, access)
    return new Proxy(session, {
      get: (target, name: keyof Session) => {
        const member = target[name]
        if (name === 'script')
          return async (...[statements]: Parameters<Session['script']>) => {
            for (const { statement } of statements) await before(statement.name)
            return target.script(statements)
          }
        if (name === 'ask')
          return async (...[statements, query]: Parameters<Session['ask']>) => {
            for (const { statement } of [...statements, query]) await before(statement.name)
            return target.ask(statements, query)
          }
        if (name === 'read')
          return async function* (...asked: Parameters<Session['read']>) {
            for await (const page of target.read(...asked)) {
              await before(`read of ${printName(asked[0].name)}`)
              yield page
            }
          }
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  }
  return new Map([['postgres', { ...postgres, connect }]]) as unknown as Environment['warehouses']
}
