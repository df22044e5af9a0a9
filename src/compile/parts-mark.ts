import type { Entity, Source } from '../project/project.ts'
import { from, parameter, type Sql, type Statement, sql, type Table, text } from '../sql/sql.ts'
import { type Context, relation, statement } from './context.ts'
import { after, graphOf, settled } from './identity/evidence.ts'
import { columnsOf, type StateTable } from './identity/state.ts'
import type { Step } from './model.ts'
import { clockTable, stateTable } from './names.ts'
import { countedName, isInParts, partsKey } from './parts.ts'
import { type Scan, scansOf } from './scans.ts'

/** What is remembered of the parts of append-only sources: of which rows they are, and what they were made by. */
export function partsMarks(context: Context): StateTable {
  return {
    table: marksTable(context),
    reason: 'up to where the rows of append-only sources are added up in the published build, and by what',
    columns: columnsOf({
      entity: 'text',
      source: 'text',
      made_by: 'text',
      shape: 'text',
      settled: 'timestamp',
      counted: 'timestamp',
      build: 'bigint',
    }),
  }
}

/**
 * Finds out whether the parts of the published build are of use: not when the source's old rows changed, or all is to
 * be read, or the parts were made by something else, or business time went back.
 */
export function recallStep(context: Context, entity: Entity, scan: Scan): Step {
  const { dialect, project } = context
  const { source } = scan
  const since = after(graphOf(context, entity), source)
  const decide = statement(
    `${entity.name} recalls ${source.name}`,
    'whether what the published build added up is of use: the time up to which it settled rows, else null',
    sql`
      select max(m.counted) as counted
      from ${from(marksTable(context))} as m
      cross join ${from(clockTable(project))} as clock
      where m.entity = ${text(entity.name)} and m.source = ${text(source.name)}
        and m.made_by = ${text(partsKey(context, entity, scan))}
        and m.shape = ${parameter(shapeName(entity, source))}
        and m.settled = ${dialect.instant(since)}
        and m.counted <= clock.now
        and m.build = (select max(build) from ${from(stateTable(project, 'published'))})`,
  )
  const rows = sql`select * from ${relation(context, source)} as s`
  const recall = { rows, shape: shapeName(entity, source), decide, counted: countedName(entity, source) }
  return { kind: 'recall', recall }
}

/** Publishing: up to where the parts of this build go, for the next one. */
export function publishParts(context: Context, entity: Entity): readonly Statement[] {
  const scans = scansOf(context, entity).filter(isInParts)
  if (scans.length === 0) return []
  const state = from(marksTable(context))
  const forget = statement(
    `forget ${entity.name} parts`,
    'up to where earlier builds had added up',
    sql`delete from ${state} where entity = ${text(entity.name)}`,
  )
  return [forget, ...scans.map((scan) => publishMark(context, entity, scan, state))]
}

function publishMark(context: Context, entity: Entity, scan: Scan, state: Sql): Statement {
  const { dialect, project } = context
  const { source } = scan
  return statement(
    `publish ${entity.name} parts of ${source.name}`,
    'up to where this build added up, and by what',
    sql`
      insert into ${state} (entity, source, made_by, shape, settled, counted, build)
      select
        ${text(entity.name)}, ${text(source.name)}, ${text(partsKey(context, entity, scan))},
        ${parameter(shapeName(entity, source))}, ${dialect.instant(settled(graphOf(context, entity), source))},
        clock.now, ${dialect.cast(parameter('build'), 'bigint')}
      from ${from(clockTable(project))} as clock`,
  )
}

function marksTable({ project }: Context): Table {
  return stateTable(project, 'trait_mark')
}

/** Parameter: the columns of a source and their types. */
function shapeName(entity: Entity, source: Source): string {
  return `shape_${entity.name}_${source.name}`
}
