import type { Entity, Segment } from '../project/project.ts'
import { membershipsIn } from '../project/references.ts'
import { HELD_OUT, hasVariantColumn, variantColumn } from '../project/segment-people.ts'
import { typeOf } from '../project/types.ts'
import { column, from, id, join, lines, type Sql, type Steps, sql, stacked, text } from '../sql/sql.ts'
import { mayColumn } from './barred.ts'
import { printCondition } from './condition.ts'
import type { Context } from './context.ts'
import { printExpression } from './expression.ts'
import { layers } from './layers.ts'
import { block } from './layout.ts'
import { clockTable } from './names.ts'
import { memberColumn, type PrintContext, personContext } from './print-context.ts'
import { originsQuery } from './segment-names.ts'

/**
 * Adds the steps that decide segments over `facts`, one row a profile: first those that speak of no other. The last
 * step, whose name is returned, has all of `facts`, of each segment its `memberColumn`, never null, and of those that
 * divide their people the `variantColumn`.
 */
export function addMembers(
  steps: Steps,
  context: Context,
  entity: Entity,
  segments: readonly Segment[],
  facts: Sql,
): Sql {
  const divided = segments.filter(({ split }) => split !== undefined)
  const origins =
    divided.length === 0
      ? undefined
      : steps.add(
          'origins',
          'the first name of each segment that divides its people: sides stay through renames (one row)',
          originsQuery(context, entity, divided),
        )
  return layers(segments, needs).reduce(
    (before, layer, index) => addLayer(steps, { context, origins, layer, number: index + 1 }, before),
    facts,
  )
}

function needs({ where, exclude, waterfall }: Segment): readonly string[] {
  return [...membershipsIn(where), ...exclude, ...waterfall]
}

interface Layer {
  readonly context: Context
  readonly origins: Sql | undefined
  readonly layer: readonly Segment[]
  readonly number: number
}

/** All that is known of a person stands beside their traits. */
function factContext(context: Context): PrintContext {
  return personContext(context, 'p', () => 'p')
}

function addLayer(steps: Steps, given: Layer, before: Sql): Sql {
  const { context, layer, number } = given
  const print = factContext(context)
  const chosen = steps.add(
    `decided_${number}`,
    number === 1 ? 'a condition that is null leaves the person out' : 'segments that speak of the segments before them',
    sql`
      select
        ${lines([sql`p.*`, ...layer.map((one) => sql`${verdict(one, print)} as ${id(isPlain(one) ? memberColumn(one.name) : own(one, 'chosen'))}`)])}
      from ${before} as p
      cross join ${from(clockTable(context.project))} as clock`,
  )
  const ranked = addRanks(steps, given, addSides(steps, given, chosen))
  const more = layer.filter((one) => !isPlain(one))
  if (more.length === 0) return ranked
  const columns = more.flatMap((one) => [
    sql`${isMember(one)} as ${id(memberColumn(one.name))}`,
    ...(hasVariantColumn(one) ? [sql`${variant(one, print)} as ${id(variantColumn(one.name))}`] : []),
  ])
  return steps.add(
    `placed_${number}`,
    'who is a member, and in which variant',
    sql`
      select
        ${lines([sql`p.*`, ...columns])}
      from ${ranked} as p`,
  )
}

/** Whether the condition alone says who is a member. */
function isPlain(segment: Segment): boolean {
  return segment.limit === undefined && !hasVariantColumn(segment)
}

/** What is known of a segment on the way to its members, under a name that no trait bears. */
function own({ name }: Segment, what: 'chosen' | 'side' | 'rank'): string {
  return `${name}.${what}`
}

function verdict({ where, exclude, waterfall, purpose }: Segment, print: PrintContext): Sql {
  const excluded = exclude.map((name) => sql`not ${print.member(name)}`)
  const ranked = waterfall.length === 0 ? [] : [anyOf(waterfall, print)]
  const may = purpose === undefined ? [] : [column('p', mayColumn(purpose))]
  const rest = [...excluded, ...ranked, ...may]
  if (where === undefined) return join(rest, ' and ')
  const condition = block(sql`coalesce(`, sql`${printCondition(where, print)}, false`, sql`)`)
  return stacked([condition, ...rest.map((one) => sql`and ${one}`)])
}

/** Whether somebody is a member of any of these segments; never null. */
export function anyOf(segments: readonly string[], print: Pick<PrintContext, 'member'>): Sql {
  const members = segments.map((name) => print.member(name))
  return sql`(${join(members, ' or ')})`
}

/** Where people stand in [0, 1): by the segment's first name and their id, whatever else is edited. */
function addSides(steps: Steps, { context, origins, layer, number }: Layer, before: Sql): Sql {
  const divided = layer.filter(({ split }) => split !== undefined)
  if (origins === undefined || divided.length === 0) return before
  const { dialect } = context
  const side = (segment: Segment) => {
    const place = dialect.concat([column('origins', segment.name), text(':'), sql`p.profile_id`])
    return sql`
      case
        when ${column('p', own(segment, 'chosen'))} then ${dialect.unitInterval(place)}
      end`
  }
  return steps.add(
    `sides_${number}`,
    'chance divides those on whom the condition holds, the same way in every build',
    sql`
      select
        ${lines([sql`p.*`, ...divided.map((one) => sql`${side(one)} as ${id(own(one, 'side'))}`)])}
      from ${before} as p
      cross join ${origins} as origins`,
  )
}

function addRanks(steps: Steps, { context, layer, number }: Layer, before: Sql): Sql {
  const limited = layer.filter(({ limit }) => limit !== undefined)
  if (limited.length === 0) return before
  return steps.add(
    `ranked_${number}`,
    'who comes first where there is a limit, those held out not counted',
    sql`
      select
        ${lines([sql`p.*`, ...limited.map((one) => sql`${rank(context, one)} as ${id(own(one, 'rank'))}`)])}
      from ${before} as p
      cross join ${from(clockTable(context.project))} as clock`,
  )
}

function rank(context: Context, segment: Segment): Sql {
  const { by = [], per } = segment.limit ?? {}
  const print = factContext(context)
  // Those without a value are not one group: each is on their own.
  const alone = (name: string) => [column('p', name), sql`case when ${column('p', name)} is null then p.profile_id end`]
  const groups = [isInVariant(segment), ...(per === undefined ? [] : alone(per))]
  const order = by.flatMap(({ of, descending }) =>
    context.dialect
      .inOrder(printExpression(of, print), typeOf(of))
      .map((key) => (descending ? sql`${key} desc nulls last` : sql`${key} nulls last`)),
  )
  return sql`
    row_number() over (
      partition by ${join(groups)}
      order by ${join([...(order.length === 0 ? [context.dialect.md5(sql`p.profile_id`)] : order), sql`p.profile_id`])}
    )`
}

/** Whether the condition holds and chance has not held the person out. */
function isInVariant(segment: Segment): Sql {
  const { split } = segment
  if (split === undefined) return column('p', own(segment, 'chosen'))
  return sql`coalesce(${column('p', own(segment, 'side'))} < ${split.end}, false)`
}

function isMember(segment: Segment): Sql {
  const { limit } = segment
  const inVariant = isInVariant(segment)
  return limit === undefined ? inVariant : sql`${inVariant} and ${column('p', own(segment, 'rank'))} <= ${limit.rows}`
}

/** Null for those who are neither a member nor held out, and for members of a segment without variants. */
function variant(segment: Segment, print: PrintContext): Sql {
  const { split, waterfall } = segment
  const side = column('p', own(segment, 'side'))
  const held = split === undefined || split.end === 1 ? [] : [sql`when ${side} >= ${split.end} then ${text(HELD_OUT)}`]
  const named = [
    ...(split?.variants ?? []).map(({ name, end }) => sql`when ${side} < ${end} then ${text(name)}`),
    ...waterfall.map((name) => sql`when ${print.member(name)} then ${text(name)}`),
  ]
  const strangers = named.length === 0 ? [] : [sql`when not (${isMember(segment)}) then null`]
  return sql`
    case
      ${stacked([...held, ...strangers, ...named])}
    end`
}
