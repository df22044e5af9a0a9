import { expect, test } from 'vitest'
import { explain, identityBridges, identityShared, status } from '../../src/answers.ts'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { verify } from '../../src/ledger-compare.ts'
import { showState } from '../../src/ledger-reset.ts'
import { log } from '../../src/mending.ts'
import { validate } from '../../src/pipeline.ts'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import type { Session, Warehouse } from '../../src/warehouses/warehouse.ts'
import { connectTo } from '../support/postgres.ts'
import { type PostgresShop, postgresShop } from '../support/postgres-shop.ts'
import { SANDBOX } from '../support/small-shop.ts'
import { written } from '../support/written.ts'

type Command = (request: Request, environment: Environment) => Promise<unknown>

const all = { sync: undefined, person: undefined, outcome: undefined, since: undefined, limit: 10, showValues: false }
const person = { entity: undefined, showValues: false }

const COMMANDS: Readonly<Record<string, Command>> = {
  'validate --warehouse': (request, environment) => validate(request, environment, { warehouse: true }),
  status,
  log: (request, environment) => log(request, environment, all),
  'state show': showState,
  explain: (request, environment) =>
    explain(request, environment, { arguments: ['email:hugo.01@mail.example'], ...person }),
  'identity shared': (request, environment) =>
    identityShared(request, environment, { type: undefined, limit: 5, ...person }),
  'identity bridges': (request, environment) =>
    identityBridges(request, environment, { argument: 'P001', limit: 5, ...person }),
}

test('commands that only read have connections that refuse every change', async () => {
  const made = await postgresShop()
  expect((await made.run()).report).toMatchObject({ status: 'ok' })
  const before = await everything(made)
  for (const [name, command] of Object.entries(COMMANDS)) {
    const refused: string[] = []
    await perform(made, command, async (session) => {
      for (const text of ['create table cdp.more (n integer)', 'delete from _cdp.published'])
        await session.script([written(text)]).catch((error: Error) => refused.push(error.message))
    })
    expect([name, ...refused]).toEqual([
      name,
      'test failed: cannot execute CREATE TABLE in a read-only transaction',
      'test failed: cannot execute DELETE in a read-only transaction',
    ])
  }
  expect(await everything(made)).toEqual(before)
})

test('verify compares in tables of its own, which are gone afterwards, and touches no other', async () => {
  const made = await postgresShop()
  expect((await made.run()).report).toMatchObject({ status: 'ok' })
  const before = await everything(made)
  const report = await perform(made, (request, environment) =>
    verify(request, environment, { sync: 'readers_to_newsletter', rows: 1_000 }),
  )
  expect(report).toMatchObject({ rows: 40, equal: 40, differs: 0 })
  expect(await everything(made)).toEqual(before)
})

/** Runs a command in this process; `meet` is shown each session that it opens. */
async function perform(made: PostgresShop, command: Command, meet?: (session: Session) => Promise<void>) {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const connect: Warehouse<PostgresOptions>['connect'] = async (options, access) => {
    const session = await postgres.connect(options, access)
    await meet?.(session)
    return session
  }
  const warehouses = new Map([['postgres', { ...postgres, connect }]]) as unknown as Environment['warehouses']
  const report = await command({ ...SANDBOX, directory: made.directory }, { ...environment, warehouses })
  await close()
  return report
}

/** Every table and view with how many rows were ever written into it. */
async function everything({ options }: PostgresShop): Promise<unknown> {
  const session = await connectTo(options)
  const all = await session.first(
    written(`
      select string_agg(n.nspname || '.' || c.relname || ' ' || c.oid || ' ' || pg_relation_filenode(c.oid), ' ' order by c.oid) as names
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('cdp', '_cdp', '_cdp_sandbox') and c.relkind in ('r', 'v')`),
  )
  const rows: string[] = []
  for (const table of ['_cdp.published', '_cdp_sandbox.run_event', '_cdp_sandbox.sync'])
    rows.push(
      String(
        (await session.first(written(`select md5(string_agg(t::text, ',' order by t::text)) as h from ${table} as t`)))
          ?.h,
      ),
    )
  await session.close()
  return { all, rows }
}
