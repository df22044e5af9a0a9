import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from '../support/all.ts'
import { repository } from '../support/cli.ts'
import { connectTo } from '../support/postgres.ts'
import { expectSame, onDuckdb, storyOf } from '../support/sample-story.ts'
import { fillTables } from '../support/sample-tables.ts'
import { sharedPostgres } from '../support/shared-postgres.ts'
import { forRole } from '../support/sql-page.ts'
import { written } from '../support/written.ts'

// It takes half a minute: `npm run test:all` runs it.
test.runIf(ALL)(
  'the sample does on Postgres, row by row, what it does on DuckDB, with the rights that the docs name',
  {
    timeout: 300_000,
  },
  async () => {
    const database = await (await sharedPostgres()).database()
    const owner = await connectTo(database)
    onTestFinished(() => owner.close())
    await fillTables(owner)
    const role = { ...database, user: `cdp_${database.database}` }
    await grant(owner, role)
    const there = await storyOf({
      target: `{ type: postgres, host: ${role.host}, database: ${role.database}, user: ${role.user} }`,
      open: () => connectTo(role),
    })
    expectSame(there, await storyOf(onDuckdb))

    const session = await connectTo(role)
    onTestFinished(() => session.close())
    for (const text of ['delete from raw.orders', 'create schema another', 'create table raw.another (n int)'])
      await expect(session.script([written(text)]), text).rejects.toThrow('permission denied')
  },
)

/** Runs the script of the page, in which the password is left open, for another role and database. */
async function grant(owner: Session, { user, database }: { user: string; database: string }): Promise<void> {
  const page = readFileSync(join(repository, 'docs/warehouses.md'), 'utf8')
  const [, script = ''] = /```sql\n([\s\S]*?)```/.exec(page) ?? []
  const statements = script.split(/;.*\n/).filter((one) => one.trim() !== '')
  expect(statements.length).toBeGreaterThan(4)
  const here = (text: string) => forRole(text, user).replace('database "analytics"', `database ${database}`)
  await owner.script(statements.map((text) => written(here(text))))
}
