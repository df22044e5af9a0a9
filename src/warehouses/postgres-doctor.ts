import type { Client } from 'pg'
import { from, id, type Sql, sql, type Table } from '../sql/sql.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { printed, run } from './postgres-statement.ts'
import type { About } from './warehouse.ts'

/** What the server says of itself. */
export async function aboutServer(connection: Client): Promise<About> {
  const text = `select current_setting('server_version'), current_user, current_database()`
  const { rows } = await run(connection, { name: 'about', text, values: [] })
  const [[version, user, database] = []] = rows
  return { version: version ?? '', lowest: '15', place: `${user} on ${database}` }
}

/** All that a run does in a schema of the tool's own, taken back: DDL is part of a transaction here. */
export async function tryCreate(connection: Client, schema: string): Promise<void> {
  const d = postgresDialect
  const table: Table = { schema, name: ['cdp_doctor'] }
  const view: Table = { schema, name: ['cdp_doctor_view'] }
  const steps: readonly Sql[] = [
    d.createSchema(schema),
    d.createEmptyTable(table, [{ name: 'n', type: 'bigint' }]),
    sql`insert into ${from(table)} (${id('n')}) values (1)`,
    d.createView(view, sql`select ${id('n')} from ${from(table)}`),
  ]
  await run(connection, { name: 'begin', text: 'begin', values: [] })
  try {
    for (const step of steps)
      for (const piece of printed({ statement: { name: `try of ${schema}`, reason: '', sql: step } }, d))
        await run(connection, piece)
  } finally {
    await run(connection, { name: 'rollback', text: 'rollback', values: [] })
  }
}
