import type { Sync } from '../project/project.ts'
import { from, join, lines, type Sql, type Steps, sql } from '../sql/sql.ts'
import { addBarred } from './barred.ts'
import { printCondition } from './condition.ts'
import { namingTraits } from './consent.ts'
import type { Context } from './context.ts'
import { clockTable } from './names.ts'
import { peopleFrom } from './people.ts'
import { type PrintContext, personContext } from './print-context.ts'

/** Whom a sync speaks of, before anything is compared. */
export interface Audience {
  /** A select over everybody on whom segment and condition are true; `p` is the profile. */
  select(columns: readonly Sql[], ...where: readonly Sql[]): Sql
  /** True for those whom no exclude takes out; never null. */
  readonly included: Sql
  /** True for those who may not be contacted; never null. */
  readonly isBarred: Sql
  /** Why somebody may not be contacted: suppressed or consent; null for all others. */
  readonly reason: Sql
  /** Name of the step of everybody of the entity who may not be contacted: see `addBarred`. */
  readonly barred: Sql
  /** How expressions name things in such a select. */
  readonly print: PrintContext
}

/** Adds the step that says who may not be contacted, and gives what the audience is selected from. */
export function addAudience(
  steps: Steps,
  { context, sync, matchFields }: { context: Context; sync: Sync; matchFields: ReadonlySet<string> },
): Audience {
  const print = personContext(context, 's')
  const tests = [
    ...(sync.segment === undefined ? [] : [print.member(sync.segment, sync.variant)]),
    ...(sync.where === undefined ? [] : [sql`(${printCondition(sync.where, print)})`]),
  ]
  const excludes = sync.exclude.map((segment) => print.member(segment))
  const segments = [...(sync.segment === undefined ? [] : [sync.segment]), ...sync.exclude]
  const entity = context.project.entities.get(sync.entity)
  if (entity === undefined) throw new Error(`entity ${sync.entity} was not resolved`)
  const barred = addBarred(steps, context, entity, { purpose: sync.purpose, traits: namingTraits(sync, matchFields) })
  return {
    print,
    included: excludes.length === 0 ? sql`true` : sql`not (${join(excludes, ' or ')})`,
    isBarred: sql`barred.barred_id is not null`,
    reason: sql`barred.barred_for`,
    barred,
    select: (columns, ...where) => {
      const all = [...tests, ...where]
      // Names of their own, so that a bare name in an analyst's SQL can only mean a trait.
      return sql`
        select
          ${lines(columns)}
        from ${peopleFrom(context, { entity: sync.entity, where: sync.where, segments })}
        left join (
          select profile_id as barred_id, reason as barred_for
          from ${barred}
        ) as barred on barred.barred_id = p.profile_id
        cross join ${from(clockTable(context.project))} as clock
        where ${join(all.length === 0 ? [sql`true`] : all, ' and ', 0)}`
    },
  }
}
