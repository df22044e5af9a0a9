import type * as Driver from '@duckdb/node-api'
import { from, print, sql, type Table } from '../sql/sql.ts'
import { duckdbDialect } from './duckdb-dialect.ts'
import { run } from './duckdb-statement.ts'
import type { About } from './warehouse.ts'

/** What the library says of itself, and of the database that the connection uses. */
export async function aboutInstance(connection: Driver.DuckDBConnection): Promise<About> {
  const result = await run(connection, {
    name: 'about',
    text: `
      select library_version, platform,
        (select coalesce(path, 'memory') from duckdb_databases() where database_name = current_database()),
        (select string_agg(extension_name, ',' order by extension_name) from duckdb_extensions() where loaded)
      from pragma_version(), pragma_platform()`,
  })
  const [row = []] = await result.getRows()
  const [version, platform, path, extensions] = row.map((value) => String(value ?? ''))
  return {
    version: `${version} on ${platform}`,
    lowest: undefined,
    place: path ?? '',
    extensions: (extensions ?? '').split(',').filter((name) => name !== ''),
  }
}

/** All that a run does in a schema of the tool's own, taken back. */
export async function tryCreate(connection: Driver.DuckDBConnection, schema: string): Promise<void> {
  const table: Table = { schema, name: ['cdp_doctor'] }
  const view: Table = { schema, name: ['cdp_doctor_view'] }
  const steps = [
    duckdbDialect.createSchema(schema),
    duckdbDialect.createTable(table, sql`select 1 as n`),
    duckdbDialect.createView(view, sql`select n from ${from(table)}`),
  ]
  const name = `try of ${schema}`
  await run(connection, { name, text: 'begin transaction' })
  try {
    for (const step of steps) await run(connection, { name, text: print(step, duckdbDialect) })
  } finally {
    // Nothing is left to take back where the failure ended the transaction.
    await connection.run('rollback').catch(() => {})
  }
}
