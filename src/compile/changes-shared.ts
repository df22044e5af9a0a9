import { id, join, type Sql, type Steps, sql, text, unionAll } from '../sql/sql.ts'
import type { Audience } from './audience.ts'
import type { ChangesOf } from './changes-of.ts'
import { sentFields } from './changes-values.ts'
import type { Context } from './context.ts'

/** What rows were told under that somebody else has, too: their old match fields without it. */
export interface Shared {
  /** A join of the rows of a plan. */
  readonly join: Sql
  /** The match fields under which the destination may forget a row. */
  readonly oldIdent: Sql
}

/** One match field whose values stand in a list of the destination. */
interface Listed {
  readonly name: string
  readonly list: string
  /** The column that says that the value stays. */
  readonly stays: string
}

/**
 * A household has one phone: when one of them leaves, or changes it, the others are still to be found by it. A
 * destination that holds values, and not rows, cannot know that; the plan does. Undefined where there is nothing to share.
 */
export function addShared(steps: Steps, of: ChangesOf, audience: Audience, judged: Sql): Shared | undefined {
  const { context, sync, whole, lists = new Map<string, string>() } = of
  const listed = sync.fields.flatMap(({ theirs }, at): readonly Listed[] => {
    const list = lists.get(theirs)
    return list === undefined ? [] : [{ name: theirs, list, stays: `stays_${at + 1}` }]
  })
  if (listed.length === 0 || whole) return undefined
  const told = addTold(steps, context, listed, judged)
  const kept = addKept(steps, context, listed, told, addStanding(steps, of, audience, listed))
  return {
    join: sql`left join ${kept} as k on k.kept_key = key_json`,
    oldIdent: sql`
      case
        when k.kept_key is null then ident
        else
          ${identWithout(of, listed)}
      end`,
  }
}

function addTold(steps: Steps, context: Context, listed: readonly Listed[], judged: Sql): Sql {
  return steps.add(
    'told',
    'values under which rows that leave or change were told (one row a row and field)',
    unionAll(
      listed.map(
        ({ name, list }) => sql`
          select key_json, ${text(name)} as field, ${text(list)} as list, ${valueIn(context, name)} as value
          from ${judged}
          where op in ('update', 'remove') and ident is not null`,
      ),
    ),
  )
}

/** Of a row that may stand under several forms nothing is known for sure: it is forgotten under all of them. */
function valueIn({ dialect }: Context, name: string): Sql {
  const one = sql`case when ${dialect.contains(sql`ident`, text('},{'))} then null else ident end`
  return dialect.jsonText(one, name)
}

function addStanding(steps: Steps, { sync }: ChangesOf, audience: Audience, listed: readonly Listed[]): Sql {
  const sent = new Map(sentFields(sync, audience.print).map((field) => [field.name, field.plain]))
  return steps.add(
    'standing',
    'values of everybody who is in the audience now',
    unionAll(
      listed.map(({ name, list }) =>
        audience.select(
          [sql`${text(list)} as list`, sql`${sent.get(name) ?? sql`null`} as value`],
          audience.included,
          sql`not (${audience.isBarred})`,
        ),
      ),
    ),
  )
}

function addKept(steps: Steps, context: Context, listed: readonly Listed[], told: Sql, standing: Sql): Sql {
  const identifier = identifierIn(context)
  const stays = listed.map(
    ({ name, stays }) => sql`max(case when field = ${text(name)} then 1 else 0 end) as ${id(stays)}`,
  )
  return steps.add(
    'kept',
    'which of them stay, because somebody who stays has them (one row a row)',
    sql`
      select key_json as kept_key, ${join(stays)}
      from ${told}
      where ${identifier} in (
        select ${identifier}
        from ${standing}
      )
      group by key_json`,
  )
}

/** In one text, so that a value is looked up in its own list only. */
function identifierIn({ dialect }: Context): Sql {
  return dialect.concat([sql`list`, text(':'), dialect.normalise(sql`value`, 'text', 'text')])
}

function identWithout({ context, matchFields }: ChangesOf, listed: readonly Listed[]): Sql {
  const { dialect } = context
  const column = new Map(listed.map(({ name, stays }) => [name, stays]))
  // Also those that the sync no longer sends: a row may have been told under them.
  const parts = [...matchFields].map((name) => {
    const stays = column.get(name)
    const json = dialect.json(dialect.jsonText(sql`ident`, name), 'text')
    const value = stays === undefined ? json : sql`case when k.${id(stays)} = 0 then ${json} end`
    return dialect.concat([text(`${JSON.stringify(name)}:`), value])
  })
  return dialect.concat([text('{'), dialect.joinText(parts, ','), text('}')])
}
