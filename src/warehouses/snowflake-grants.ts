import { from, id, type Quoting, type Sql, sql, type Table } from '../sql/sql.ts'
import { type GrantStep, grantsScript, schemasOf } from './grants.ts'
import type { GrantsWanted } from './warehouse.ts'

/** Whose rights they are, what computes, and where. */
interface Options {
  readonly user?: string | undefined
  readonly warehouse?: string | undefined
  readonly database?: string | undefined
}

/** What SECURITYADMIN and the owner of the database run. https://docs.snowflake.com/en/sql-reference/sql/grant-privilege */
export function snowflakeGrants(wanted: GrantsWanted<Options>, quoting: Quoting): string {
  const { options, schemas } = wanted
  const role = id(wanted.role)
  const within = (schema: string) => place(options.database, schema)
  return grantsScript(
    wanted,
    [
      {
        why: 'The role, and who takes it.',
        statements: [
          sql`create role if not exists ${role}`,
          ...(options.user === undefined ? [] : [sql`grant role ${role} to user ${id(options.user)}`]),
        ],
      },
      {
        why: 'What computes.',
        statements:
          options.warehouse === undefined
            ? []
            : [sql`grant usage on warehouse ${id(options.warehouse)} to role ${role}`],
      },
      sources(wanted, role),
      {
        why: 'What it makes is in schemas of its own: published views, state, and the state of `--sandbox`.',
        statements: [schemas.models, schemas.state, schemas.sandbox].flatMap((schema) => [
          sql`create schema if not exists ${within(schema)}`,
          sql`grant ownership on schema ${within(schema)} to role ${role} copy current grants`,
        ]),
      },
    ],
    quoting,
  )
}

function sources({ tables, options }: GrantsWanted<Options>, role: Sql): GrantStep {
  const here = (table: Table): Table => ({ ...table, database: table.database ?? options.database })
  const databases = new Set([options.database, ...tables.map((table) => here(table).database)])
  return {
    why: 'What it reads; a view is granted like a table.',
    statements: [
      ...[...databases].flatMap((name) =>
        name === undefined ? [] : [sql`grant usage on database ${id(name)} to role ${role}`],
      ),
      ...schemasOf(tables.map(here)).map(
        ({ database, schema }) => sql`grant usage on schema ${place(database, schema)} to role ${role}`,
      ),
      ...tables.map((table) => sql`grant select on table ${from(here(table))} to role ${role}`),
    ],
  }
}

function place(database: string | undefined, schema: string): Sql {
  return database === undefined ? id(schema) : sql`${id(database)}.${id(schema)}`
}
