import { byText, type Evidence, type Known, linksOf, type RowLink, type Rows } from './evidence.ts'
import { type RecordFacts, type Refused, recordFacts, refusedEdges, refusedFacts } from './explain-profile.ts'
import { type OpenGraph, strengthOf } from './graph.ts'
import { type Hop, shortestPath } from './paths.ts'
import type { Shown } from './veil.ts'
import type { Why } from './why.ts'

/** One step from an identifier to another: rows that hold both. */
export interface PathStep {
  readonly from: Shown
  readonly to: Shown
  readonly record: RecordFacts
}

/** An identifier that stands in rows of both, but joins nobody. */
export interface Between extends Shown {
  readonly standing: string
  readonly why: string | null
}

/** What could have made two people one, and did not. */
export interface Apart {
  readonly refused: readonly Refused[]
  readonly shared: readonly Between[]
  /** Rows that hold identifiers of both, a few. */
  readonly records: readonly RecordFacts[]
}

/** The shortest way from one identifier of a profile to another; undefined where what was loaded has none. */
export function pathBetween(
  graph: OpenGraph,
  evidence: Evidence,
  ends: { readonly anchor: number; readonly from: number; readonly to: number },
): readonly PathStep[] | undefined {
  const { known } = evidence
  const links = linksOf(evidence, ends.anchor)
  const hops = shortestPath(links, ends.from, ends.to, (a, b) => byTrust(graph, known, a, b))
  return hops?.map(({ from, to, link }) => ({
    from: shownNode(graph, known, from),
    to: shownNode(graph, known, to),
    record: recordFacts(graph, link.rows, known, known.get(from)?.profile_id ?? undefined),
  }))
}

/** The strongest type first, then what most rows say, then what was seen first, then by text. */
function byTrust(graph: OpenGraph, known: Evidence['known'], a: Hop<RowLink>, b: Hop<RowLink>): number {
  const [one, other] = [known.get(a.to), known.get(b.to)]
  const strength = (of: Known | undefined) => strengthOf(graph.entity, of?.type ?? '')
  const [left, right] = [a.link.rows, b.link.rows]
  return (
    strength(one) - strength(other) ||
    right.count - left.count ||
    byText(left.first ?? '~', right.first ?? '~') ||
    byText(one?.value ?? '', other?.value ?? '') ||
    byText(`${left.source.name} ${left.key}`, `${right.source.name} ${right.key}`) ||
    byText(String(left.nodes), String(right.nodes))
  )
}

function shownNode({ veil }: OpenGraph, known: Evidence['known'], node: number): Shown {
  return veil.identifier(known.get(node) ?? { type: '', value: '', node_id: node })
}

/** One of two that are compared: a profile by its anchor, or an identifier that joins nobody, with its rows. */
export interface Side {
  readonly anchor: number | undefined
  readonly evidence: Evidence
}

const FEW = 5

/** What kept two sides apart, as far as rows and rules say. */
export async function keptApart(graph: OpenGraph, one: Side, other: Side, why: Why): Promise<Apart> {
  const known = new Map([...one.evidence.known, ...other.evidence.known])
  const [quietOfOne, quietOfOther] = [quietIn(one), quietIn(other)]
  const between = [...quietOfOne.values()].filter(({ node_id }) => quietOfOther.has(node_id))
  const edges = one.anchor === undefined ? [] : await refusedEdges(graph, one.anchor)
  return {
    refused: edges
      .filter(({ ends: [, end] }) => other.anchor !== undefined && end.anchor === other.anchor)
      .map((edge) => refusedFacts(graph, edge)),
    shared: between.map((node) => ({ ...graph.veil.identifier(node), standing: node.standing, why: why(node) })),
    records: inBoth(one.evidence.rows, other.evidence.rows)
      .slice(0, FEW)
      .map((rows) => recordFacts(graph, rows, known, undefined)),
  }
}

/** Identifiers in the rows of a side that join nobody. */
function quietIn({ evidence: { rows, known } }: Side): ReadonlyMap<number, Known> {
  const nodes = [...new Set(rows.flatMap((one) => one.nodes))].flatMap((node) => known.get(node) ?? [])
  return new Map(nodes.filter(({ standing }) => standing !== 'joins').map((one) => [one.node_id, one]))
}

function inBoth(one: readonly Rows[], other: readonly Rows[]): readonly Rows[] {
  const name = ({ source, key, nodes }: Rows) => `${source.name} ${nodes.join()} ${nodes.length === 0 ? key : ''}`
  const names = new Set(other.map(name))
  return one.filter((rows) => names.has(name(rows)))
}
