import type { ConsentFeed } from '../project/consent.ts'
import type { Entity, Purpose, Source } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, parameter, type Sql, type Statement, Steps, sql, stacked, type Table } from '../sql/sql.ts'
import { addAttributed } from './attributed.ts'
import { addSaid } from './barred.ts'
import { addAudience } from './changes-audience.ts'
import type { ChangesOf } from './changes-of.ts'
import { hasNoKey } from './changes-values.ts'
import { answersQuery, namingTraits, saidTypes, seenAt, speaksOf } from './consent.ts'
import { type Context, NOW, statement } from './context.ts'
import { profileTable } from './names.ts'
import { addSourceNow } from './sources.ts'

/*
 * Consents at the moment of sending. The rules are those of the build, which the same functions state; what differs is
 * that rows are read from where the source has them, and the time that holds. People are those of the build: a row with
 * identifiers that the build has not seen is nobody's, and counts only for the value that it names.
 */

/**
 * One row: `is_empty` (the source has no rows), `is_stale` (its newest is older than allowed) and `seqs`: creations and
 * updates of a plan whose people have not agreed, a seq a line; null for none. Parameters: `seq_lo`, `seq_hi`, `now`.
 * Undefined where the purpose of the sync asks nobody.
 */
export function consentsNow(of: ChangesOf): Statement | undefined {
  const { context, tables } = of
  const asked = askedOf(of)
  if (asked === undefined) return undefined
  const bound = (name: string) => context.dialect.cast(parameter(name), 'bigint')
  const steps = new Steps()
  const people = steps.add(
    'people',
    'whom the window would reach (one row a change)',
    sql`
      select seq, profile_id
      from ${from(tables.plan)}
      where seq between ${bound('seq_lo')} and ${bound('seq_hi')} and verdict in ('create', 'update')`,
  )
  const { fed, refused } = addRefused(steps, of, asked, people)
  return statement(
    'read consents again',
    'who must not be sent any more, whatever was planned',
    steps.select(sql`
      select fed.is_empty, fed.is_stale, r.seqs
      from ${fed} as fed
      cross join (
        select ${context.dialect.listText(context.dialect.cast(sql`seq`, 'text'), '\n')} as seqs
        from ${refused}
      ) as r`),
  )
}

/** The same of everybody whom a replacement would hold; `refused` counts them. */
export function allConsentsNow(of: ChangesOf): Statement | undefined {
  const asked = askedOf(of)
  if (asked === undefined) return undefined
  const steps = new Steps()
  const audience = addAudience(steps, of)
  const people = steps.add(
    'people',
    'whom the replacement would hold (one row a profile)',
    audience.select(
      [sql`0 as seq`, audience.person],
      audience.included,
      sql`not (${audience.isBarred})`,
      sql`not ${hasNoKey(of.sync)}`,
    ),
  )
  const { fed, refused } = addRefused(steps, of, asked, people)
  return statement(
    'read all consents again',
    'a whole cannot be sent without those who have withdrawn: then it waits',
    steps.select(sql`
      select fed.is_empty, fed.is_stale, r.refused
      from ${fed} as fed
      cross join (
        select count(*) as refused
        from ${refused}
      ) as r`),
  )
}

interface AskedNow {
  readonly entity: Entity
  readonly purpose: Purpose
  readonly feed: ConsentFeed
  readonly source: Source
}

function askedOf({ context: { project }, sync }: ChangesOf): AskedNow | undefined {
  const entity = project.entities.get(sync.entity ?? '')
  const purpose = project.purposes.get(sync.purpose ?? '')
  const source = project.sources.get(purpose?.feed?.source ?? '')
  if (entity === undefined || purpose?.feed === undefined || source === undefined) return undefined
  return { entity, purpose, feed: purpose.feed, source }
}

/** `fed`: one row, is_empty and is_stale. `refused`: (seq) of `people` without a yes that holds. */
function addRefused(steps: Steps, of: ChangesOf, asked: AskedNow, people: Sql): { fed: Sql; refused: Sql } {
  const { context, sync, matchFields } = of
  const { entity, purpose } = asked
  const rows = addSourceNow(steps, context, asked.source)
  const clock = steps.add(
    'now_clock',
    'the time: as the project says, else that of the warehouse (one row)',
    time(context.dialect),
  )
  const fed = steps.add(
    'now_fed',
    'is there anything, and is it new enough (one row)',
    fedQuery(context, asked, rows, clock),
  )
  const answers = addAnswers(steps, context, asked, rows, clock)
  const traits = namingTraits(sync, matchFields)
  const said = addSaid(steps, context, entity, { purpose, traits, prefix: 'now_', answers })
  const profiles: Table = profileTable(context.project, entity.name)
  const refused = steps.add(
    'refused',
    'those of them without a yes that no later no revokes',
    sql`
      select people.seq
      from ${people} as people
      left join ${from(profiles)} as p on p.profile_id = people.profile_id
      ${stacked(said.joins)}
      where not (${said.isAllowed})`,
  )
  return { fed, refused }
}

function time(dialect: Dialect): Sql {
  return sql`select coalesce(${dialect.instant(parameter('now'))}, ${dialect.clock()}) as now`
}

function fedQuery(context: Context, { feed, source }: AskedNow, rows: Sql, clock: Sql): Sql {
  const { dialect } = context
  const { maxAge } = feed
  const seen = seenAt(context, { feed, source })
  const newest = dialect.aggregate('max', seen, sql`${seen} <= ${NOW}`)
  const isOld =
    maxAge && sql`coalesce(${newest} < ${dialect.shift(sql`max(${NOW})`, -maxAge.amount, maxAge.unit)}, true)`
  return sql`
    select
      count(*) = 0 as is_empty,
      ${isOld ?? sql`false`} as is_stale
    from ${rows} as a
    cross join ${clock} as clock`
}

function addAnswers(steps: Steps, context: Context, asked: AskedNow, rows: Sql, clock: Sql): Sql {
  const { entity, purpose, feed, source } = asked
  const spoken = steps.add(
    'now_spoken',
    'the rows that speak of the purpose',
    sql`
      select a.*
      from ${rows} as a
      where ${speaksOf(context, { feed }, purpose)}`,
  )
  const attributed = addAttributed(steps, context, source, entity, spoken)
  if (attributed === undefined) throw new Error(`rows of ${source.name} belong to no ${entity.name}`)
  const types = saidTypes(context, entity)
  return steps.add(
    'now_answers',
    'one row an answer: a yes that holds has a time of granting, any other one of denial',
    answersQuery(context, entity, { feed, source, purposes: [purpose], number: 1, attributed, types, clock }),
  )
}
