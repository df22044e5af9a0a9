import { from, parameter, type Statement, sql, type Table } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { columnsOf, type StateTable } from './identity/state.ts'
import { stateTable } from './names.ts'

/** One row a plan that may be applied: of which build it is, and what publishing that build takes. */
export function plansTable(context: Context): StateTable {
  return {
    table: table(context),
    reason: 'builds that were planned and not published: what it takes to publish them later',
    columns: columnsOf({
      plan_id: 'text',
      build: 'bigint',
      base_build: 'bigint',
      meaning: 'text',
      parameters: 'text',
      made_at: 'timestamp',
    }),
  }
}

/** Takes `plan_id`, `build`, `base_build` (null before the first publishing), `meaning` and `parameters` (JSON). */
export function notePlan(context: Context): Statement {
  const { dialect } = context
  const whole = (name: string) => dialect.cast(parameter(name), 'bigint')
  return statement(
    'note plan',
    'what it takes to publish this build later',
    sql`
      insert into ${from(table(context))} (plan_id, build, base_build, meaning, parameters, made_at)
      values (
        ${parameter('plan_id')}, ${whole('build')}, ${whole('base_build')},
        ${parameter('meaning')}, ${parameter('parameters')}, ${dialect.clock()}
      )`,
  )
}

/** At most one row for `plan_id`; `hours`: how old the plan is, by the clock of the warehouse. */
export function readPlan(context: Context): Statement {
  const { dialect } = context
  return statement(
    'read plan',
    'what was planned',
    sql`
      select
        build, base_build, meaning, parameters,
        ${dialect.passed('hour', sql`made_at`, dialect.clock())} as hours
      from ${from(table(context))}
      where plan_id = ${parameter('plan_id')}`,
  )
}

/** Forgets plans whose build is older than `build`: they can never be applied any more. */
export function forgetPlans(context: Context): Statement {
  return statement(
    'forget plans',
    'a later build was published: they can never be applied',
    sql`delete from ${from(table(context))} where build < ${context.dialect.cast(parameter('build'), 'bigint')}`,
  )
}

function table({ project }: Context): Table {
  return stateTable(project, 'plan')
}
