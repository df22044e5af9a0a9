import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import { grants } from '../../src/doctor/grants.ts'
import type { Quoting } from '../../src/sql/sql.ts'
import { bigqueryGrants } from '../../src/warehouses/bigquery-grants.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { snowflakeGrants } from '../../src/warehouses/snowflake-grants.ts'
import { repository } from '../support/cli.ts'
import { expectGolden } from '../support/golden.ts'
import { sampleOn } from '../support/sample-tables.ts'
import { SANDBOX } from '../support/small-shop.ts'

const WANTED = {
  project: 'acme\n; drop table x',
  role: 'cdp',
  tables: [
    { schema: 'raw', name: ['crm_contacts'] },
    { schema: 'raw', name: ['Or"ders`'] },
    { database: 'shared', schema: 'ref', name: ['countries'] },
  ],
  models: ['invoices'],
  schemas: { models: 'cdp', state: '_cdp', sandbox: '_cdp_sandbox' },
}

const BACKTICKS: Quoting = {
  name: (name) => `\`${name.replaceAll('`', '\\`')}\``,
  text: (value) => `'${value.replaceAll("'", "\\'")}'`,
  parameter: (name) => `@${name}`,
}

const QUOTES: Quoting = {
  name: (name) => `"${name.replaceAll('"', '""')}"`,
  text: (value) => `'${value.replaceAll("'", "''")}'`,
  parameter: (name) => `:${name}`,
}

test('the script of BigQuery names each table and each dataset, in the project unless it says another', () => {
  const options = { project: 'acme-analytics', location: 'EU' }
  expectGolden('grants.bigquery.sql', bigqueryGrants({ ...WANTED, options }, BACKTICKS))
})

test('a principal of BigQuery is taken as it is', () => {
  const options = { project: 'acme-analytics' }
  const script = bigqueryGrants({ ...WANTED, role: 'group:cdp@acme.example', options }, BACKTICKS)
  expect(script).toContain("to 'group:cdp@acme.example';")
  expect(script).not.toContain('location')
})

test('the script of Snowflake names the user, what computes, each table and each schema', () => {
  const options = { user: 'CDP', warehouse: 'CDP_XS', database: 'ANALYTICS' }
  expectGolden('grants.snowflake.sql', snowflakeGrants({ ...WANTED, role: 'CDP_ROLE', options }, QUOTES))
})

test('the script of Postgres quotes every name', () => {
  const options = postgres.options.parse({ database: 'an"alytics', user: 'cdp' })
  expectGolden('grants.postgres.sql', postgres.grants({ ...WANTED, role: 'the "role"', options }))
})

test('a project that reads no table asks for none', () => {
  const options = postgres.options.parse({ database: 'analytics', user: 'cdp' })
  const script = postgres.grants({ ...WANTED, tables: [], models: [], options })
  expect(script).toContain('-- It reads no table.\n')
  expect(script).not.toContain('grant select')
})

test('DuckDB has none, and says so', () => {
  const options = duckdb.options.parse({ path: 'x.duckdb' })
  expect(duckdb.grants({ ...WANTED, options })).toMatch(/^DuckDB has no roles: .*"x\.duckdb".*\.\n$/)
})

test('the page of warehouses shows what is printed for the sample', async () => {
  const { directory, remove } = await sampleOn('{ type: postgres, database: analytics, user: cdp }')
  onTestFinished(remove)
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  onTestFinished(close)
  const page = readFileSync(join(repository, 'docs/warehouses.md'), 'utf8')
  const [, shown] = /```sql\n([\s\S]*?)```/.exec(page) ?? []
  expect(shown).toBe(await grants({ ...SANDBOX, directory }, environment))
})
