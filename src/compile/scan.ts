import type { Event, Reference } from '../project/language.ts'
import type { Entity, Measure, PickBy, Source, TraitDefinition } from '../project/project.ts'
import { referencesIn } from '../project/references.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { printCondition } from './condition.ts'
import { type Context, NOW, relation } from './context.ts'
import { withinBounds } from './events.ts'
import { printComparedInstant, printExpression } from './expression.ts'
import { block } from './layout.ts'
import { clockTable, profileTable } from './names.ts'
import type { PrintContext } from './print-context.ts'
import { identifierColumns, rowOrder, valid } from './rows.ts'

/** One column of an aggregated scan, and what of the project it was made for. */
export interface ScanColumn {
  readonly name: string
  readonly value: Sql
  /** The condition or expressions in it: their columns must be there. */
  readonly uses: unknown
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
  const rows = addAttributed(steps, context, source, entity)
  if (rows === undefined) throw new Error(`rows of ${source.name} belong to no ${entity.name}`)
  const parents = parentsOf(context, source, columns)
  const joins = parents.map(({ parent, through, used }) => {
    const step = steps.add(
      `${parent.name}_by_key`,
      `what is asked of ${parent.name}, one row a key`,
      sql`
        select
          ${lines([sql`${column('s', parent.key ?? '')} as cdp_key`, ...used.map((name) => sql`min(${column('s', name)}) as ${id(name)}`)])}
        from ${relation(context, parent)} as s
        group by ${column('s', parent.key ?? '')}`,
    )
    return sql`
      left join ${step} as ${id(parent.name)}
        on ${column(parent.name, 'cdp_key')} = ${column('s', through)}`
  })
  if (withProfile)
    joins.push(sql`
      left join ${from(profileTable(context.project, entity.name))} as profile
        on profile.profile_id = s.cdp_profile_id`)
  return steps.select(sql`
    select
      ${lines([sql`s.cdp_profile_id as profile_id`, ...columns.map((one) => sql`${one.value} as ${id(one.name)}`)])}
    from ${rows} as s
    ${stacked([sql`cross join ${from(clockTable(context.project))} as clock`, ...joins])}
    where s.cdp_profile_id is not null
    group by s.cdp_profile_id`)
}

/** The columns that an aggregated trait needs from the scan of its source: one. */
export function aggregateColumn(context: Context, source: Source, name: string, asked: Aggregated): ScanColumn {
  const rows = { print: rowContext(context), filter: rowsOn(context, asked), order: rowOrder(source) }
  return { name, value: measured(asked.measure, rows), uses: asked }
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
      case 'min':
      case 'max':
        return dialect.aggregate(event.measure.kind, printExpression(event.measure.of, print), filter)
    }
  })()
  return { name, value: sql`coalesce(${withinBounds(context, event, value)}, false)`, uses: event }
}

/** How names print in a scan: `s` is the row, a parent goes by its name, `profile` is the row's profile. */
function rowContext(context: Context): PrintContext {
  return {
    dialect: context.dialect,
    timezone: context.project.timezone,
    now: NOW,
    name: (to) => {
      switch (to.kind) {
        case 'column':
          return column('s', to.column)
        case 'parent':
          return column(to.source, to.column)
        case 'trait':
          return column('profile', to.trait)
      }
    },
    event: () => impossible('an event within an event'),
    member: () => impossible('a membership within a source'),
  }
}

function impossible(what: string): never {
  throw new Error(`${what} was not refused when the project was resolved`)
}

/** The rows that a measure is taken over. */
export interface Measured {
  /** What names are there. */
  readonly print: PrintContext
  /** Which rows count; undefined = all. */
  readonly filter: Sql | undefined
  /** What the first and the last of them are told by. */
  readonly order: readonly Sql[]
}

/** The value of a measure as an aggregate; null where nothing counts, but for counts and `exists`. */
export function measured(measure: Measure, { print, filter, order }: Measured): Sql {
  const { dialect } = print
  switch (measure.kind) {
    case 'count':
      return dialect.aggregate('count', undefined, filter)
    case 'exists':
      return dialect.anyRow(filter ?? sql`true`)
    case 'sum':
    case 'avg':
      // Floats that are added in another order differ in their last digits, which must not look like a change.
      return dialect.round(dialect.aggregate(measure.kind, printExpression(measure.of, print), filter), 6)
    case 'count_distinct':
    case 'min':
    case 'max':
      return dialect.aggregate(measure.kind, printExpression(measure.of, print), filter)
    case 'first':
    case 'last':
      return dialect.valueAt(measure.kind, printExpression(measure.of, print), order, filter)
    case 'most_frequent':
      return dialect.mostFrequent([dialect.tally(printExpression(measure.of, print), filter)])
  }
}

/** Which rows count: the condition and the window together; undefined = all. */
function rowsOn(
  context: Context,
  rows: Partial<Pick<Event, 'where' | 'within' | 'after' | 'before'>>,
): Sql | undefined {
  const { dialect } = context
  const { where, within, after, before } = rows
  const print = rowContext(context)
  const time = sql`s.cdp_time`
  const tests = [
    ...(where === undefined ? [] : [block(sql`(`, printCondition(where, print), sql`)`)]),
    ...(within === undefined
      ? []
      : [sql`${time} >= ${dialect.shift(NOW, -within.amount, within.unit)}`, sql`${time} <= ${NOW}`]),
    ...(after === undefined ? [] : [printComparedInstant(time, '>', after, print)]),
    ...(before === undefined ? [] : [printComparedInstant(time, '<', before, print)]),
  ]
  return tests.length === 0 ? undefined : join(tests, ' and ')
}

function parentsOf(context: Context, source: Source, columns: readonly ScanColumn[]) {
  const used = new Map<string, Set<string>>()
  for (const reference of columns.flatMap((one) => [...referencesIn(one.uses)])) {
    const { to }: Reference = reference
    if (to.kind === 'parent') used.set(to.source, (used.get(to.source) ?? new Set()).add(to.column))
  }
  return [...used].sort().flatMap(([name, names]) => {
    const parent = context.project.sources.get(name)
    const through = source.belongsTo.get(name)
    return parent === undefined || through === undefined ? [] : [{ parent, through, used: [...names].sort() }]
  })
}
