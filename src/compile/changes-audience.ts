import type { Sync } from '../project/project.ts'
import { from, join, lines, type Sql, sql } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
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
  /** How expressions name things in such a select. */
  readonly print: PrintContext
}

export function audienceOf(context: Context, sync: Sync): Audience {
  const print = personContext(context, 's')
  const tests = [
    ...(sync.segment === undefined ? [] : [print.member(sync.segment, sync.variant)]),
    ...(sync.where === undefined ? [] : [sql`(${printCondition(sync.where, print)})`]),
  ]
  const excludes = sync.exclude.map((segment) => print.member(segment))
  const segments = [...(sync.segment === undefined ? [] : [sync.segment]), ...sync.exclude]
  return {
    print,
    included: excludes.length === 0 ? sql`true` : sql`not (${join(excludes, ' or ')})`,
    select: (columns, ...where) => {
      const all = [...tests, ...where]
      return sql`
        select
          ${lines(columns)}
        from ${peopleFrom(context, { entity: sync.entity, where: sync.where, segments })}
        cross join ${from(clockTable(context.project))} as clock
        where ${join(all.length === 0 ? [sql`true`] : all, ' and ', 0)}`
    },
  }
}
