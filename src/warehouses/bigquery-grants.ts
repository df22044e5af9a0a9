import { from, id, type Quoting, type Sql, sql, type Table, text } from '../sql/sql.ts'
import { type GrantStep, grantsScript } from './grants.ts'
import type { GrantsWanted } from './warehouse.ts'

/** Where a project's datasets are; `location` is that of those it makes. */
interface Options {
  readonly project: string
  readonly location?: string | undefined
}

/**
 * What an owner of the project runs. The role is a principal (`user:…`, `group:…`, `serviceAccount:…`), or the name of a
 * service account of the same project.
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/data-control-language
 */
export function bigqueryGrants(wanted: GrantsWanted<Options>, quoting: Quoting): string {
  const { options, role, schemas } = wanted
  const whom = text(role.includes(':') ? role : `serviceAccount:${role}@${options.project}.iam.gserviceaccount.com`)
  const place = options.location === undefined ? sql`` : sql` options (location = ${text(options.location)})`
  const dataset = (schema: string) => sql`${id(options.project)}.${id(schema)}`
  const own = [schemas.models, schemas.state, schemas.sandbox]
  return grantsScript(
    wanted,
    [
      {
        why: 'It runs jobs; they are billed to this project.',
        statements: [sql`grant ${id('roles/bigquery.jobUser')} on project ${id(options.project)} to ${whom}`],
      },
      sources(wanted, whom),
      {
        why: 'What it makes is in datasets of its own: published views, state, and the state of `--sandbox`.',
        statements: own.flatMap((schema) => [
          sql`create schema if not exists ${dataset(schema)}${place}`,
          sql`grant ${id('roles/bigquery.dataEditor')} on schema ${dataset(schema)} to ${whom}`,
        ]),
      },
    ],
    quoting,
  )
}

function sources({ tables, options }: GrantsWanted<Options>, whom: Sql): GrantStep {
  if (tables.length === 0) return { why: 'It reads no table.', statements: [] }
  const inProject = (table: Table) => from({ ...table, database: table.database ?? options.project })
  const viewer = id('roles/bigquery.dataViewer')
  return {
    why: 'What it reads. Of a view write `on view`; what a view reads must be readable too, unless it is authorized.',
    statements: tables.map((table) => sql`grant ${viewer} on table ${inProject(table)} to ${whom}`),
  }
}
