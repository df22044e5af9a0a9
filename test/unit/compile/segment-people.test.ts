import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Context } from '../../../src/compile/context.ts'
import { clockTable, profileTable } from '../../../src/compile/names.ts'
import { forgetHistory, publishHistory, segmentTables } from '../../../src/compile/segment-history.ts'
import { membership } from '../../../src/compile/segment-tables.ts'
import { compileSegments } from '../../../src/compile/segments.ts'
import type { Condition } from '../../../src/project/language.ts'
import type { Entity, Project, Segment } from '../../../src/project/project.ts'
import { type SegmentReport, segmentReports } from '../../../src/report.ts'
import { type Sql, sql, type Table, text } from '../../../src/sql/sql.ts'
import type { Cell, Row, Session } from '../../../src/warehouses/warehouse.ts'
import { ALL } from '../../support/all.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Decided, decide, type Order, type Person, type Plan, variantName } from '../../support/people-oracle.ts'
import { entity, named, project } from '../../support/project.ts'
import { tableOf } from '../../support/warehouse.ts'

const AT = named('x').at
const DAYS_BETWEEN = 100
const REMEMBERED = 150

let session: Session

const order: fc.Arbitrary<Order> = fc.record({ of: fc.constantFrom('n', 'tier'), descending: fc.boolean() })

const limit = fc.record({
  rows: fc.integer({ min: 1, max: 6 }),
  by: fc.array(order, { maxLength: 2 }),
  per: fc.constantFrom(undefined, 'tier' as const, 'household' as const),
})

const split = fc.oneof(
  fc.record({ shares: fc.constant([]), held: fc.constantFrom(10, 33.3, 99) }),
  fc.constantFrom(
    { shares: [40, 40], held: 20 },
    { shares: [50, 50], held: 0 },
    { shares: [10, 20, 30.5], held: 39.5 },
    { shares: [100], held: 0 },
  ),
)

const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })

function planAt(place: number): fc.Arbitrary<Plan> {
  const before = place === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat(place - 1), { maxLength: 3 })
  return fc
    .record({
      least: sometimes(fc.integer({ min: 0, max: 6 })),
      member: place === 0 ? fc.constant(undefined) : sometimes(memberAt(place)),
      exclude: fc.oneof(fc.constant([]), before),
      waterfall: fc.oneof(fc.constant([]), before),
      split: sometimes(split),
      limit: sometimes(limit),
    })
    .map((plan) => {
      const isSplit = plan.waterfall.length > 0 && (plan.split?.shares.length ?? 0) > 0
      const isEmpty = plan.least === undefined && plan.member === undefined && plan.waterfall.length === 0
      return { ...plan, least: isEmpty ? 1 : plan.least, split: isSplit ? undefined : plan.split }
    })
}

function memberAt(place: number) {
  return fc.record({
    of: fc.nat(place - 1),
    variant: fc.constantFrom(undefined, variantName(0), variantName(1)),
    negated: fc.boolean(),
  })
}

/** Variants that a segment does not have are refused before anything is compiled. */
function withKnownVariants(plans: readonly Plan[]): readonly Plan[] {
  return plans.map((plan) => {
    const { member } = plan
    const known = (member && plans[member.of]?.split?.shares.map((_, index) => variantName(index))) ?? []
    return member === undefined || known.includes(member.variant ?? '')
      ? plan
      : { ...plan, member: { ...member, variant: undefined } }
  })
}

const person = fc.record({
  n: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 5 }),
  tier: fc.constantFrom(null, 'gold', 'Silver', 'écru'),
  household: fc.constantFrom(null, 'h1', 'h2', 'h3', 'h4'),
  isHere: fc.integer({ min: 0, max: 9 }).map((dice) => dice > 1),
})

const IDS = Array.from({ length: 30 }, (_, index) => `p${index}`)

const people = fc
  .tuple(...IDS.map(() => person))
  .map((rows) => rows.flatMap(({ isHere, ...row }, index) => (isHere ? [{ id: IDS[index] ?? '', ...row }] : [])))

const history = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc.record({
    plans: fc.tuple(...Array.from({ length: count }, (_, place) => planAt(place))).map(withKnownVariants),
    builds: fc.array(fc.record({ people, renamed: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
  }),
)

/** Histories everyday; on a server each takes several times as long. */
const RUNS = ALL ? { duckdb: 20, postgres: 20 } : { duckdb: 10, postgres: 5 }

test.each(ENGINES)(
  'on $title segments, their sides, limits and history are what plain steps give, through renames and repeated publishing',
  async (engine) => {
    session = await (await engine.start()).open()
    let number = 0
    await fc.assert(
      fc.asyncProperty(history, async ({ plans, builds }) => {
        const schema = `state_${++number}`
        const names = plans.map((_, place) => ({
          now: `s${place}`,
          first: `s${place}`,
          was: undefined as string | undefined,
        }))
        const past = new Past(plans.length)
        for (const [index, { people, renamed }] of builds.entries()) {
          for (const [place, name] of names.entries()) {
            const isRenamed = index > 0 && renamed[place] === true
            name.was = isRenamed ? name.now : undefined
            if (!isRenamed) continue
            past.rename(name.now, `s${place}_${index}`)
            name.now = `s${place}_${index}`
          }
          const context = contextOf(schema, plans, names)
          const expected = decide(people, plans, {
            now: names.map(({ now }) => now),
            first: names.map(({ first }) => first),
          })
          const moved = past.next(
            expected,
            plans.map((plan) => variantsOf(plan, names)),
            index,
          )
          const report = await buildAndPublish(context, people, index)
          expect(await membersIn(context, index)).toEqual(membersOf(expected, names))
          expect(report).toEqual(reportsOf(expected, plans, names, moved))
          const seen = await remembered(context)
          expect(seen.history).toEqual(past.historyRows(names, index))
          expect(seen.exposures).toEqual(past.exposureRows(plans, names))
          expect(seen.sizes).toEqual(past.sizeRows(names, index))
        }
        await session.script([{ statement: { name: 'drop', reason: '', sql: session.dialect.dropSchema(schema) } }])
      }),
      { seed: 11, numRuns: RUNS[engine.type], endOnFailure: true },
    )
    await session.close()
  },
)

interface Name {
  readonly now: string
  readonly was: string | undefined
}

const CUSTOMER: Entity = entity('customer', [])

function contextOf(schema: string, plans: readonly Plan[], names: readonly Name[]): Context {
  const segments = plans.map((plan, place) => segmentOf(plan, place, names))
  const made: Project = project({
    sources: [],
    entities: [CUSTOMER],
    more: {
      schemas: { models: `${schema}_models`, state: schema },
      history: { amount: REMEMBERED, unit: 'day' },
      segments: new Map(segments.map((segment) => [segment.name, segment])),
    },
  })
  return { project: made, dialect: session.dialect }
}

function segmentOf(plan: Plan, place: number, names: readonly Name[]): Segment {
  const nameOf = (other: number) => names[other]?.now ?? ''
  const { now, was } = names[place] ?? { now: '', was: undefined }
  const conditions: readonly Condition[] = [
    ...(plan.least === undefined ? [] : [{ kind: 'sql' as const, text: `n >= ${plan.least}`, at: AT }]),
    ...(plan.member === undefined ? [] : [memberOf(plan.member, nameOf)]),
  ]
  let end = 0
  const variants = (plan.split?.shares ?? []).map((share, index) => {
    end += share
    return { name: variantName(index), end: end / 100 }
  })
  return {
    ...named(now),
    was,
    entity: 'customer',
    where: conditions.length === 0 ? undefined : { kind: 'all', of: conditions },
    exclude: plan.exclude.map(nameOf),
    waterfall: plan.waterfall.map(nameOf),
    purpose: undefined,
    split: plan.split && { variants, end: (100 - plan.split.held) / 100 },
    limit: plan.limit && {
      rows: plan.limit.rows,
      by: plan.limit.by.map(({ of, descending }) => ({ of: trait(of), descending })),
      per: plan.limit.per === 'household' ? 'household_id' : plan.limit.per,
    },
    variants: variantsOf(plan, names),
  }
}

function trait(name: string) {
  return { kind: 'reference', to: { kind: 'trait', entity: 'customer', trait: name }, type: 'unknown', at: AT } as const
}

function memberOf(member: NonNullable<Plan['member']>, nameOf: (place: number) => string): Condition {
  const of: Condition = { kind: 'member_of', segment: nameOf(member.of), variant: member.variant, at: AT }
  return member.negated ? { kind: 'not', of } : of
}

async function buildAndPublish(context: Context, people: readonly Person[], index: number): Promise<unknown> {
  const { dialect, project: made } = context
  const rows = people.map(({ id, n, tier, household }) => ({ id, n, tier, household }))
  const model = compileSegments(context, CUSTOMER)
  if (model === undefined) throw new Error('no segments')
  const state = [
    dialect.createSchema(made.schemas.state),
    ...segmentTables(context).map(({ table, columns }) => dialect.createEmptyTable(table, columns)),
  ]
  const profiles = sql`
    select id as profile_id, household as household_id, cast(n as bigint) as n, tier
    from ${dialect.rowsOf(text(JSON.stringify(rows)), ['id', 'n', 'tier', 'household'])} as rows`
  await script(index, [
    ...(index === 0 ? state : []),
    dialect.createTable(profileTable(made, 'customer'), profiles),
    dialect.createTable(clockTable(made), sql`select ${dialect.instantLiteral(timeOf(index))} as now`),
    ...model.steps.flatMap((step) => (step.kind === 'statement' ? [step.statement.sql] : [])),
  ])
  const counts: Row = (model.summary && (await session.first({ statement: model.summary, tokens: { b: index } }))) ?? {}
  const published = [...publishHistory(context, CUSTOMER), ...forgetHistory(context)].map((one) => one.sql)
  // Twice: a publish that was cut off is begun again.
  await script(index, [...published, ...published])
  return segmentReports([{ model, rows: 0, ms: 0, rounds: 0, whole: true, counts }])
}

async function script(index: number, statements: readonly Sql[]): Promise<void> {
  const values = { run_id: `r${index}`, build: index }
  await session.script(
    statements.map((one) => ({ statement: { name: 'test', reason: '', sql: one }, values, tokens: { b: index } })),
  )
}

function timeOf(index: number): string {
  return new Date(Date.UTC(2026, 0, 1) + index * DAYS_BETWEEN * 86_400_000).toISOString().replace('.000Z', 'Z')
}

async function membersIn(context: Context, index: number): Promise<readonly (readonly Cell[])[]> {
  const table: Table = { schema: context.project.schemas.state, name: ['members_of_test'] }
  await script(index, [context.dialect.createTable(table, membership(context, CUSTOMER))])
  const rows = await tableOf(session, table, ['segment', 'profile_id', 'variant'])
  return sorted(rows)
}

function sorted<T>(rows: readonly T[]): readonly T[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function membersOf(decided: readonly Decided[], names: readonly Name[]): readonly (readonly Cell[])[] {
  return sorted(
    decided.flatMap(({ members, held }, place): Cell[][] => {
      const name = names[place]?.now ?? ''
      return [
        ...[...members].map(([id, variant]) => [name, id, variant]),
        ...[...held].map((id) => [name, id, 'held_out']),
      ]
    }),
  )
}

function variantsOf({ split: divided, waterfall }: Plan, names: readonly Name[]): readonly string[] {
  return [
    ...(divided?.shares ?? []).map((_, index) => variantName(index)),
    ...waterfall.map((other) => names[other]?.now ?? ''),
  ]
}

interface Moved {
  readonly entered: number
  readonly left: number
}

function reportsOf(
  decided: readonly Decided[],
  plans: readonly Plan[],
  names: readonly Name[],
  moved: readonly Moved[],
): readonly SegmentReport[] {
  return decided.map(({ members, held }, place) => {
    const plan = plans[place]
    const variants = plan === undefined ? [] : variantsOf(plan, names)
    const count = (variant: string) => [...members.values()].filter((one) => one === variant).length
    return {
      name: names[place]?.now ?? '',
      members: members.size,
      ...(moved[place] ?? { entered: 0, left: 0 }),
      held_out: held.size,
      ...(variants.length > 0 && { variants: Object.fromEntries(variants.map((one) => [one, count(one)])) }),
    }
  })
}

async function remembered(context: Context) {
  const table = (name: string, columns: readonly string[]) =>
    tableOf(session, { schema: context.project.schemas.state, name: [name] }, columns)
  return {
    history: await table('segment_history', ['segment', 'profile_id', 'entered_run', 'left_run']),
    exposures: await table('segment_exposure', ['segment', 'profile_id', 'variant', 'first_run']),
    sizes: await table('segment_size', ['segment', 'variant', 'members', 'entered', 'left', 'held_out', 'run_id']),
  }
}

/** What was published of segments, by their place. */
class Past {
  readonly #stays: { place: number; id: string; entered: number; left: number | undefined }[] = []
  readonly #exposures: { place: number; id: string; variant: string | null; first: number }[] = []
  readonly #sizes: { place: number; index: number; variant: string | null; counts: Cell[] }[] = []
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  /** Variants that bear the name of a segment follow it. */
  rename(was: string, now: string): void {
    for (const one of [...this.#exposures, ...this.#sizes]) if (one.variant === was) one.variant = now
  }

  /** Takes what a build decided; returns how many entered and left. */
  next(decided: readonly Decided[], variants: readonly (readonly string[])[], index: number): readonly Moved[] {
    return Array.from({ length: this.#count }, (_, place) => {
      const { members, held } = decided[place] ?? { members: new Map(), held: new Set() }
      const open = this.#stays.filter((stay) => stay.place === place && stay.left === undefined)
      const gone = open.filter(({ id }) => !members.has(id))
      for (const stay of gone) stay.left = index
      const fresh = [...members.keys()].filter((id) => !open.some((stay) => stay.id === id))
      for (const id of fresh) this.#stays.push({ place, id, entered: index, left: undefined })
      for (const [id, variant] of [...members, ...[...held].map((one): [string, string] => [one, 'held_out'])]) {
        const isKnown = this.#exposures.some((one) => one.place === place && one.id === id && one.variant === variant)
        if (!isKnown) this.#exposures.push({ place, id, variant, first: index })
      }
      const moved = { entered: fresh.length, left: gone.length }
      const counts = [members.size, moved.entered, moved.left, held.size].map(String)
      this.#sizes.push({ place, index, variant: null, counts })
      for (const variant of variants[place] ?? []) {
        const count = [...members.values()].filter((one) => one === variant).length
        this.#sizes.push({ place, index, variant, counts: [String(count), null, null, null] })
      }
      return moved
    })
  }

  historyRows(names: readonly Name[], index: number): Cell[][] {
    const kept = this.#stays.filter(({ left }) => left === undefined || isRemembered(left, index))
    return sortedRows(
      kept.map(({ place, id, entered, left }) => [
        names[place]?.now ?? '',
        id,
        `r${entered}`,
        left === undefined ? null : `r${left}`,
      ]),
    )
  }

  exposureRows(plans: readonly Plan[], names: readonly Name[]): Cell[][] {
    const divided = this.#exposures.filter(({ place }) => {
      const plan = plans[place]
      return plan?.split !== undefined || (plan?.waterfall.length ?? 0) > 0
    })
    return sortedRows(divided.map((one) => [names[one.place]?.now ?? '', one.id, one.variant, `r${one.first}`]))
  }

  sizeRows(names: readonly Name[], index: number): Cell[][] {
    const kept = this.#sizes.filter((size) => isRemembered(size.index, index))
    return sortedRows(
      kept.map((size) => [names[size.place]?.now ?? '', size.variant, ...size.counts, `r${size.index}`]),
    )
  }
}

function isRemembered(then: number, now: number): boolean {
  return (now - then) * DAYS_BETWEEN <= REMEMBERED
}

function sortedRows(rows: readonly Cell[][]): Cell[][] {
  return [...sorted(rows)]
}
