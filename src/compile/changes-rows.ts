import type { Sync, SyncRows } from '../project/project.ts'
import { rowColumn } from '../project/row-column.ts'
import { column, from, id, join, lines, type Sql, type Steps, sql, stacked } from '../sql/sql.ts'
import type { Audience } from './audience.ts'
import { addBarred } from './barred.ts'
import { namingTraits } from './consent.ts'
import type { Context } from './context.ts'
import { clockTable, segmentsTable } from './names.ts'
import { memberColumn, type PrintContext, personContext } from './print-context.ts'
import { rowsTable } from './sync-rows.ts'

/** A sync that sends rows. */
export type RowsSync = Sync & { readonly rows: SyncRows }

/**
 * The rows of a sync as its audience: those that its model keeps in the build, with what is known now of the people to
 * whom they belong.
 */
export function addRowAudience(
  steps: Steps,
  context: Context,
  sync: RowsSync,
  matchFields: ReadonlySet<string>,
): Audience {
  const table = from(rowsTable(context.project, sync.name))
  const barred = addBarredOwners(steps, context, sync, matchFields)
  const asks = context.project.purposes.get(sync.purpose ?? '')?.feed !== undefined
  // Nobody has agreed for a row of nobody.
  const isBarred = sql`barred.barred_id is not null`
  const excludes = sync.exclude.map((segment) => sql`coalesce(${column('s', memberColumn(segment))}, false)`)
  return {
    print: rowPrint(context),
    included: excludes.length === 0 ? sql`true` : sql`not (${join(excludes, ' or ')})`,
    isBarred: asks ? sql`(${isBarred} or p.cdp_profile_id is null)` : isBarred,
    reason: asks
      ? sql`coalesce(barred.barred_for, case when p.cdp_profile_id is null then 'consent' end)`
      : sql`barred.barred_for`,
    barred,
    person: sql`p.cdp_profile_id as profile_id`,
    // A row that is nobody's now is not that of the person to whom it was sent.
    owner: (holder) => sql`case when m.copies = 1 then m.profile_id else ${holder} end`,
    distinct: (people) => sql`
      select distinct profile_id
      from (
        ${people}
      ) as n`,
    values: {
      table,
      id: sql`key_json`,
      name: sql`sent_row`,
      // A key may be that of a row that is sent and of one whose person is left out.
      on: sql`p.cdp_key = c.sent_row and p.cdp_profile_id is not distinct from c.profile_id`,
      own: sql`p.cdp_key`,
    },
    select: (columns, ...where) => sql`
      select
        ${lines(columns)}
      from ${stacked([
        sql`${table} as p`,
        ...membersJoin(context, sync),
        sql`
          left join (
            select profile_id as barred_id, reason as barred_for
            from ${barred}
          ) as barred on barred.barred_id = p.cdp_profile_id`,
        sql`cross join ${from(clockTable(context.project))} as clock`,
      ])}
      where ${join(where.length === 0 ? [sql`true`] : where, ' and ', 0)}`,
  }
}

/** Who may not be contacted of those to whom rows belong; nobody where rows belong to nobody. */
function addBarredOwners(steps: Steps, context: Context, sync: RowsSync, matchFields: ReadonlySet<string>): Sql {
  const { dialect, project } = context
  const entity = project.entities.get(sync.entity ?? '')
  if (entity === undefined) {
    const nothing = dialect.cast(sql`null`, 'text')
    return steps.add(
      'barred',
      'rows that belong to nobody',
      sql`
        select ${nothing} as profile_id, ${nothing} as reason
        limit 0`,
    )
  }
  return addBarred(steps, context, entity, { purpose: sync.purpose, traits: namingTraits(sync, matchFields) })
}

function membersJoin({ project }: Context, { entity, exclude }: RowsSync): readonly Sql[] {
  if (entity === undefined || exclude.length === 0) return []
  const members = [...new Set(exclude)].map((name) => sql`${id(name)} as ${id(memberColumn(name))}`)
  return [
    sql`
      left join (
        select
          ${lines([sql`profile_id as member_id`, ...members])}
        from ${from(segmentsTable(project, entity))}
      ) as s on s.member_id = p.cdp_profile_id`,
  ]
}

/** Names are the columns of the kept rows. */
function rowPrint(context: Context): PrintContext {
  return { ...personContext(context, 's'), name: (to) => column('p', rowColumn(to)) }
}
