import type { Entity, TraitDefinition } from '../project/project.ts'
import { from, id, lines, type Sql, Steps, sql, type Table } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import type { Context } from './context.ts'
import { memberEntity } from './identity/ownership.ts'
import { membersTable } from './identity/tables.ts'
import { block } from './layout.ts'
import { type Finished, finishedColumn, finishing, measured } from './measure.ts'
import { buildTable, clockTable, profileTable } from './names.ts'
import { isOverPeriods } from './periods.ts'
import { personContext } from './print-context.ts'

/** What the traits of a group ask of its members, in one aggregated scan over their profiles. */
export interface MemberScan {
  readonly member: Entity
  /** A row per group that has members: profile_id, then one column a trait. */
  readonly table: Table
  readonly query: Sql
}

/** The scan of a group's members; undefined where the entity is no group, or no trait asks for them. */
export function memberScan(context: Context, group: Entity): MemberScan | undefined {
  const member = memberEntity(context, group)
  const columns = [...group.traits.values()].flatMap(({ name, definition }) =>
    definition.kind === 'members'
      ? [{ name, value: columnOf(context, definition), finish: finishing(definition.measure, context.dialect) }]
      : [],
  )
  if (member === undefined || columns.length === 0) return undefined
  const steps = new Steps()
  const people = steps.add(
    'people',
    `every ${member.name} who is a member, once`,
    sql`
      select p.*, m.profile_id as cdp_group
      from ${from(membersTable(context, group))} as m
      join ${from(profileTable(context.project, member.name))} as p on p.profile_id = m.member_id`,
  )
  const grouped = sql`
    select
      ${lines([sql`p.cdp_group as profile_id`, ...columns.map(({ name, value }) => sql`${value} as ${id(name)}`)])}
    from ${people} as p
    cross join ${from(clockTable(context.project))} as clock
    group by p.cdp_group`
  const query = steps.select(
    columns.every(({ finish }) => finish === undefined) ? grouped : finished(steps, group, grouped, columns),
  )
  return { member, table: buildTable(context.project, group.name, '_from_', member.name), query }
}

function finished(steps: Steps, group: Entity, grouped: Sql, columns: readonly Finished[]): Sql {
  const asked = steps.add('measured', `all that is asked of the members (one row a ${group.name})`, grouped)
  return sql`
    select
      ${lines([sql`g.profile_id`, ...columns.map(finishedColumn)])}
    from ${asked} as g`
}

/** The first member is the one who was seen first, the last the one who was seen last. */
function columnOf(context: Context, { measure, where }: Extract<TraitDefinition, { kind: 'members' }>): Sql {
  if (isOverPeriods(measure)) throw new Error('members have no periods: that was refused when the project was resolved')
  const print = personContext(context, 'p')
  const filter = where && block(sql`(`, printCondition(where, print), sql`)`)
  const time = measure.kind === 'first' ? sql`p.first_seen_at` : sql`p.last_seen_at`
  return measured(measure, {
    print,
    filter,
    order: [
      { of: time, type: 'timestamp' },
      { of: sql`p.profile_id`, type: 'text' },
    ],
    time,
  })
}
