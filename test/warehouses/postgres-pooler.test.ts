import { chmod, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { plan } from '../../src/plan.ts'
import { type PostgresOptions, postgres } from '../../src/warehouses/postgres.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { expectedOn, ON_POSTGRES } from '../support/ground.ts'
import { hostileToPostgres } from '../support/hostile.ts'
import { PGBOUNCER, startPgbouncer } from '../support/pgbouncer.ts'
import { startPooler } from '../support/pooler.ts'
import { connectTo } from '../support/postgres.ts'
import { sharedPostgres } from '../support/shared-postgres.ts'
import { change } from '../support/shop-tables.ts'
import { changeMuch, held, inSandbox, runInSandbox } from '../support/small-shop.ts'
import { written } from '../support/written.ts'

// Behind a pooler each transaction has another connection to the server, which others have set up for themselves.

interface Front {
  readonly title: string
  start(direct: PostgresOptions, folder: string): Promise<{ stop(): Promise<void> }>
}

const EMULATED: Front = { title: 'a pooler of the tests', start: startPooler }
const REAL: Front = { title: 'PgBouncer', start: startPgbouncer }

const SETTINGS = `
  select
    current_setting('datestyle') as dates, current_setting('client_min_messages') as messages,
    current_setting('idle_in_transaction_session_timeout') as idle, current_setting('transaction_read_only') as reading`

// No package of npm brings a PgBouncer: where one is installed, `PGBOUNCER=/usr/sbin/pgbouncer` has the tests run behind it.
describe.each(PGBOUNCER === undefined ? [EMULATED] : [EMULATED, REAL])('behind $title', ({ start }) => {
  let direct: PostgresOptions
  let front: { stop(): Promise<void> }
  let pooled: PostgresOptions
  beforeAll(async () => {
    direct = await (await sharedPostgres()).database()
    const folder = await mkdtemp(join(inject('runFolder'), 'pooler-'))
    await chmod(folder, 0o711)
    front = await start(direct, folder)
    pooled = { ...direct, host: folder }
  })
  afterAll(() => front.stop())

  describe('a session', () => warehouseContract(() => connectTo(pooled), [], hostileToPostgres()))

  test('a project runs, plans, and finds nothing to do where nothing changed', async () => {
    const directory = await ON_POSTGRES.create()
    const reach = (from: PostgresOptions, to: PostgresOptions) =>
      change(join(directory, 'cdp.config.yaml'), `host: "${from.host}"`, `host: "${to.host}"`)
    for (const alter of [async () => undefined, changeMuch]) {
      await alter(directory)
      await ON_POSTGRES.refresh(directory)
      await reach(direct, pooled)
      const planned = await inSandbox(directory, (request, environment) =>
        plan(request, environment, { keep: false, showValues: false }),
      )
      const run = await runInSandbox(directory)
      expect(run.report).toMatchObject({ status: 'ok', errors: [] })
      const moves = (of: typeof run.report.syncs) =>
        of.map(({ creates, updates, removes }) => [creates, updates, removes])
      expect(moves(run.report.syncs)).toEqual(moves(planned.report.syncs as never))
      await reach(pooled, direct)
      expect(held(run)).toEqual(await expectedOn(ON_POSTGRES, directory))
    }
    await reach(direct, pooled)
    expect((await runInSandbox(directory)).calls).toEqual([])
  })

  test('what is set for a transaction ends with it: the next on that connection is somebody else’s', async () => {
    const session = await postgres.connect(pooled, { directory: '/', mode: 'read' })
    const other = new Client({ host: pooled.host, port: pooled.port, database: pooled.database, user: pooled.user })
    await other.connect()
    onTestFinished(() => other.end())
    const seen = async () => {
      const rows: unknown[] = []
      for (let n = 0; n < 6; n++) rows.push(...(await other.query(SETTINGS)).rows)
      return rows
    }
    const before = await seen()
    await Promise.all([1, 2, 3].map(() => session.first(written('select pg_sleep(0.05)'))))
    const change = session.script([written('create table public.more (n integer)')])
    await expect(change).rejects.toThrow('read-only transaction')
    await session.close()
    expect(await seen()).toEqual(before)
  })
})
