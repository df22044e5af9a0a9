import { from, id, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { marks } from './changes.ts'
import { addAudience } from './changes-audience.ts'
import { addConsentCounts } from './changes-consent.ts'
import type { ChangesOf } from './changes-of.ts'
import { hasNoKey } from './changes-values.ts'

/** One row of counts of a finished plan: what the report says, and what guards look at. */
export function countsQuery(of: ChangesOf): Sql {
  const { context, sync, tables } = of
  const { dialect } = context
  const count = (where: Sql) => dialect.aggregate('count', undefined, where)
  const steps = new Steps()
  const audience = addAudience(steps, of)
  const isSent = sql`${audience.included} and not (${audience.isBarred})`
  steps.add(
    'people',
    'the audience before keys are looked at',
    audience.select([
      sql`${count(isSent)} as audience`,
      sql`${count(sql`not (${audience.included})`)} as excluded`,
      sql`${count(sql`${audience.included} and ${audience.reason} = 'consent'`)} as no_consent`,
      sql`${count(sql`${audience.included} and ${audience.reason} = 'suppressed'`)} as suppressed`,
      sql`${count(sql`${isSent} and ${hasNoKey(sync)}`)} as nameless`,
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
        ${count(sql`act = 'withdraw' and verdict in ('remove', 'owed')`)} as withdraws,
        ${count(sql`verdict = 'listed'`)} as listed,
        ${count(sql`act = 'foreign' and verdict in ('remove', 'owed')`)} as strangers,
        ${count(sql`verdict in (${marks()})`)} as marks,
        ${count(sql`verdict = 'rebased'`)} as rebased,
        ${count(sql`in_audience and copies = 1 and verdict not in (${marks()})`)} as busy,
        coalesce(${dialect.aggregate('sum', sql`claims`, sql`copies > 1`)}, 0) as copies
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
  const consents = addConsentCounts(steps, of)
  const counted = [id('planned'), id('stored'), ...(consents === undefined ? [] : [consents])]
  return steps.select(sql`
    select *
    from people
    ${stacked(counted.map((step) => sql`cross join ${step}`))}`)
}
