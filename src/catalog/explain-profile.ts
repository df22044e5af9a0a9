import { listed } from '../sync/listed.ts'
import { byStrength, byText, type Evidence, type Known, loadKnown, ownerOf, type Rows } from './evidence.ts'
import type { OpenGraph } from './graph.ts'
import type { Shown } from './veil.ts'
import type { Why } from './why.ts'

/** Everything that is known of one profile. Times are ISO 8601. */
export interface ProfileFacts {
  readonly entity: string
  readonly profile_id: string
  readonly first_seen_at: string | null
  readonly last_seen_at: string | null
  /** Ids that were merged into this one. */
  readonly aliases: readonly string[]
  /** How many identifiers join. */
  readonly joined: number
  /** Identifiers of its rows, those that join first. */
  readonly identifiers: readonly IdentifierFacts[]
  readonly records: readonly RecordFacts[]
  /** Whether there are more identifiers or records than are listed. */
  readonly cut: boolean
  /** Merges and splits, the newest first. */
  readonly history: readonly Event[]
  /** What a rule kept from joining it with others. */
  readonly refused: readonly Refused[]
}

export interface IdentifierFacts extends Shown {
  readonly joins: boolean
  /** joins, shared, blocked, silent or gone. */
  readonly standing: string
  readonly why: string | null
  /** Rows of the profile that hold it. */
  readonly rows: number
  readonly first_seen_at: string | null
  readonly last_seen_at: string | null
}

/** Rows of a source that hold the same identifiers. */
export interface RecordFacts {
  readonly source: string
  /** The key of one of them. */
  readonly key: string | null
  readonly rows: number
  readonly first_seen_at: string | null
  readonly last_seen_at: string | null
  readonly identifiers: readonly (Shown & { readonly joins: boolean })[]
  /** The other profile whose the rows are: their strongest identifier is its. */
  readonly belongs_to: string | null
}

export interface Event {
  readonly kind: 'merge' | 'split'
  readonly at: string | null
  readonly run_id: string | null
  readonly from: string
  readonly to: string
  /** The identifier through which ids met, or by whose loss they parted. */
  readonly via: Shown | null
}

export interface Refused {
  readonly identifier: Shown
  readonly other: Shown
  readonly other_profile: string | null
  /** limit, never_merge or max_profile_size. */
  readonly reason: string
  /** The type that is limited. */
  readonly detail: string | null
}

/** The facts of the profile with this anchor and id. */
export async function profileFacts(
  graph: OpenGraph,
  { anchor, id }: { readonly anchor: number; readonly id: string },
  evidence: Evidence,
  why: Why,
): Promise<ProfileFacts> {
  const { session, statements } = graph
  const size = (await session.first({ statement: statements.size, values: { anchor } })) ?? {}
  const aliases = await listed(session, statements.aliases, { anchor })
  return {
    entity: graph.entity.name,
    profile_id: id,
    first_seen_at: size.first_seen_at ?? null,
    last_seen_at: size.last_seen_at ?? null,
    aliases: aliases.map(({ profile_id }) => profile_id).sort(byText),
    joined: Number(size.identifiers ?? 0),
    identifiers: identifierFacts(graph, evidence, why),
    records: evidence.rows.map((rows) => recordFacts(graph, rows, evidence.known, id)),
    cut: evidence.cut,
    history: await historyOf(graph, anchor),
    refused: await refusedAround(graph, anchor),
  }
}

function identifierFacts(graph: OpenGraph, { members, rows, known }: Evidence, why: Why): readonly IdentifierFacts[] {
  const counts = new Map<number, number>()
  for (const one of rows) for (const node of new Set(one.nodes)) counts.set(node, (counts.get(node) ?? 0) + one.count)
  const beside = [...counts.keys()].flatMap((node) => known.get(node) ?? [])
  const quiet = beside.filter(({ standing }) => standing !== 'joins').sort((a, b) => byStrength(graph, a, b))
  return [...members, ...quiet].map((one) => ({
    ...graph.veil.identifier(one),
    joins: one.standing === 'joins',
    standing: one.standing,
    why: why(one),
    rows: counts.get(one.node_id) ?? 0,
    first_seen_at: one.first_seen_at,
    last_seen_at: one.last_seen_at,
  }))
}

/** `mine`: the profile that is explained; rows of another one say so. */
export function recordFacts(
  graph: OpenGraph,
  rows: Rows,
  known: Evidence['known'],
  mine: string | undefined,
): RecordFacts {
  const owner = ownerOf(rows, known)?.profile_id ?? null
  const held = [...new Set(rows.nodes)].flatMap((node) => known.get(node) ?? [])
  return {
    source: rows.source.name,
    key: graph.veil.key(rows.source, rows.key),
    rows: rows.count,
    first_seen_at: rows.first,
    last_seen_at: rows.last,
    identifiers: held.map((one) => ({ ...graph.veil.identifier(one), joins: one.standing === 'joins' })),
    belongs_to: owner === mine ? null : owner,
  }
}

async function historyOf({ session, statements, veil }: OpenGraph, anchor: number): Promise<readonly Event[]> {
  const events = await listed(session, statements.history, { anchor })
  const found = events.map((one): Event => {
    const { via_type: type, via_value: value, via_node: node } = one
    return {
      kind: one.kind === 'split' ? 'split' : 'merge',
      at: one.logged_at,
      run_id: one.run_id,
      from: one.from_profile_id,
      to: one.to_profile_id,
      via: type === null || value === null ? null : veil.identifier({ type, value, node_id: node }),
    }
  })
  const key = ({ kind, from, to }: Event) => `${kind} ${from} ${to}`
  return found.sort((a, b) => byText(b.at ?? '', a.at ?? '') || byText(key(a), key(b)))
}

/** An edge that a rule refused, by its ends. */
export interface RefusedEdge {
  readonly ends: readonly [Known, Known]
  readonly reason: string
  readonly detail: string | null
}

/** Refused edges that have an end in the profile, in a stable order. */
export async function refusedEdges(graph: OpenGraph, anchor: number): Promise<readonly RefusedEdge[]> {
  const edges = await listed(graph.session, graph.statements.refused, { anchor })
  const ends = await loadKnown(graph, [...new Set(edges.flatMap(({ a, b }) => [a, b]))])
  const known = new Map(ends.map((one) => [one.node_id, one]))
  const found = edges.flatMap(({ a, b, reason, detail }): readonly RefusedEdge[] => {
    const [one, other] = [known.get(a), known.get(b)]
    if (one === undefined || other === undefined) return []
    return [{ ends: one.anchor === anchor ? [one, other] : [other, one], reason, detail }]
  })
  return found.sort((a, b) => byStrength(graph, a.ends[0], b.ends[0]) || byStrength(graph, a.ends[1], b.ends[1]))
}

async function refusedAround(graph: OpenGraph, anchor: number): Promise<readonly Refused[]> {
  return (await refusedEdges(graph, anchor)).map((edge) => refusedFacts(graph, edge))
}

export function refusedFacts({ veil }: OpenGraph, { ends: [mine, other], reason, detail }: RefusedEdge): Refused {
  const shown = { identifier: veil.identifier(mine), other: veil.identifier(other) }
  return { ...shown, other_profile: other.profile_id, reason, detail }
}
