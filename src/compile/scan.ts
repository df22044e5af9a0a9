import type { Event } from '../project/language.ts'
import type { Entity, PickBy, Source, TraitDefinition } from '../project/project.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { printCondition } from './condition.ts'
import { type Context, NOW } from './context.ts'
import { withinBounds } from './events.ts'
import { printExpression } from './expression.ts'
import { profileIdsNow } from './identity/overlay.ts'
import { block } from './layout.ts'
import { measured } from './measure.ts'
import { clockTable, profileTable } from './names.ts'
import { parentColumn, parentJoins } from './parents.ts'
import { addLocalTimes, isOverPeriods, type OverPeriods, periodColumn, withPeriods } from './periods.ts'
import type { PrintContext } from './print-context.ts'
import { identifierColumns, rowOrder, valid } from './rows.ts'
import { inWindow } from './window.ts'

/** One column of an aggregated scan, and what of the project it was made for. */
export interface ScanColumn {
  readonly name: string
  readonly value: Sql
  /** The condition or expressions in it: their columns must be there. */
  readonly uses: unknown
  /** Where the value is that of a calendar period: what is made of the periods of a profile. */
  readonly over?: OverPeriods
}

/**
 * The one aggregated scan of a source: a row per profile that has rows there, with one column per trait and event.
 * `withProfile` joins the profiles that were computed before, for events that are bounded by a trait.
 */
export function scanQuery(
  context: Context,
  entity: Entity,
  source: Source,
  columns: readonly ScanColumn[],
  withProfile = false,
): Sql {
  const steps = new Steps()
  const rows = addScanned(steps, context, entity, source, {
    uses: columns.map((one) => one.uses),
    withProfile,
    inPeriods: columns.some((one) => one.over !== undefined),
  })
  const plain = columns.filter((one) => one.over === undefined)
  const measuredRows = steps.add(
    `${source.name}_measured`,
    'all that is asked, by number of the profile: ids are texts, which are slow to group by (one row a profile)',
    sql`
      select
        ${lines([sql`s.cdp_profile`, ...plain.map((one) => sql`${one.value} as ${id(one.name)}`)])}
      from ${rows}
      where s.cdp_profile is not null
      group by s.cdp_profile`,
  )
  const grouped = sql`
    select
      ${lines([sql`p.profile_id`, ...plain.map((one) => sql`g.${id(one.name)}`)])}
    from ${measuredRows} as g
    join (
      ${profileIdsNow(context, entity)}
    ) as p on p.anchor = g.cdp_profile`
  return withPeriods(steps, context, { source, rows, columns, grouped })
}

/** What rows are read for: the conditions and expressions in it, and whether they speak of traits. */
interface Asked {
  readonly uses: unknown
  readonly withProfile: boolean
  /** Whether rows need `cdp_local`, by which they fall into periods of the calendar. */
  readonly inPeriods?: boolean
}

/** Adds the attributed rows of a source, and gives what stands after `from`: the rows `s` with all they are asked about. */
export function addScanned(
  steps: Steps,
  context: Context,
  entity: Entity,
  source: Source,
  { uses, withProfile, inPeriods = false }: Asked,
): Sql {
  const attributed = addAttributed(steps, context, source, entity)
  if (attributed === undefined) throw new Error(`rows of ${source.name} belong to no ${entity.name}`)
  const joins = [...parentJoins(steps, context, source, uses)]
  if (withProfile)
    joins.push(sql`
      left join ${from(profileTable(context.project, entity.name))} as profile
        on profile.profile_id = s.cdp_profile_id`)
  const rows = inPeriods ? addLocalTimes(steps, context, source, attributed) : attributed
  return sql`${rows} as s
    ${stacked([sql`cross join ${from(clockTable(context.project))} as clock`, ...joins])}`
}

/** The columns that an aggregated trait needs from the scan of its source: one. */
export function aggregateColumn(context: Context, source: Source, name: string, asked: Aggregated): ScanColumn {
  const print = rowContext(context)
  const rows = { print, filter: rowsOn(context, asked), order: rowOrder(source), time: sql`s.cdp_time` }
  const { measure } = asked
  return isOverPeriods(measure)
    ? { name, ...periodColumn(measure, rows), uses: asked }
    : { name, value: measured(measure, rows), uses: asked }
}

type Aggregated = Extract<TraitDefinition, { kind: 'aggregate' }>

/** A column that a pick takes from a source, and the name under which the scan keeps it. */
export interface Picked {
  readonly name: string
  readonly column: string
  readonly by: PickBy
}

/** What a pick needs from a scan: the value, tally or list of a column, and the time to compare it by. */
export function pickColumns(context: Context, entity: Entity, source: Source, pick: Picked): readonly ScanColumn[] {
  const { name, by } = pick
  const { dialect } = context
  const identifier = identifierColumns(source, entity).find((one) => one.column === pick.column)
  const value = column('s', identifier === undefined ? pick.column : valid(identifier))
  const uses = undefined
  const order = rowOrder(source)
  const present = sql`${value} is not null`
  switch (by) {
    case 'most_frequent':
      return [{ name, value: dialect.tally(value), uses }]
    case 'concat_distinct': {
      const type = identifier === undefined ? (source.types.get(pick.column) ?? 'unknown') : 'text'
      return [{ name, value: dialect.distinctList(sql`nullif(${dialect.plainText(value, type)}, '')`), uses }]
    }
    case 'min':
    case 'max':
      return [{ name, value: dialect.aggregate(by, value), uses }]
    case 'any_true':
      return [{ name, value: dialect.anyTrue(dialect.cast(value, 'boolean')), uses }]
    case 'longest': {
      const long = dialect.length(dialect.cast(value, 'text'))
      return [{ name, value: dialect.valueAt('last', value, [long, ...order]), uses }]
    }
    case 'priority':
      return [{ name, value: dialect.valueAt('last', value, order), uses }]
    case 'first':
    case 'most_recent': {
      const [which, extreme] = by === 'first' ? (['first', 'min'] as const) : (['last', 'max'] as const)
      return [
        { name, value: dialect.valueAt(which, value, order), uses },
        { name: timeColumn(name), value: dialect.aggregate(extreme, sql`s.cdp_time`, present), uses },
      ]
    }
  }
}

/** Where a pick keeps the time of its value within one scan. */
export function timeColumn(trait: string): string {
  return `${trait}__at`
}

/** Whether an event took place: one boolean column. */
export function eventColumnOf(context: Context, name: string, event: Event): ScanColumn {
  const { dialect } = context
  const print = rowContext(context)
  const filter = rowsOn(context, event)
  const value = ((): Sql => {
    switch (event.measure.kind) {
      case 'rows':
        return dialect.aggregate('count', undefined, filter)
      case 'sum':
        return sql`coalesce(${dialect.aggregate('sum', printExpression(event.measure.of, print), filter)}, 0)`
      case 'avg':
      case 'min':
      case 'max':
      case 'count_distinct':
        return dialect.aggregate(event.measure.kind, printExpression(event.measure.of, print), filter)
    }
  })()
  const tests = [withinBounds(context, event, value), ...extremesOf(context, event, filter)]
  return { name, value: block(sql`coalesce(`, sql`${join(tests, ' and ', 0)}, false`, sql`)`), uses: event }
}

/** What must be true of the times of the first and last row that count. */
function extremesOf(context: Context, { first, last }: Event, filter: Sql | undefined): readonly Sql[] {
  const { dialect } = context
  const rows = rowContext(context)
  // Both are the same on every row of a profile; an aggregate is how a grouped statement says so.
  const same = (value: Sql) => dialect.aggregate('min', value)
  const print: PrintContext = { ...rows, now: same(NOW), name: (to, type) => same(rows.name(to, type)) }
  const time = (kind: 'min' | 'max') => dialect.aggregate(kind, sql`s.cdp_time`, filter)
  return [
    ...(first === undefined ? [] : inWindow(time('min'), first, print)),
    ...(last === undefined ? [] : inWindow(time('max'), last, print)),
  ]
}

/** How names print in a scan: `s` is the row, a parent goes by its name, `profile` is the row's profile. */
export function rowContext(context: Context): PrintContext {
  return {
    dialect: context.dialect,
    timezone: context.project.timezone,
    now: NOW,
    name: (to) => {
      switch (to.kind) {
        case 'column':
          return column('s', to.column)
        case 'parent':
          return parentColumn(to)
        case 'trait':
          return column('profile', to.trait)
        case 'group':
          return impossible('a trait of a group within a source')
      }
    },
    event: () => impossible('an event within an event'),
    sequence: () => impossible('a sequence within a source'),
    member: () => impossible('a membership within a source'),
    wasMember: () => impossible('a membership within a source'),
  }
}

function impossible(what: string): never {
  throw new Error(`${what} was not refused when the project was resolved`)
}

/** Which rows `s` count: the condition and the window together; undefined = all. */
export function rowsOn(
  context: Context,
  rows: Partial<Pick<Event, 'where' | 'within' | 'after' | 'before'>>,
): Sql | undefined {
  const { where } = rows
  const print = rowContext(context)
  const tests = [
    ...(where === undefined ? [] : [block(sql`(`, printCondition(where, print), sql`)`)]),
    ...inWindow(sql`s.cdp_time`, rows, print),
  ]
  return tests.length === 0 ? undefined : join(tests, ' and ')
}
