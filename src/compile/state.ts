import { from, parameter, printName, type Statement, sql } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { columnsOf, graphTables, makeStateTable, type StateTable } from './identity/state.ts'
import { plansTable } from './kept-builds.ts'
import { stateTable } from './names.ts'
import { partsMarks } from './parts-mark.ts'
import { segmentTables } from './segment-history.ts'
import { SUPPRESSION_COLUMNS, suppressionState } from './suppression.ts'

/** Everything about builds that outlives them: created once, then only added to. */
export interface BuildState {
  /** Schemas and tables, each made only where it is missing. */
  readonly create: readonly Statement[]
  /** Takes the next build number for `$run_id`. */
  readonly begin: Statement
  /** One row, `build`: the number taken by `$run_id`. */
  readonly number: Statement
  /** Notes the tables `$tables` (a JSON array of `{name}`) of build `$build`, so that they can be dropped one day. */
  readonly note: Statement
  /** One row: `build`, `published_at` of the last published build; no row before the first. */
  readonly published: Statement
  /** One row, `tables`: names, a line each, of tables of builds that nobody needs any more; null for none. */
  readonly stale: Statement
  /** Forgets the tables of those builds. */
  readonly forget: Statement
  /** One row, `views`: published names, a line each, that are not among `$views` (a JSON array of `{name}`). */
  readonly staleViews: Statement
  /** Replaces the list of published names by `$views`. */
  readonly noteViews: readonly Statement[]
}

export function compileState(context: Context): BuildState {
  const { dialect, project } = context
  const build = stateTable(project, 'build')
  const tables = stateTable(project, 'build_table')
  const published = stateTable(project, 'published')
  const views = stateTable(project, 'published_view')
  // The tables of the last two published builds stay: readers may still be in the middle of the one before.
  const kept = sql`
    select build from ${from(published)} order by build desc limit 2`
  return {
    create: [
      statement('create state schema', 'what the tool remembers', dialect.createSchema(project.schemas.state)),
      statement('create models schema', 'what readers see', dialect.createSchema(project.schemas.models)),
      ...stateTables(context).map(({ reason, ...made }) =>
        statement(`create ${printName(made.table.name)}`, reason, makeStateTable(dialect, made)),
      ),
    ],
    begin: statement(
      'begin build',
      'the next number; a number is never used twice',
      sql`
        insert into ${from(build)} (build, run_id, started_at)
        select coalesce(max(b.build), 0) + 1, ${parameter('run_id')}, ${dialect.clock()}
        from ${from(build)} as b`,
    ),
    number: statement(
      'build number',
      'the number that was taken',
      sql`select max(b.build) as build from ${from(build)} as b where b.run_id = ${parameter('run_id')}`,
    ),
    note: statement(
      'note tables',
      'the tables of this build, to be dropped when nobody needs them',
      sql`
        insert into ${from(tables)} (build, name)
        select ${dialect.cast(parameter('build'), 'bigint')}, t.name
        from ${dialect.rowsOf(parameter('tables'), ['name'])} as t`,
    ),
    published: statement(
      'published build',
      'the build that readers see',
      sql`
        select build, run_id, published_at, business_time
        from ${from(published)}
        order by build desc
        limit 1`,
    ),
    stale: statement(
      'stale tables',
      'tables of builds that neither readers nor the last run need',
      sql`
        select ${dialect.listText(sql`t.name`, '\n')} as tables
        from ${from(tables)} as t
        where t.build < ${dialect.cast(parameter('build'), 'bigint')} and t.build not in (
          ${kept}
        )`,
    ),
    forget: statement(
      'forget tables',
      'they were dropped',
      sql`
        delete from ${from(tables)}
        where build < ${dialect.cast(parameter('build'), 'bigint')} and build not in (
          ${kept}
        )`,
    ),
    staleViews: statement(
      'stale views',
      'published names that the project no longer has',
      sql`
        select ${dialect.listText(sql`v.name`, '\n')} as views
        from ${from(views)} as v
        where v.name not in (select n.name from ${dialect.rowsOf(parameter('views'), ['name'])} as n)`,
    ),
    noteViews: [
      statement('forget views', 'the list is written anew', sql`delete from ${from(views)} where true`),
      statement(
        'note views',
        'the names that readers see now',
        sql`
          insert into ${from(views)} (name)
          select n.name
          from ${dialect.rowsOf(parameter('views'), ['name'])} as n`,
      ),
    ],
  }
}

function stateTables(context: Context): readonly StateTable[] {
  const { project } = context
  const named = (name: string) => stateTable(project, name)
  const shared: StateTable[] = [
    {
      table: named('build'),
      reason: 'one row a build that was begun',
      columns: columnsOf({ build: 'bigint', run_id: 'text', started_at: 'timestamp' }),
    },
    {
      table: named('build_table'),
      reason: 'the tables of each build',
      columns: columnsOf({ build: 'bigint', name: 'text' }),
    },
    {
      table: named('published'),
      reason: 'one row a build that readers saw',
      columns: columnsOf({ build: 'bigint', run_id: 'text', published_at: 'timestamp', business_time: 'timestamp' }),
    },
    { table: named('published_view'), reason: 'the names that readers see', columns: columnsOf({ name: 'text' }) },
    {
      table: named('phone'),
      reason: 'every phone that was ever parsed',
      columns: columnsOf({ raw: 'text', region: 'text', e164: 'text', version: 'text' }),
    },
    {
      table: named('identity_mark'),
      reason: 'how far each source of a graph was read, and under which rules',
      columns: columnsOf({
        entity: 'text',
        source: 'text',
        rules: 'text',
        blocks: 'text',
        settled: 'timestamp',
        settled_rows: 'bigint',
        checksum: 'bigint',
        total: 'bigint',
      }),
    },
    {
      table: suppressionState(context),
      reason: 'identifiers that nobody may contact, as hashes',
      columns: columnsOf(SUPPRESSION_COLUMNS),
    },
    partsMarks(context),
    plansTable(context),
    ...segmentTables(context),
  ]
  return [...shared, ...[...project.entities.values()].flatMap((entity) => graphTables(context, entity))]
}
