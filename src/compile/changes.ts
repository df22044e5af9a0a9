import type { Sync } from '../project/project.ts'
import { from, id, join, lines, parameter, type Sql, Steps, sql, stacked, text, unionAll } from '../sql/sql.ts'
import type { Audience } from './audience.ts'
import { addAudience } from './changes-audience.ts'
import { addHolder } from './changes-holder.ts'
import type { ChangesOf } from './changes-of.ts'
import { actIn, addKnown, barredIn, foreignIn } from './changes-owned.ts'
import { addShared, type Shared } from './changes-shared.ts'
import {
  fingerprintOf,
  hasNoKey,
  hasOwnKey,
  idempotency,
  keyColumns,
  keyJson,
  objectOf,
  sentFields,
} from './changes-values.ts'
import type { Context } from './context.ts'
import { clockTable } from './names.ts'

/**
 * The plan of a sync: what differs between its audience in one build and what its destination acknowledged, in order.
 * Parameters: `sync`, `fence` (0: no lease, for the eyes only), `max_changes` (null: no limit), `hold_removals`.
 *
 * `verdict` is create, update or remove for what is to be sent; left, returned, forgotten or rebased for facts that are
 * only merged; and held, waiting, duplicate, nameless, pending, listed or owed for what is kept back. `seq` counts what
 * is to be sent from 1, removals first; the rest follows. `act` says why a row is removed: leave, or withdraw where its
 * person may no longer be contacted. Listed are those whom no act of the destination can withdraw.
 */
export function planQuery(of: ChangesOf): Sql {
  const { context, tables } = of
  const limit = maxChanges(context)
  const steps = new Steps()
  const audience = addAudience(steps, of)
  const duplicated = addDuplicated(steps, of, audience)
  const compared = addCompared(steps, of, audience, addMembers(steps, of, audience, duplicated))
  const described = addDescribed(steps, of, audience, compared)
  const judged = addJudged(steps, of, described, addNameless(steps, of, audience, duplicated))
  const ranked = addRanked(steps, of, judged, addShared(steps, of, audience, judged))
  return steps.select(sql`
    select
      place as seq,
      case
        when class = 3 or (class in (1, 2) and place > ${limit}) then 'owed'
        else verdict
      end as verdict,
      ${lines(PLAN_COLUMNS.map(id))}
    from ${ranked}
    where ${context.dialect.cast(parameter('fence'), 'bigint')} = 0 or exists (
      select 1
      from ${from(tables.sync)}
      where sync_id = ${parameter('sync')} and fence = ${context.dialect.cast(parameter('fence'), 'bigint')}
    )`)
}

/** Columns of a plan after `seq` and `verdict`. */
const PLAN_COLUMNS = [
  'op',
  'act',
  'in_audience',
  'copies',
  'claims',
  'key_hash',
  'key_json',
  'profile_id',
  'fp',
  'tried_fp',
  'rev',
  'ident',
  'payload',
  'old_ident',
  'dest_id',
  'idempotency_key',
]

/** Every row of the audience whose key is its own, in the order of the key, with everything that a creation sends. */
export function wholeQuery(of: ChangesOf): Sql {
  const { context, sync } = of
  const { dialect, project } = context
  const steps = new Steps()
  const audience = addAudience(steps, of)
  const duplicated = addDuplicated(steps, of, audience)
  const keyed = steps.add(
    'keyed',
    'the audience with its keys (one row a profile)',
    audience.select(
      [
        sql`${keyJson(project, sync, dialect)} as key_json`,
        sql`${objectOf(sentFields(sync, audience.print), dialect)} as payload`,
      ],
      audience.included,
      sql`not (${audience.isBarred})`,
      sql`not ${hasNoKey(sync)}`,
    ),
  )
  return steps.select(sql`
    select row_number() over (order by key_json) as seq, key_json, payload
    from ${keyed}${singleOnly(duplicated)}`)
}

/** The keys that several profiles claim: which of them is meant cannot be known. */
function addDuplicated(steps: Steps, { context, sync }: ChangesOf, audience: Audience): Sql | undefined {
  if (hasOwnKey(sync)) return undefined
  const keys = keyColumns(sync)
  return steps.add(
    'duplicated',
    'keys that several profiles claim: which of them is meant cannot be known',
    sql`
      ${audience.select(
        [
          sql`${keyJson(context.project, sync, context.dialect)} as key_json`,
          sql`count(*) as copies`,
          sql`${context.dialect.aggregate('count', undefined, sql`not (${audience.isBarred})`)} as claims`,
        ],
        audience.included,
        sql`not ${hasNoKey(sync)}`,
      )}
      group by ${join(keys)}
      having count(*) > 1`,
  )
}

function singleOnly(duplicated: Sql | undefined): Sql {
  if (duplicated === undefined) return sql``
  return sql`

    where key_json not in (select key_json from ${duplicated})`
}

function addCompared(steps: Steps, of: ChangesOf, audience: Audience, members: Sql): Sql {
  const known = addKnown(steps, of, members)
  const holder = addHolder(steps, of)
  const isBarred = barredIn(of)
  return steps.add(
    'compared',
    'what the audience has against what the destination acknowledged (one row a key)',
    sql`
      select
        coalesce(m.key_json, s.key_json) as key_json,
        ${audience.owner(holder.id)} as profile_id,
        coalesce(m.claims = m.copies, false) as in_audience,
        coalesce(m.copies, 0) as copies,
        coalesce(m.claims, 0) as claims,
        ${isBarred} as is_barred,${foreignIn(of)}
        m.fp, s.fp as known_fp, s.ident, s.dest_id, s.rev, s.hold_until, s.tried_fp, s.next_retry_at,
        ${verdict(of)} as verdict
      from ${stacked([
        sql`${members} as m`,
        sql`full outer join ${known} as s on s.key_json = m.key_json`,
        ...holder.joins,
        sql`left join ${audience.barred} as b on b.profile_id = ${holder.id}`,
      ])}`,
  )
}

/** One row a key of the audience. */
function addMembers(steps: Steps, of: ChangesOf, audience: Audience, duplicated: Sql | undefined): Sql {
  const { context, sync, before } = of
  const { dialect, project } = context
  const lasting = sentFields(sync, audience.print).filter((field) => field.write !== 'on_create')
  const keyed = steps.add(
    'keyed',
    'the audience with its keys and fingerprints (one row a profile)',
    audience.select(
      [
        sql`${keyJson(project, sync, dialect)} as key_json`,
        sql`1 as copies`,
        sql`case when ${audience.isBarred} then 0 else 1 end as claims`,
        audience.person,
        sql`${fingerprintOf(lasting, dialect)} as fp`,
        ...(before === undefined
          ? []
          : [sql`${fingerprintOf(sentFields({ fields: before }, audience.print), dialect)} as old_fp`]),
      ],
      audience.included,
      sql`not ${hasNoKey(sync)}`,
    ),
  )
  if (duplicated === undefined) return keyed
  const nothing = dialect.cast(sql`null`, 'text')
  const values = ['profile_id', 'fp', ...(before === undefined ? [] : ['old_fp'])]
  return steps.add(
    'members',
    'one row a key',
    sql`
      select key_json, copies, claims, ${join(values.map(id))}
      from ${keyed}${singleOnly(duplicated)}
      union all
      select key_json, copies, claims, ${join(values.map((name) => sql`${nothing} as ${id(name)}`))}
      from ${duplicated}`,
  )
}

/** The mode's table of design section 7, as one case. Null: nothing to do. */
function verdict({ sync, whole, before }: ChangesOf): Sql {
  const { mode, onLeave } = sync
  const fresh = mode === 'update' ? sql`'update'` : sql`'create'`
  const changes = mode !== 'insert' && mode !== 'append'
  const differs = before === undefined ? sql`'update'` : sql`case when s.fp = m.old_fp then 'rebased' else 'update' end`
  return sql`
    case
      ${sync.owned ? sql`when s.is_foreign then 'remove'` : sql``}
      when ${barredIn({ sync })} then ${withdrawn(sync, whole)}
      when m.copies > 1 then ${whole ? sql`case when s.fp is not null then 'forgotten' else 'duplicate' end` : sql`'duplicate'`}
      when s.state = 'submitted' then 'pending'
      ${gone(mode, onLeave !== undefined || whole)}
      when s.key_json is null or s.state in ('absent', 'tomb') or (s.state = 'unknown' and not s.known) then ${fresh}
      ${changes ? sql`when s.fp is distinct from m.fp then ${differs}` : sql`when s.state = 'unknown' then null`}
      when s.state = 'left' then 'returned'
    end`
}

/** What becomes of a key whose person may not be contacted. Also rows that were left where they are are withdrawn. */
function withdrawn({ mode, onWithdraw }: Sync, whole: boolean): Sql {
  const held = onWithdraw !== undefined || whole ? sql`'remove'` : sql`'listed'`
  return sql`
    case
      when s.state = 'submitted' then 'pending'
      ${mode === 'append' ? sql`` : sql`when s.state in ('synced', 'unknown', 'left') then ${held}`}
      when m.copies > 1 then 'duplicate'
    end`
}

function gone(mode: Sync['mode'], removes: boolean): Sql {
  if (removes) return sql`when m.key_json is null then case when s.state in ('synced', 'unknown') then 'remove' end`
  if (mode === 'append') return sql`when m.key_json is null then null`
  return sql`when m.key_json is null then case when s.state = 'synced' then 'left' end`
}

function addDescribed(steps: Steps, of: ChangesOf, audience: Audience, compared: Sql): Sql {
  const { context, sync, matchFields } = of
  const { dialect, project } = context
  const fields = sentFields(sync, audience.print)
  const lasting = fields.filter((field) => field.write !== 'on_create')
  const match = fields
    .filter((field) => matchFields.has(field.name))
    .map((field) => ({ ...field, onNull: 'skip' }) as const)
  const onCreate = (value: Sql) =>
    lasting.length === fields.length
      ? sql``
      : sql`

          when c.verdict = 'create' then
            ${value}`
  const differing = steps.add(
    'differing',
    'with the one profile whose values are sent, so that joins are by equality alone',
    sql`
      select
        *,
        case when verdict in ('create', 'update') then ${audience.values.id} end as ${audience.values.name},
        case when verdict in ('remove', 'left') then profile_id end as gone_profile
      from ${compared}
      where verdict is not null`,
  )
  return steps.add(
    'described',
    'what would be sent (exactly one profile for each row that is sent)',
    sql`
      select
        c.*,
        ${dialect.sha256Half(sql`c.key_json`)} as key_hash,
        case when c.verdict in ('create', 'update', 'remove') then c.verdict end as op,
        ${actIn(of)} as act,
        case
          when c.verdict = 'remove' and c.is_barred then ${text(`remove ${leaveText({ onLeave: sync.onWithdraw })}`)}
          when c.verdict = 'remove' then ${text(`remove ${leaveText(sync)}`)}${onCreate(fingerprintOf(fields, dialect))}
          when c.verdict in ('create', 'update') then c.fp
        end as trying,
        case
          when ${audience.values.own} is null then '{}'${onCreate(objectOf(fields, dialect))}
          else
            ${objectOf(lasting, dialect)}
        end as payload,
        ${match.length === 0 ? dialect.cast(sql`null`, 'text') : identOf(objectOf(match, dialect), audience)} as new_ident
      from ${differing} as c
      left join ${audience.values.table} as p on ${audience.values.on}
      cross join ${from(clockTable(project))} as clock`,
  )
}

function identOf(match: Sql, { values }: Audience): Sql {
  return sql`
    case
      when ${values.own} is not null then
        ${match}
    end`
}

/** The act of a removal as text: a removal of another kind is another try. */
export function leaveText({ onLeave }: Pick<Sync, 'onLeave'>): string {
  return onLeave === undefined ? '' : JSON.stringify([onLeave.verb, onLeave.argument ?? null])
}

/** People of the audience who have no key of their own now: what was sent for them before is not gone. */
function addNameless(steps: Steps, { context, sync }: ChangesOf, audience: Audience, duplicated: Sql | undefined): Sql {
  const id = [audience.person]
  const without = audience.select(id, audience.included, hasNoKey(sync))
  const reason = 'profiles without a key, or with one that others claim: what was sent for them is not gone'
  if (duplicated === undefined) return steps.add('nameless', reason, without)
  const key = keyJson(context.project, sync, context.dialect)
  const shared = audience.select(id, audience.included, sql`${key} in (select key_json from ${duplicated})`)
  const all = unionAll([without, shared])
  return steps.add('nameless', reason, audience.distinct(all))
}

function addJudged(steps: Steps, { context, whole }: ChangesOf, described: Sql, nameless: Sql): Sql {
  const { dialect } = context
  const waiting = sql`
    when d.tried_fp = d.trying and not coalesce(d.next_retry_at <= ${dialect.clock()}, false) then 'waiting'`
  return steps.add(
    'judged',
    'holds and earlier refusals keep a change back; so does a key that has only turned null or common',
    sql`
      select
        d.*,
        case
          when n.profile_id is not null and not d.is_barred then ${whole ? sql`case when d.known_fp is not null then 'forgotten' else 'nameless' end` : sql`'nameless'`}
          when d.op is null then d.verdict
          when d.hold_until > ${dialect.clock()} then 'held'
          ${whole ? sql`` : waiting}
          else d.verdict
        end as judgement
      from ${described} as d
      left join ${nameless} as n on n.profile_id = d.gone_profile`,
  )
}

function addRanked(steps: Steps, { context, tables }: ChangesOf, judged: Sql, shared: Shared | undefined): Sql {
  const { dialect } = context
  const sorted = steps.add(
    'sorted',
    'removals before creations, because one may free what the other needs; with a limit or on hold there are none',
    sql`
      select
        j.*,
        case
          when judgement = 'remove' then case when ${isSentNow(context)} then 0 else 3 end
          when judgement = 'create' then 1
          when judgement = 'update' then 2
          when judgement in (${marks()}) then 4
          else 5
        end as class
      from ${judged} as j`,
  )
  return steps.add(
    'ranked',
    'the order is the same in every run',
    sql`
      select
        row_number() over (order by class, key_hash) as place, class, judgement as verdict,
        op, act, in_audience, copies, claims, key_hash, key_json, profile_id,
        case when op in ('create', 'update') or judgement = 'rebased' then fp end as fp,
        trying as tried_fp,
        coalesce(rev, 0) + 1 as rev,
        new_ident as ident, payload, ${shared?.oldIdent ?? sql`ident`} as old_ident, dest_id,
        ${dialect.sha256Half(idempotency(dialect, tables))} as idempotency_key
      from ${stacked([sorted, ...(shared === undefined ? [] : [shared.join])])}`,
  )
}

/** Which removals are sent: with a limit none; on hold those of people who asked for it. */
function isSentNow(context: Context): Sql {
  return sql`${maxChanges(context)} is null and (act = 'withdraw' or not ${holdsRemovals(context)})`
}

/** Verdicts of facts that are only merged, for `in`. */
export function marks(): Sql {
  return join(['left', 'returned', 'forgotten', 'rebased'].map(text))
}

function holdsRemovals({ dialect }: Context): Sql {
  return dialect.cast(parameter('hold_removals'), 'boolean')
}

function maxChanges({ dialect }: Context): Sql {
  return dialect.cast(parameter('max_changes'), 'bigint')
}
