import type { Entity, Trait } from '../project/project.ts'
import { PARTS, partColumn, type RfmScore, type ValueScore, type WeightedScore } from '../project/score.ts'
import { column, from, id, lines, type Sql, type Steps, sql, stacked, text } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { type Context, NOW } from './context.ts'
import { printExpression } from './expression.ts'
import { block } from './layout.ts'
import { buildTable, clockTable } from './names.ts'
import type { PrintContext } from './print-context.ts'
import { rowContext } from './scan.ts'
import { type Fact, factColumn, finite } from './score-scan.ts'

/** A score as part of the statement that gathers profiles, which go by `people` there. */
export interface GatheredScore {
  readonly join: Sql
  /** The columns of the trait, named. */
  readonly columns: readonly Sql[]
}

/**
 * Adds the steps of a score that counts rows: over what the scan of its source found, a row a profile, which is
 * narrower than the profile. Undefined for what is no such score.
 */
export function addScore(steps: Steps, context: Context, entity: Entity, trait: Trait): GatheredScore | undefined {
  const { name, definition } = trait
  if (definition.kind !== 'score' || definition.score.kind === 'weighted') return undefined
  const { score } = definition
  const given = { context, name, found: from(buildTable(context.project, entity.name, '_from_', score.source)) }
  return score.kind === 'rfm' ? addRfm(steps, given, score) : addValue(steps, given, score)
}

interface Given {
  readonly context: Context
  /** The trait's. */
  readonly name: string
  /** What the scan found. */
  readonly found: Sql
}

/**
 * Tile = the share of the profiles with rows whose value is at most this one, times the number of tiles, rounded up:
 * equal values share a tile. Counted in whole numbers, whose quotient is exact where the share lies on a boundary.
 */
function addRfm(steps: Steps, { context, name, found }: Given, score: RfmScore): GatheredScore {
  const { dialect } = context
  const ranked = steps.add(
    `${name}_ranked`,
    'how many people have rows, and how many of them stand above each',
    sql`
      select
        ${lines([sql`f.profile_id`, sql`count(*) over () as people`, ...ranks(name)])}
      from ${found} as f
      where ${column('f', factColumn(name, 'rows'))} > 0`,
  )
  const tiled = steps.add(
    `${name}_tiled`,
    'the tile of each part: which share of them has at most as much',
    sql`
      select
        ${lines([
          sql`r.profile_id`,
          ...PARTS.map((part) => {
            const share = dialect.divide(sql`${score.tiles} * (r.people - r.${id(part)} + 1)`, sql`r.people`)
            return sql`${dialect.cast(sql`ceil(${share})`, 'integer')} as ${id(part)}`
          }),
        ])}
      from ${ranked} as r`,
  )
  const cells = score.cells.length === 0 ? [] : [sql`${cellOf(context, score)} as cell`]
  const scored = steps.add(
    `${name}_scored`,
    'the three in one, and what the cell is called',
    sql`
      select
        ${lines([sql`t.*`, sql`${digits(context)} as score`, ...cells])}
      from ${tiled} as t`,
  )
  const parts = [...PARTS, ...(cells.length === 0 ? [] : (['cell'] as const))]
  return {
    join: scoreJoin(name, scored),
    columns: [
      sql`${column(alias(name), 'score')} as ${id(name)}`,
      ...parts.map((part) => sql`${column(alias(name), part)} as ${id(partColumn(name, part))}`),
    ],
  }
}

function ranks(trait: string): readonly Sql[] {
  const fact = (name: Fact) => column('f', factColumn(trait, name))
  const by = { recency: fact('last'), frequency: fact('rows'), monetary: sql`coalesce(${fact('amount')}, 0)` }
  return PARTS.map((part) => sql`rank() over (order by ${by[part]} desc) as ${id(part)}`)
}

/** The tiles as text, such as 545. */
function digits({ dialect }: Context): Sql {
  return dialect.concat(PARTS.map((part) => dialect.cast(sql`t.${id(part)}`, 'text')))
}

function cellOf(context: Context, score: RfmScore): Sql {
  const name: PrintContext['name'] = (to) => {
    if (to.kind !== 'column') throw new Error('a cell speaks of tiles only')
    return column('t', to.column)
  }
  const cells = score.cells.map(
    (cell) => sql`
      when ${printCondition(cell.when, { ...rowContext(context), name })}
      then ${text(cell.name)}`,
  )
  return sql`
    case
      ${stacked(cells)}
    end`
}

function alias(trait: string): string {
  return `score_${trait}`
}

/** At most one row a profile. */
function scoreJoin(trait: string, scored: Sql): Sql {
  return sql`left join ${scored} as ${id(alias(trait))} on ${column(alias(trait), 'profile_id')} = people.profile_id`
}

/** Who has no rows is expected to spend nothing. */
function addValue(steps: Steps, { context, name, found }: Given, score: ValueScore): GatheredScore {
  const { dialect } = context
  const fact = (one: Fact) => column('f', factColumn(name, one))
  const days = (to: Sql) =>
    dialect.divide(sql`${dialect.epoch(to)} - ${dialect.epoch(fact('first'))}`, sql`${MICROSECONDS_A_DAY}`)
  const spanned = steps.add(
    `${name}_spanned`,
    'for how many days people with rows are known, and for how many of them they were active',
    sql`
      select
        ${lines([
          sql`f.profile_id`,
          sql`${fact('rows')} as n`,
          sql`${fact('amount')} as amount`,
          sql`${days(NOW)} as known`,
          sql`${days(fact('last'))} as active`,
        ])}
      from ${found} as f
      cross join ${from(clockTable(context.project))} as clock
      where ${fact('rows')} > 0`,
  )
  const scored = steps.add(
    `${name}_scored`,
    'what they spend a day, times the days, times the probability that they are still active',
    sql`
      select
        s.profile_id,
        ${expected(context, score)} as score
      from ${spanned} as s`,
  )
  return { join: scoreJoin(name, scored), columns: [sql`coalesce(${column(alias(name), 'score')}, 0) as ${id(name)}`] }
}

const MICROSECONDS_A_DAY = 86_400_000_000

/**
 * The probability is (t/T)^n (Schmittlein and Morrison 1985; as used by Reinartz and Kumar 2000), with n rows, the
 * last of them t and now T days after the first.
 *
 * Two bounds keep it sane. Nobody is taken to have bought faster than in a year: a first order of yesterday is no
 * order a day (T = 0 included). And t and T count as `SHORTEST_ACTIVE` days at least: with t = 0, as n = 1 has, the
 * form would call dead whoever did not buy within the second.
 */
function expected({ dialect }: Context, { horizon }: ValueScore): Sql {
  const atLeast = (value: Sql, days: number) => dialect.greatest([value, sql`${days}`])
  const aDay = dialect.divide(sql`s.amount`, atLeast(sql`s.known`, SHORTEST_KNOWN))
  const share = dialect.divide(atLeast(sql`s.active`, SHORTEST_ACTIVE), atLeast(sql`s.known`, SHORTEST_ACTIVE))
  // As a logarithm with a bound: a power of thousands of rows is too small a number for some warehouses.
  const alive = sql`exp(${dialect.greatest([sql`s.n * ln(${share})`, sql`-700`])})`
  const amount = sql`
    ${horizon} * ${aDay}
      * ${alive}`
  return dialect.round(amount, 2, 'float')
}

const SHORTEST_KNOWN = 365
const SHORTEST_ACTIVE = 30

/**
 * The weighted mean of the shares of the other profiles that stand below, as 0 to 100. Null stands below everything,
 * also where a negative weight turns the order round; who is alone stands above nobody.
 */
export function weightedScore(score: WeightedScore, print: PrintContext): Sql {
  const { dialect } = print
  const total = score.weights.reduce((sum, { weight }) => sum + Math.abs(weight), 0)
  const points = score.weights.map(({ trait, weight }, index) => {
    const value = printExpression(trait.type === 'float' || trait.type === 'decimal' ? finite(trait) : trait, print)
    const order = weight < 0 ? sql`${value} desc nulls first` : sql`${value} nulls first`
    const below = block(sql`(`, sql`rank() over (order by ${order}) - 1`, sql`)`)
    return index === 0 ? sql`${Math.abs(weight)} * ${below}` : sql`+ ${Math.abs(weight)} * ${below}`
  })
  const most = sql`${Number(total.toFixed(6))} * (count(*) over () - 1)`
  const sum = sql`
    100 * (
      ${stacked(points)}
    )`
  return block(sql`coalesce(`, sql`${dialect.round(dialect.divide(sum, most), 2, 'float')}, 0`, sql`)`)
}
