import type { Entity } from '../../project/project.ts'
import { from, join, type Sql, Steps, sql, type Table, text } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { type Listing, listing } from '../listing.ts'
import { isJudged } from './judging.ts'
import { identifiersNow, joiningNow, profileIdsNow } from './overlay.ts'
import { graphState, graphTable, idsState, refusedState, valuesState } from './tables.ts'

const PARTS = {
  place: 'integer',
  whole_id: 'text',
  part: 'integer',
  part_id: 'text',
  parts: 'integer',
  turn: 'integer',
  identifiers: 'integer',
  via_node: 'integer?',
  via_type: 'text?',
  via_value: 'text?',
} as const

const NAMES = {
  place: 'integer',
  part: 'integer',
  turn: 'integer',
  node_id: 'integer',
  type: 'text',
  value: 'text',
} as const
const REASONS = { place: 'integer', reason: 'text', detail: 'text?', edges: 'integer' } as const

/** Profiles that become one, or one that falls apart: the whole, its parts, and what ties or parted them. */
export interface ExampleStatements {
  readonly parts: Listing<typeof PARTS>
  /** A few identifiers of each part. */
  readonly names: Listing<typeof NAMES>
  /** Why edges inside one that falls apart are refused; undefined where no rule can refuse one. */
  readonly reasons: Listing<typeof REASONS> | undefined
}

/** So many examples of each kind, so many parts of each example, so many identifiers of each part. */
export const FEW = 5
const SOME = 3

export type Side = 'then' | 'now'

/** Groups of moves in which several profiles of one side go to one of the other, with how many. */
export function groups(makes: Table, one: Side): Sql {
  const column = profileOf(one)
  return sql`
    select ${column} as whole, count(*) as parts, sum(identifiers) as identifiers
    from ${from(makes)}
    where then_profile is not null and now_profile is not null
    group by ${column}
    having count(*) > 1`
}

export function profileOf(side: Side): Sql {
  return side === 'then' ? sql`then_profile` : sql`now_profile`
}

/** (anchor, profile_id): every id, those that this build mints included. */
export function everyId(context: Context, entity: Entity): Sql {
  return sql`
    select anchor, profile_id from ${from(idsState(context, entity))}
    union distinct
    ${profileIdsNow(context, entity)}`
}

/** Edges that this build refuses and the published one did not: (a, b, reason, detail). */
export function newlyRefused(context: Context, entity: Entity): Sql {
  return sql`
    select r.a, r.b, r.reason, r.detail
    from ${from(graphTable(context, entity, 'refused'))} as r
    where not exists (
      select 1
      from ${from(refusedState(context, entity))} as s
      where (s.a = r.a and s.b = r.b) or (s.a = r.b and s.b = r.a)
    )`
}

/** The few groups of profiles that merge, or fall apart, into the most parts. */
export function examples(context: Context, entity: Entity, makes: Table, kind: 'merge' | 'split'): ExampleStatements {
  const name = (what: string) => `diff ${entity.name} ${kind}s ${what}`
  return {
    parts: listing(context, { name: name('parts'), columns: PARTS, ...parts(context, entity, makes, kind) }),
    names: listing(context, { name: name('identifiers'), columns: NAMES, ...names(context, entity, makes, kind) }),
    reasons:
      kind === 'split' && isJudged(entity)
        ? listing(context, { name: name('reasons'), columns: REASONS, ...reasons(context, entity, makes) })
        : undefined,
  }
}

/** Adds (place, whole, parts): the few groups with the most parts, the largest of equals. */
function addShown(steps: Steps, makes: Table, kind: 'merge' | 'split'): Sql {
  const found = steps.add(
    'groups',
    kind === 'merge' ? 'new profiles of several published ones' : 'published profiles that become several',
    groups(makes, kind === 'merge' ? 'now' : 'then'),
  )
  return steps.add(
    'shown',
    'those with the most parts',
    sql`
      select g.*
      from (
        select g.whole, g.parts, row_number() over (order by g.parts desc, g.identifiers desc, g.whole) as place
        from ${found} as g
      ) as g
      where g.place <= ${FEW}`,
  )
}

/** Adds (place, whole, parts, part, identifiers): their largest parts. */
function addParts(steps: Steps, makes: Table, kind: 'merge' | 'split'): Sql {
  const shown = addShown(steps, makes, kind)
  const [whole, part] = kind === 'merge' ? [sql`now_profile`, sql`then_profile`] : [sql`then_profile`, sql`now_profile`]
  return steps.add(
    'shown_parts',
    'the largest parts of each',
    sql`
      select p.*
      from (
        select
          s.place, s.whole, s.parts, m.${part} as part, m.identifiers,
          row_number() over (
            partition by s.whole
            -- the one that keeps the id first
            order by case when m.${part} = s.whole then 0 else 1 end, m.identifiers desc, m.${part}
          ) as turn
        from ${shown} as s
        join ${from(makes)} as m on m.${whole} = s.whole
        where m.${part} is not null
      ) as p
      where p.turn <= ${FEW}`,
  )
}

function parts(context: Context, entity: Entity, makes: Table, kind: 'merge' | 'split') {
  const steps = new Steps()
  const shown = addParts(steps, makes, kind)
  const ids = steps.add('names', 'every id by number (one row an id)', everyId(context, entity))
  const log = from(graphTable(context, entity, `${kind}s`))
  // A merge is logged from the part that is lost, a split from the whole to the part.
  const isSame =
    kind === 'merge'
      ? sql`l.from_profile_id = q.profile_id`
      : sql`l.from_profile_id = w.profile_id and l.to_profile_id = q.profile_id`
  return {
    reason: 'profiles that merge or split, and the identifier that ties or parted them (one row a part)',
    steps,
    rows: sql`
      select
        s.place, w.profile_id as whole_id, s.part, q.profile_id as part_id, s.parts, s.turn, s.identifiers,
        v.node_id as via_node, l.via_type, l.via_value
      from ${shown} as s
      join ${ids} as w on w.anchor = s.whole
      join ${ids} as q on q.anchor = s.part
      left join ${log} as l on ${isSame}
      left join ${from(valuesState(context, entity))} as v on v.type = l.via_type and v.value = l.via_value`,
  }
}

function names(context: Context, entity: Entity, makes: Table, kind: 'merge' | 'split') {
  const steps = new Steps()
  const shown = addParts(steps, makes, kind)
  const [then, now] = kind === 'merge' ? [sql`s.part`, sql`s.whole`] : [sql`s.whole`, sql`s.part`]
  const strength = entity.identifiers.map((type, at) => sql`when ${text(type.name)} then ${at}`)
  const held = steps.add(
    'held',
    'identifiers that go with each part, the strongest first',
    sql`
      select
        s.place, s.part, i.node_id, i.type, i.value,
        row_number() over (
          partition by s.place, s.part
          order by case i.type ${join(strength, ' ')} else ${entity.identifiers.length} end, i.value, i.type
        ) as turn
      from ${shown} as s
      join ${from(graphState(context, entity))} as g on g.profile = ${then}
      join (
        ${joiningNow(context, entity)}
      ) as n on n.node_id = g.node_id and n.profile = ${now}
      join (
        ${identifiersNow(context, entity)}
      ) as i on i.node_id = g.node_id`,
  )
  return {
    reason: 'a few identifiers of each part (one row an identifier)',
    steps,
    rows: sql`
      select h.place, h.part, h.turn, h.node_id, h.type, h.value
      from ${held} as h
      where h.turn <= ${SOME}`,
  }
}

/** Why edges between identifiers of what was one profile are refused now. */
function reasons(context: Context, entity: Entity, makes: Table) {
  const steps = new Steps()
  const shown = addShown(steps, makes, 'split')
  const member = (end: Sql) =>
    sql`join ${from(graphState(context, entity))} as g${end} on g${end}.node_id = r.${end} and g${end}.profile = s.whole`
  return {
    reason: 'why edges inside them are refused (one row a profile and reason)',
    steps,
    rows: sql`
      select s.place, r.reason, r.detail, count(*) as edges
      from (
        ${newlyRefused(context, entity)}
      ) as r
      cross join ${shown} as s
      ${member(sql`a`)}
      ${member(sql`b`)}
      group by s.place, r.reason, r.detail`,
  }
}
