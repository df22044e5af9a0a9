import { from, id, join, type Sql, sql, text } from '../sql/sql.ts'
import { type GrantStep, grantsScript, schemasOf } from './grants.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { GrantsWanted } from './warehouse.ts'

/** What a superuser, or the owner of the database who may make roles, runs. */
export function postgresGrants(wanted: GrantsWanted<{ readonly database: string }>): string {
  const role = id(wanted.role)
  const { models, state, sandbox } = wanted.schemas
  const own = (schema: string) => sql`create schema if not exists ${id(schema)} authorization ${role}`
  return grantsScript(
    wanted,
    [
      {
        why: 'The role. Put a password of your own, or let the server know it in another way.',
        statements: [
          sql`create role ${role} login password ${text('…')}`,
          sql`grant connect on database ${id(wanted.options.database)} to ${role}`,
        ],
      },
      sources(wanted, role),
      {
        why: 'What it makes is in schemas of its own: published views, state, and the state of `--sandbox`.',
        statements: [own(models), own(state), own(sandbox)],
      },
    ],
    postgresDialect,
  )
}

function sources({ tables }: GrantsWanted<unknown>, role: Sql): GrantStep {
  const why =
    'What it reads. A table that is dropped and made anew has lost its rights: let whoever makes it grant them.'
  if (tables.length === 0) return { why: 'It reads no table.', statements: [] }
  return {
    why,
    statements: [
      ...schemasOf(tables).map(({ schema }) => sql`grant usage on schema ${id(schema)} to ${role}`),
      sql`grant select on ${join(tables.map(from))} to ${role}`,
    ],
  }
}
