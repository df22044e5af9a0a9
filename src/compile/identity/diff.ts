import type { Entity } from '../../project/project.ts'
import { from, lines, parameter, type Sql, type Statement, Steps, sql, type Table, text } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import { type Listing, listing } from '../listing.ts'
import { buildTable, stateTable } from '../names.ts'
import {
  type ExampleStatements,
  everyId,
  examples,
  FEW,
  groups,
  newlyRefused,
  profileOf,
  type Side,
} from './diff-examples.ts'
import { isJudged } from './judging.ts'
import { identifiersNow, joiningNow } from './overlay.ts'
import { graphState, graphTable } from './tables.ts'

const STANDINGS = { type: 'text', was: 'text?', becomes: 'text', identifiers: 'integer' } as const
const SIZES = { side: 'text', size: 'integer', profiles: 'integer' } as const
const LARGEST = { side: 'text', profile_id: 'text', size: 'integer' } as const
const REFUSED = { reason: 'text', detail: 'text?', edges: 'integer' } as const

/** What compares a build of an entity's graph with the published one; all take the token `b`. */
export interface DiffStatements {
  /** (then_profile, now_profile, identifiers): how many identifiers went from which profile to which. */
  readonly makes: Table
  readonly create: Statement
  /**
   * One row: profiles_then, profiles_now, profiles_new, profiles_gone, identifiers_then, identifiers_now, merged,
   * merged_into, split, split_into.
   */
  readonly counts: Statement
  /** Identifiers that are new, gone, or join no more or again. */
  readonly standings: Listing<typeof STANDINGS>
  readonly sizes: Listing<typeof SIZES>
  readonly largest: Listing<typeof LARGEST>
  /** Edges that are refused now and were not; undefined where no rule can refuse one. */
  readonly refused: Listing<typeof REFUSED> | undefined
  readonly merges: ExampleStatements
  readonly splits: ExampleStatements
}

export function compileDiff(context: Context, entity: Entity): DiffStatements {
  const makes = buildTable(context.project, entity.name, '_moves')
  return {
    makes,
    create: statement(
      `diff ${entity.name} moves`,
      'how many identifiers go from which published profile to which new one',
      context.dialect.createTable(makes, moves(context, entity)),
    ),
    counts: counts(makes, entity),
    standings: standings(context, entity),
    sizes: sizes(context, entity, makes),
    largest: largest(context, entity, makes),
    refused: isJudged(entity) ? refused(context, entity) : undefined,
    merges: examples(context, entity, makes, 'merge'),
    splits: examples(context, entity, makes, 'split'),
  }
}

/** Forgets that `$build` had tables, once they are dropped. */
export function forgetBuild(context: Context): Statement {
  const build = context.dialect.cast(parameter('build'), 'bigint')
  const tables = from(stateTable(context.project, 'build_table'))
  return statement('forget build', 'its tables were dropped', sql`delete from ${tables} where build = ${build}`)
}

function moves(context: Context, entity: Entity): Sql {
  const steps = new Steps()
  const now = steps.add('now', 'every identifier that joins in this build', joiningNow(context, entity))
  const then = steps.add(
    'published',
    'every identifier that joins in the published one',
    sql`
      select node_id, profile
      from ${from(graphState(context, entity))}
      where profile is not null`,
  )
  return steps.select(sql`
    select p.profile as then_profile, n.profile as now_profile, count(*) as identifiers
    from ${then} as p
    full join ${now} as n on n.node_id = p.node_id
    group by p.profile, n.profile`)
}

function counts(makes: Table, entity: Entity): Statement {
  const table = from(makes)
  const steps = new Steps()
  const merged = steps.add('merged', 'new profiles of several published ones', groups(makes, 'now'))
  const split = steps.add('split', 'published profiles that became several', groups(makes, 'then'))
  const only = (side: Side, other: Side) => sql`
    (
      select count(*)
      from (
        select ${profileOf(side)}
        from ${table}
        where ${profileOf(side)} is not null
        group by ${profileOf(side)}
        having count(${profileOf(other)}) = 0
      ) as alone
    )`
  const all = (side: Side) => sql`(select count(distinct ${profileOf(side)}) from ${table})`
  const joining = (side: Side) =>
    sql`(select coalesce(sum(identifiers), 0) from ${table} where ${profileOf(side)} is not null)`
  const query = steps.select(sql`
    select
      ${lines([
        sql`${all('then')} as profiles_then`,
        sql`${all('now')} as profiles_now`,
        sql`${only('now', 'then')} as profiles_new`,
        sql`${only('then', 'now')} as profiles_gone`,
        sql`${joining('then')} as identifiers_then`,
        sql`${joining('now')} as identifiers_now`,
        sql`(select coalesce(sum(parts), 0) from ${merged}) as merged`,
        sql`(select count(*) from ${merged}) as merged_into`,
        sql`(select count(*) from ${split}) as split`,
        sql`(select coalesce(sum(parts), 0) from ${split}) as split_into`,
      ])}`)
  return statement(`diff ${entity.name} counts`, 'what becomes of the published profiles', query)
}

function standings(context: Context, entity: Entity): Listing<typeof STANDINGS> {
  return listing(context, {
    name: `diff ${entity.name} standings`,
    reason: 'identifiers that are new, gone, or join no more or again (one row a type and change)',
    columns: STANDINGS,
    steps: new Steps(),
    rows: sql`
      select i.type, g.standing as was, c.standing as becomes, count(*) as identifiers
      from ${from(graphTable(context, entity, 'graph'))} as c
      join (
        ${identifiersNow(context, entity)}
      ) as i on i.node_id = c.node_id
      left join ${from(graphState(context, entity))} as g on g.node_id = c.node_id
      where g.standing is distinct from c.standing
      group by i.type, g.standing, c.standing`,
  })
}

/** (profile, size) of one side. */
function sized(makes: Table, side: Side): Sql {
  return sql`
    select ${profileOf(side)} as profile, sum(identifiers) as size
    from ${from(makes)}
    where ${profileOf(side)} is not null
    group by ${profileOf(side)}`
}

function sizes(context: Context, entity: Entity, makes: Table): Listing<typeof SIZES> {
  const side = (one: Side) => sql`
    select ${text(one)} as side, ${context.dialect.cast(sql`s.size`, 'bigint')} as size, count(*) as profiles
    from (
      ${sized(makes, one)}
    ) as s
    group by s.size`
  return listing(context, {
    name: `diff ${entity.name} sizes`,
    reason: 'how many profiles have how many identifiers (one row a side and size)',
    columns: SIZES,
    steps: new Steps(),
    rows: sql`
      ${side('then')}
      union all
      ${side('now')}`,
  })
}

function largest(context: Context, entity: Entity, makes: Table): Listing<typeof LARGEST> {
  const steps = new Steps()
  const names = steps.add('names', 'every id by number (one row an id)', everyId(context, entity))
  const side = (one: Side) =>
    steps.add(
      `largest_${one}`,
      one === 'then' ? 'the largest published profiles' : 'the largest of this build',
      sql`
        select ${text(one)} as side, s.profile, s.size, row_number() over (order by s.size desc, s.profile) as place
        from (
          ${sized(makes, one)}
        ) as s`,
    )
  const [then, now] = [side('then'), side('now')]
  const named = (rows: Sql) => sql`
    select r.side, n.profile_id, ${context.dialect.cast(sql`r.size`, 'bigint')} as size
    from ${rows} as r
    join ${names} as n on n.anchor = r.profile
    where r.place <= ${FEW}`
  return listing(context, {
    name: `diff ${entity.name} largest`,
    reason: 'the largest profiles of both sides (one row a profile)',
    columns: LARGEST,
    steps,
    rows: sql`
      ${named(then)}
      union all
      ${named(now)}`,
  })
}

function refused(context: Context, entity: Entity): Listing<typeof REFUSED> {
  return listing(context, {
    name: `diff ${entity.name} refused`,
    reason: 'edges that are refused now and were not (one row a reason)',
    columns: REFUSED,
    steps: new Steps(),
    rows: sql`
      select r.reason, r.detail, count(*) as edges
      from (
        ${newlyRefused(context, entity)}
      ) as r
      group by r.reason, r.detail`,
  })
}
