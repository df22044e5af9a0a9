import { print, type Quoting, type Sql, type Table } from '../sql/sql.ts'
import type { GrantsWanted } from './warehouse.ts'

/** Statements of a script that are there for one reason. */
export interface GrantStep {
  readonly why: string
  readonly statements: readonly Sql[]
}

/** The script as an administrator reads and runs it; a step without statements says why it has none. */
export function grantsScript(
  { project, role, models }: Pick<GrantsWanted<unknown>, 'project' | 'role' | 'models'>,
  steps: readonly GrantStep[],
  quoting: Quoting,
): string {
  const blocks = [
    comment(`The rights that "${role}" needs for the project "${project}", and no more.`),
    ...steps.map(({ why, statements }) =>
      [comment(why), ...statements.map((one) => `${print(one, quoting)};`)].join('\n'),
    ),
    ...(models.length === 0 ? [] : [comment(unknownTables(models))]),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** The schemas of tables, each once, in the order of the tables. */
export function schemasOf(tables: readonly Table[]): readonly Pick<Table, 'database' | 'schema'>[] {
  const keyed = tables.map(({ database, schema }) => [`${database ?? ''}\n${schema}`, { database, schema }] as const)
  return [...new Map(keyed).values()]
}

function unknownTables(models: readonly string[]): string {
  return `Not here: the tables that SQL models name without \`ref\`. Grant them in the same way. SQL models: ${models.join(', ')}.`
}

/** Nothing that a user wrote may end a comment. */
function comment(text: string): string {
  return `-- ${text.replace(/\s+/g, ' ')}`
}
