import type { Entity, Project, Source, Sync, SyncRows } from '../project/project.ts'
import { referencesIn } from '../project/references.ts'
import { rowColumn } from '../project/row-column.ts'
import {
  column,
  from,
  id,
  lines,
  parameter,
  type Sql,
  type Statement,
  Steps,
  sql,
  stacked,
  type Table,
} from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { keyOfRow } from './changes-values.ts'
import { printCondition } from './condition.ts'
import { type Context, making, NOW, relation, statement, timeOf } from './context.ts'
import { printComparedInstant } from './expression.ts'
import { type LedgerTables, tableSuffix } from './ledger-tables.ts'
import type { Model } from './model.ts'
import { buildTable, clockTable, profileTable } from './names.ts'
import { parentJoins } from './parents.ts'
import type { PrintContext } from './print-context.ts'
import { rowContext } from './scan.ts'
import { sourceModels, withParents } from './sources.ts'

/**
 * The rows that a sync sends, in its build: `cdp_profile_id` (whose it is, null for nobody), the columns that key and
 * fields are made of, and `cdp_key` (the key as the JSON text of an object, null where any part of it is null). Plans
 * read them and no source, so that a plan that was kept is sent as it was made.
 */
export function rowsTable(project: Pick<Project, 'schemas'>, sync: string): Table {
  return buildTable(project, 'rows_', tableSuffix(sync))
}

/** The models of all syncs that send rows. */
export function compileSyncRows(context: Context): readonly Model[] {
  return [...context.project.syncs.values()].flatMap((sync) =>
    sync.rows === undefined ? [] : [modelOf(context, sync, sync.rows)],
  )
}

function modelOf(context: Context, sync: Sync, rows: SyncRows): Model {
  const { project } = context
  const output = rowsTable(project, sync.name)
  const source = sourceOf(project, rows)
  const people = sync.entity === undefined ? [] : [`identity/${sync.entity}`, `profiles/${sync.entity}`]
  return {
    name: `rows/${sync.name}`,
    kind: 'rows',
    ...(rows.startAt === 'first_run' && { parameters: [startName(sync.name)] }),
    needs: ['setup', ...people, ...sourceModels(context, withParents(project, source))],
    steps: [
      making(
        context,
        output,
        `rows ${sync.name}`,
        `what ${sync.name} sends of ${source.name}`,
        rowsQuery(context, sync, rows),
      ),
    ],
    output,
  }
}

function rowsQuery(context: Context, sync: Sync, rows: SyncRows): Sql {
  const { dialect, project } = context
  const source = sourceOf(project, rows)
  const entity = project.entities.get(sync.entity ?? '')
  const steps = new Steps()
  const some = addStarted(steps, context, sync, rows)
  const owned = entity && addAttributed(steps, context, source, entity, some ?? relation(context, source))
  const named = { columns: [...rows.columns.values()].map(({ to }) => ({ kind: 'reference', to })), where: rows.where }
  const print = rowPrint(context)
  const kept = [...rows.columns].map(([name, { to, type }]) => sql`${print.name(to, type)} as ${id(name)}`)
  const person = owned === undefined ? dialect.cast(sql`null`, 'text') : sql`s.cdp_profile_id`
  const sent = steps.add(
    'sent',
    'what is sent of each row, and whose it is (one row a row)',
    sql`
      select
        ${lines([sql`${person} as cdp_profile_id`, ...kept])}
      from ${stacked([
        sql`${owned ?? some ?? relation(context, source)} as s`,
        sql`cross join ${from(clockTable(project))} as clock`,
        ...parentJoins(steps, context, source, named),
        ...(entity === undefined ? [] : traitsJoin(context, entity, named)),
      ])}
      where ${rows.where === undefined ? sql`true` : printCondition(rows.where, print)}`,
  )
  return steps.select(sql`
    select
      p.*,
      ${keyOfRow(project, sync, dialect)} as cdp_key
    from ${sent} as p`)
}

/** Rows that happened in time; undefined where all are meant. Others are not looked at any further. */
function addStarted(steps: Steps, context: Context, sync: Sync, { startAt, ...rows }: SyncRows): Sql | undefined {
  const source = sourceOf(context.project, rows)
  const time = timeOf(context, source, 's')
  if (startAt === undefined || time === undefined) return undefined
  const start = context.dialect.instant(context.dialect.cast(parameter(startName(sync.name)), 'text'))
  const isInTime =
    startAt === 'first_run'
      ? sql`${time} >= coalesce(${start}, ${NOW})`
      : printComparedInstant(time, '>=', startAt, rowContext(context))
  return steps.add(
    `${source.name}_started`,
    startAt === 'first_run' ? 'rows that happened since the first run' : 'rows that happened since `start_at`',
    sql`
      select s.*
      from ${relation(context, source)} as s
      cross join ${from(clockTable(context.project))} as clock
      where ${isInTime}`,
  )
}

/** The parameter of a build that says when the first run of a sync was; null before it. */
export function startName(sync: string): string {
  return `start_${tableSuffix(sync)}`
}

/** Only the traits that are asked for, under names that no column has: the analyst's own SQL speaks of columns. */
function traitsJoin({ project }: Context, entity: Entity, named: unknown): readonly Sql[] {
  const traits = [...referencesIn(named)].flatMap(({ to }) => (to.kind === 'trait' ? [to] : []))
  const asked = new Map(traits.map((to) => [rowColumn(to), to.trait]))
  if (asked.size === 0) return []
  return [
    sql`
      left join (
        select
          ${lines([sql`profile_id as cdp_owner_id`, ...[...asked].map(([name, trait]) => sql`${id(trait)} as ${id(name)}`)])}
        from ${from(profileTable(project, entity.name))}
      ) as profile on profile.cdp_owner_id = s.cdp_profile_id`,
  ]
}

function rowPrint(context: Context): PrintContext {
  const rows = rowContext(context)
  return {
    ...rows,
    name: (to, type) => (to.kind === 'trait' ? column('profile', rowColumn(to)) : rows.name(to, type)),
  }
}

function sourceOf(project: Pick<Project, 'sources'>, { source }: Pick<SyncRows, 'source'>): Source {
  const found = project.sources.get(source)
  if (found === undefined) throw new Error(`source ${source} was not resolved`)
  return found
}

/** One row, `starts_at`: the business time of the first run; null before it. Takes `sync`. */
export function readStart({ sync }: Pick<LedgerTables, 'sync'>): Statement {
  return statement(
    'first run',
    'rows that happened before are not sent',
    sql`
      select max(starts_at) as starts_at
      from ${from(sync)}
      where sync_id = ${parameter('sync')}`,
  )
}

/** Notes the business time of the build as that of the first run, where none is noted. Takes `sync`, `fence`. */
export function noteStart({ dialect, project }: Context, { sync }: Pick<LedgerTables, 'sync'>): Statement {
  return statement(
    'note first run',
    'rows that happen from now on are sent, by later runs too',
    sql`
      update ${from(sync)}
      set starts_at = (select max(now) from ${from(clockTable(project))})
      where sync_id = ${parameter('sync')}
        and fence = ${dialect.cast(parameter('fence'), 'bigint')}
        and starts_at is null`,
  )
}
