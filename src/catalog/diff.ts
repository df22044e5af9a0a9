import type { Build } from '../build.ts'
import type { Context } from '../compile/context.ts'
import { compileDiff, type DiffStatements } from '../compile/identity/diff.ts'
import type { ExampleStatements } from '../compile/identity/diff-examples.ts'
import { graphOf } from '../compile/identity/evidence.ts'
import { publishedGraph } from '../compile/identity/explain-lookup.ts'
import { blocksOf, rulesOf } from '../compile/identity/tables.ts'
import type { RowOf } from '../compile/listing.ts'
import { compileState } from '../compile/state.ts'
import type { Entity } from '../project/project.ts'
import { printName } from '../sql/sql.ts'
import { listed } from '../sync/listed.ts'
import type { Row, Session } from '../warehouses/warehouse.ts'
import { byText } from './evidence.ts'
import { strengthOf } from './graph.ts'
import type { PublishedBuild } from './published.ts'
import { type Shown, type Veil, veilOf } from './veil.ts'

/**
 * What the project as it is now would change of the published profiles: the answer of `cdp identity diff` and, with its
 * heading, the document of `--json`.
 */
export interface IdentityDiff {
  /** Null before the first publish: then there is nothing to compare with, and no entity is listed. */
  readonly compared_with: PublishedBuild | null
  readonly entities: readonly EntityDiff[]
  /** What an identity guard says: "cdp run" would publish nothing. */
  readonly guard: readonly string[]
}

export interface EntityDiff {
  readonly entity: string
  /** Whether the identity rules are others than those that were published; if not, only data differs. */
  readonly rules_changed: boolean
  readonly profiles: { readonly before: number; readonly after: number; readonly new: number; readonly gone: number }
  /** Identifiers that join. */
  readonly identifiers: { readonly before: number; readonly after: number }
  /** So many published profiles become so many. */
  readonly merges: { readonly profiles: number; readonly into: number }
  readonly splits: { readonly profiles: number; readonly into: number }
  /** Identifiers that are new (`was` null), gone, or join no more or again. */
  readonly standings: readonly StandingChange[]
  readonly sizes: readonly SizeCount[]
  readonly largest: { readonly before: readonly Sized[]; readonly after: readonly Sized[] }
  readonly merge_examples: readonly Example[]
  readonly split_examples: readonly Example[]
  /** Edges that a rule refuses and did not refuse. */
  readonly refused: readonly RefusedCount[]
}

export interface StandingChange {
  readonly type: string
  readonly was: string | null
  readonly becomes: string
  readonly identifiers: number
}

/** Profiles with `from` to `to` identifiers; `to` is null for the largest. */
export interface SizeCount {
  readonly from: number
  readonly to: number | null
  readonly before: number
  readonly after: number
}

export interface Sized {
  readonly profile_id: string
  readonly identifiers: number
}

export interface RefusedCount {
  readonly reason: string
  readonly detail: string | null
  readonly edges: number
}

/** A profile of this build and the published ones that it is made of; or a published one and what becomes of it. */
export interface Example {
  readonly profile_id: string
  readonly part_count: number
  /** The one that keeps the id, where there is one, and the largest others. */
  readonly parts: readonly ExamplePart[]
  /** Of a split: why edges inside it are refused. */
  readonly refused: readonly RefusedCount[]
}

export interface ExamplePart {
  readonly profile_id: string
  readonly identifiers: number
  /** A few of them, the strongest first. */
  readonly some: readonly Shown[]
  /** Of a merge the identifier that ties it to the others; of a split the one whose loss parted them. */
  readonly via: Shown | null
}

/** The statements that compare, by entity. */
export function diffStatements(context: Context, entities: readonly Entity[]): ReadonlyMap<Entity, DiffStatements> {
  return new Map(entities.map((entity) => [entity, compileDiff(context, entity)]))
}

/** Compares a finished build with what is published. */
export async function readDiff(
  context: Context,
  session: Session,
  request: {
    readonly build: Build
    readonly statements: ReadonlyMap<Entity, DiffStatements>
    readonly published: PublishedBuild
    readonly showValues: boolean
  },
): Promise<IdentityDiff> {
  const { build, statements, published, showValues } = request
  const tables = [...statements.values()].map(({ makes }) => ({ name: printName(makes.name, { b: build.number }) }))
  // Where this is killed, a later publish drops them.
  const values = { build: build.number, tables: JSON.stringify(tables) }
  await session.script([{ statement: compileState(context).note, values }])
  const entities: EntityDiff[] = []
  for (const [entity, asked] of statements)
    entities.push(
      await entityDiff({ context, session, entity, build, veil: veilOf(context.project, entity, showValues) }, asked),
    )
  return { compared_with: published, entities, guard: build.refusals.map(({ message }) => message) }
}

interface Desk {
  readonly context: Context
  readonly session: Session
  readonly entity: Entity
  readonly build: Build
  readonly veil: Veil
}

async function entityDiff(desk: Desk, asked: DiffStatements): Promise<EntityDiff> {
  const { session, entity } = desk
  const tokens = { b: desk.build.number }
  await session.script([{ statement: asked.create, tokens }])
  const counts = (await session.first({ statement: asked.counts, tokens })) ?? {}
  const standings = await listed(session, asked.standings, {}, tokens)
  const sizes = await listed(session, asked.sizes, {}, tokens)
  const largest = await listed(session, asked.largest, {}, tokens)
  const refused = asked.refused === undefined ? [] : await listed(session, asked.refused, {}, tokens)
  const side = (name: string) =>
    largest
      .filter((one) => one.side === name)
      .map((one): Sized => ({ profile_id: one.profile_id, identifiers: one.size }))
      .sort((a, b) => b.identifiers - a.identifiers || byText(a.profile_id, b.profile_id))
  return {
    entity: entity.name,
    rules_changed: await rulesChanged(desk),
    ...totals(counts),
    standings: [...standings].sort(
      (a, b) =>
        strengthOf(entity, a.type) - strengthOf(entity, b.type) ||
        byText(`${a.type} ${a.was} ${a.becomes}`, `${b.type} ${b.was} ${b.becomes}`),
    ),
    sizes: sizeCounts(sizes),
    largest: { before: side('then'), after: side('now') },
    merge_examples: await examplesOf(desk, asked.merges),
    split_examples: await examplesOf(desk, asked.splits),
    refused: sortedReasons(refused),
  }
}

async function rulesChanged({ context, session, entity }: Desk): Promise<boolean> {
  const published = await session.first({ statement: publishedGraph(context, entity, []).rules })
  return (
    published?.rules !== rulesOf(context, entity, graphOf(context, entity).read) ||
    published?.blocks !== blocksOf(entity)
  )
}

function totals(counts: Row): Pick<EntityDiff, 'profiles' | 'identifiers' | 'merges' | 'splits'> {
  const of = (name: string) => Number(counts[name] ?? 0)
  return {
    profiles: {
      before: of('profiles_then'),
      after: of('profiles_now'),
      new: of('profiles_new'),
      gone: of('profiles_gone'),
    },
    identifiers: { before: of('identifiers_then'), after: of('identifiers_now') },
    merges: { profiles: of('merged'), into: of('merged_into') },
    splits: { profiles: of('split'), into: of('split_into') },
  }
}

const BOUNDS: readonly (readonly [number, number | null])[] = [
  [1, 1],
  [2, 2],
  [3, 5],
  [6, 10],
  [11, 20],
  [21, 50],
  [51, 100],
  [101, 1000],
  [1001, null],
]

/** Profiles by size, without the sizes that no profile has on either side. */
export function sizeCounts(
  sizes: readonly { readonly side: string; readonly size: number; readonly profiles: number }[],
): readonly SizeCount[] {
  return BOUNDS.map(([from, to]): SizeCount => {
    const counted = (side: string) =>
      sizes
        .filter((one) => one.side === side && one.size >= from && (to === null || one.size <= to))
        .reduce((sum, { profiles }) => sum + profiles, 0)
    return { from, to, before: counted('then'), after: counted('now') }
  }).filter(({ before, after }) => before > 0 || after > 0)
}

async function examplesOf({ session, build, veil }: Desk, asked: ExampleStatements): Promise<readonly Example[]> {
  const tokens = { b: build.number }
  const parts = await listed(session, asked.parts, {}, tokens)
  const names = await listed(session, asked.names, {}, tokens)
  const reasons = asked.reasons === undefined ? [] : await listed(session, asked.reasons, {}, tokens)
  const places = [...new Set(parts.map(({ place }) => place))].sort((a, b) => a - b)
  return places.flatMap((place) => {
    const mine = parts.filter((one) => one.place === place).sort((a, b) => a.turn - b.turn)
    const [first] = mine
    if (first === undefined) return []
    const namesOf = (part: number) => names.filter((one) => one.place === place && one.part === part)
    return {
      profile_id: first.whole_id,
      part_count: first.parts,
      parts: mine.map((one) => partOf(one, namesOf(one.part), veil)),
      refused: sortedReasons(reasons.filter((one) => one.place === place)),
    }
  })
}

function partOf(
  part: RowOf<ExampleStatements['parts']['columns']>,
  names: readonly RowOf<ExampleStatements['names']['columns']>[],
  veil: Veil,
): ExamplePart {
  const { part_id: id, identifiers, via_type: type, via_value: value, via_node: node } = part
  return {
    profile_id: id,
    identifiers,
    some: [...names].sort((a, b) => a.turn - b.turn).map((one) => veil.identifier(one)),
    via: type === null || value === null ? null : veil.identifier({ type, value, node_id: node }),
  }
}

function sortedReasons(reasons: readonly RefusedCount[]): readonly RefusedCount[] {
  return reasons
    .map(({ reason, detail, edges }) => ({ reason, detail, edges }))
    .sort((a, b) => b.edges - a.edges || byText(`${a.reason} ${a.detail}`, `${b.reason} ${b.detail}`))
}
