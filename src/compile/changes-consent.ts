import { from, parameter, type Sql, type Statement, Steps, sql, text } from '../sql/sql.ts'
import type { ChangesOf } from './changes-of.ts'
import { consentTable, feedNumber, saidOfPeople } from './consent.ts'
import { type Context, NOW, statement } from './context.ts'
import { clockTable } from './names.ts'
import { suppressedQuery, suppressionState, suppressionTable } from './suppression.ts'

/**
 * Adds what guards must know of the consents of a sync, one row: `answers` (rows of the source), `is_stale` (older than
 * allowed), `asked` and `agreed` (people with an answer, and with a yes), and both as they were when this sync was last
 * sent. Undefined where its purpose asks nobody.
 */
export function addConsentCounts(steps: Steps, { context, sync, tables }: ChangesOf): Sql | undefined {
  const { dialect, project } = context
  const purpose = project.purposes.get(sync.purpose ?? '')
  const entity = project.entities.get(sync.entity ?? '')
  if (purpose?.feed === undefined || entity === undefined) return undefined
  const { maxAge } = purpose.feed
  const isOld =
    maxAge && sql`coalesce(max(a.seen_at) < ${dialect.shift(sql`max(${NOW})`, -maxAge.amount, maxAge.unit)}, true)`
  steps.add(
    'fed',
    'how many answers there are, and whether the newest is too old (one row)',
    sql`
      select coalesce(sum(a.answers), 0) as answers, ${isOld ?? sql`false`} as is_stale
      from ${from(clockTable(project))} as clock
      left join ${from(consentTable(context, entity.name))} as a on a.feed = ${feedNumber(context, entity, purpose)}`,
  )
  const isYes = sql`coalesce(granted_at > denied_at, granted_at is not null)`
  steps.add(
    'agreed',
    'of the people who answered, those who said yes last (one row)',
    sql`
      select count(*) as asked, ${dialect.aggregate('count', undefined, isYes)} as agreed
      from (
        ${saidOfPeople(context, entity, purpose, [])}
      ) as said`,
  )
  const told = (name: string) => dialect.cast(dialect.jsonText(sql`counts`, name), 'bigint')
  steps.add(
    'agreed_before',
    'the same when this sync was last sent; a plan that was blocked is no measure (at most one row)',
    sql`
      select ${told('asked')} as asked_before, ${told('agreed')} as agreed_before
      from ${from(tables.event)}
      where sync_id = ${parameter('sync')} and event <> 'blocked' and ${told('asked')} is not null
      order by fence desc, happened_at desc, asked_before desc, agreed_before desc
      limit 1`,
  )
  return steps.add(
    'consents',
    'all that is known of consents (one row)',
    sql`
      select fed.answers, fed.is_stale, agreed.asked, agreed.agreed, b.asked_before, b.agreed_before
      from fed
      cross join agreed
      left join agreed_before as b on true`,
  )
}

/** One row, `fresh`: identifiers that were suppressed since the build. */
export function freshStatement(context: Context): Statement {
  return statement(
    'count fresh suppressions',
    'who was suppressed after the plan was made must not be sent',
    sql`
      select count(*) as fresh
      from (
        ${freshList(context)}
      ) as x`,
  )
}

/**
 * One row, `seqs`: creations and updates of a plan whose person was suppressed since the build, a seq a line; null for
 * none. Parameters: `seq_lo`, `seq_hi`.
 */
export function revokedStatement({ context, sync, tables }: ChangesOf): Statement {
  const { dialect, project } = context
  const entity = project.entities.get(sync.entity ?? '')
  if (entity === undefined)
    return statement(
      'find revoked',
      'rows that belong to nobody are revoked by nobody',
      sql`select ${dialect.cast(sql`null`, 'text')} as seqs`,
    )
  const steps = new Steps()
  const suppressed = steps.add(
    'suppressed',
    'whose identifiers were suppressed since the build',
    suppressedQuery(
      context,
      entity,
      sql`(
      ${freshList(context)}
    )`,
    ),
  )
  const isScoped = sync.purpose === undefined ? sql`` : sql` or lower(x.scope) = ${text(sync.purpose.toLowerCase())}`
  const bound = (name: string) => dialect.cast(parameter(name), 'bigint')
  const revoked = steps.add(
    'revoked',
    'their changes in this window (one row a change)',
    sql`
      select distinct p.seq
      from ${from(tables.plan)} as p
      join ${suppressed} as x on x.profile_id = p.profile_id
      where p.seq between ${bound('seq_lo')} and ${bound('seq_hi')}
        and p.verdict in ('create', 'update')
        and (x.scope is null${isScoped})`,
  )
  return statement(
    'find revoked',
    'what of a window is not to be sent any more',
    steps.select(sql`
      select ${dialect.listText(dialect.cast(sql`seq`, 'text'), '\n')} as seqs
      from ${revoked}`),
  )
}

function freshList(context: Context): Sql {
  return sql`
    select distinct s.ident_type, s.ident_hash, s.scope
    from ${from(suppressionState(context))} as s
    left join ${from(suppressionTable(context))} as known
      on known.ident_type = s.ident_type
      and known.ident_hash = s.ident_hash
      and known.scope is not distinct from s.scope
    where known.ident_hash is null`
}
