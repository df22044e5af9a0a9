import { from, type Sql, Steps, sql } from '../sql/sql.ts'
import type { ChangesOf } from './changes.ts'
import { audienceOf } from './changes-audience.ts'
import { hasNoKey } from './changes-values.ts'

/** One row of counts of a finished plan: what the report says, and what guards look at. */
export function countsQuery({ context, sync, tables }: ChangesOf): Sql {
  const { dialect } = context
  const count = (where: Sql) => dialect.aggregate('count', undefined, where)
  const steps = new Steps()
  const audience = audienceOf(context, sync)
  steps.add(
    'people',
    'the audience before keys are looked at',
    audience.select([
      sql`${count(audience.included)} as audience`,
      sql`${count(sql`not (${audience.included})`)} as excluded`,
      sql`${count(sql`(${audience.included}) and ${hasNoKey(sync)}`)} as nameless`,
    ]),
  )
  steps.add(
    'planned',
    'the plan by what is to be done',
    sql`
      select
        ${count(sql`verdict = 'create'`)} as creates,
        ${count(sql`verdict = 'update'`)} as updates,
        ${count(sql`verdict = 'remove'`)} as removes,
        ${count(sql`verdict = 'held'`)} as held,
        ${count(sql`verdict = 'waiting'`)} as waiting,
        ${count(sql`verdict = 'pending'`)} as pending,
        ${count(sql`verdict = 'owed' and op = 'create'`)} as owed_creates,
        ${count(sql`verdict = 'owed' and op = 'update'`)} as owed_updates,
        ${count(sql`verdict = 'owed' and op = 'remove'`)} as owed_removes,
        ${count(sql`verdict in ('left', 'returned', 'forgotten')`)} as marks,
        ${count(sql`in_audience and copies = 1 and verdict not in ('left', 'returned', 'forgotten')`)} as busy,
        coalesce(${dialect.aggregate('sum', sql`copies`, sql`copies > 1`)}, 0) as copies
      from ${from(tables.plan)}`,
  )
  steps.add(
    'stored',
    'what the destination holds or may hold',
    sql`
      select
        ${count(sql`state in ('synced', 'unknown', 'submitted')`)} as snapshot,
        ${count(sql`hold_until > ${dialect.clock()}`)} as on_hold
      from ${from(tables.snapshot)}`,
  )
  return steps.select(sql`
    select *
    from people
    cross join planned
    cross join stored`)
}
