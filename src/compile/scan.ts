import type { Reading } from '../project/append-only.ts'
import type { Event } from '../project/language.ts'
import type { Entity, Source } from '../project/project.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { printCondition } from './condition.ts'
import { type Context, NOW } from './context.ts'
import type { Folded } from './folded.ts'
import { profileIdsNow } from './identity/overlay.ts'
import { block } from './layout.ts'
import { finishedColumn } from './measure.ts'
import { clockTable, profileTable } from './names.ts'
import { parentColumn, parentJoins } from './parents.ts'
import { addLocalTimes, type OverPeriods, withPeriods } from './periods.ts'
import type { PrintContext } from './print-context.ts'
import { inWindow } from './window.ts'

/** One column of an aggregated scan, and what of the project it was made for. */
export interface ScanColumn {
  readonly name: string
  readonly value: Sql
  /** What is made of `value` once rows are grouped, if it is not what is asked itself. */
  readonly finish?: ((aggregate: Sql) => Sql) | undefined
  /** The condition or expressions in it: their columns must be there. */
  readonly uses: unknown
  /** Where the value is that of a calendar period: what is made of the periods of a profile. */
  readonly over?: OverPeriods
  /** Which rows of an append-only source it must see again in every build. */
  readonly reading: Reading
  /** The same in parts that add up; absent where it does not. */
  readonly folded?: Folded | undefined
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
  return steps.select(addScan(steps, context, entity, { source, columns, withProfile }))
}

/** A source, or some rows of it, and what is asked of them. */
interface Scanned {
  readonly source: Source
  readonly columns: readonly ScanColumn[]
  readonly withProfile?: boolean
  /** Where its rows are selected from, if not all of them are meant. */
  readonly some?: Sql | undefined
}

/** Adds the steps of a scan, and gives the query that ends it: (profile_id, one column each). */
export function addScan(steps: Steps, context: Context, entity: Entity, scanned: Scanned): Sql {
  const { source, columns, withProfile = false, some } = scanned
  const rows = addScanned(steps, context, entity, source, {
    uses: columns.map((one) => one.uses),
    withProfile,
    inPeriods: columns.some((one) => one.over !== undefined),
    some,
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
      ${lines([sql`p.profile_id`, ...plain.map(finishedColumn)])}
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
  /** Where its rows are selected from, if not all of them are meant. */
  readonly some?: Sql | undefined
}

/** Adds the attributed rows of a source, and gives what stands after `from`: the rows `s` with all they are asked about. */
export function addScanned(
  steps: Steps,
  context: Context,
  entity: Entity,
  source: Source,
  { uses, withProfile, inPeriods = false, some }: Asked,
): Sql {
  const attributed = addAttributed(steps, context, source, entity, some)
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
