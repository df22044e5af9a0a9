import type { Context } from '../compile/context.ts'
import { failure } from '../error.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { byStrength, type Evidence, linksOf, loadEvidence, WHOLE } from './evidence.ts'
import { openGraphs } from './explain.ts'
import type { OpenGraph } from './graph.ts'
import type { PublishedBuild } from './published.ts'
import { findSubject } from './subject.ts'
import type { Shown } from './veil.ts'
import { type Cut, type Bridge as Pair, weakPoints } from './weak-points.ts'

/** The answer of `cdp identity bridges` and, with its heading, the document of `--json`. */
export interface BridgesReport {
  readonly published: PublishedBuild
  readonly notes: readonly string[]
  readonly entity: string
  readonly profile_id: string
  /** How many identifiers hang together by how many pairs that rows hold. */
  readonly identifiers: number
  readonly pairs: number
  /** True where the profile is larger than what was read: what follows may then be wrong. */
  readonly cut: boolean
  /** Identifiers without which the others fall apart; where the second largest part is largest first. */
  readonly values: readonly CutValue[]
  /** How many there are; `values` lists the first. */
  readonly value_count: number
  /** Pairs that alone hold two sides together; where the smaller side is largest first. */
  readonly bridges: readonly Bridge[]
  readonly bridge_count: number
}

export interface CutValue extends Shown {
  /** How many identifiers each part has that is left, the largest first; the first few. */
  readonly parts: readonly number[]
  readonly part_count: number
  /** Rows that hold it. */
  readonly rows: number
}

export interface Bridge {
  readonly a: Shown
  readonly b: Shown
  /** How many identifiers are on the side of each. */
  readonly sides: readonly [number, number]
  /** Rows that hold both. */
  readonly rows: number
}

export interface BridgesRequest {
  readonly argument: string
  readonly entity: string | undefined
  readonly limit: number
  readonly showValues: boolean
}

/** Reads only. Throws CdpError `command/arguments` where the argument is no profile and no identifier of one. */
export async function readBridges(context: Context, session: Session, request: BridgesRequest): Promise<BridgesReport> {
  const { published, graphs } = await openGraphs(context, session, request)
  const { graph, profile } = await findSubject(graphs, request.argument)
  if (profile === undefined) {
    const fix = `"cdp explain" says why.`
    throw failure('project', 'command/arguments', `"${request.argument}" joins nobody: it has no profile.`, fix)
  }
  const evidence = await loadEvidence(graph, { anchor: profile.anchor }, WHOLE)
  const links = linksOf(evidence, profile.anchor)
  const { pairs, cuts, bridges } = weakPoints(links)
  const shown = shower(graph, evidence)
  return {
    published,
    notes: graph.notes,
    entity: graph.entity.name,
    profile_id: profile.id,
    identifiers: evidence.members.length,
    pairs,
    cut: evidence.cut,
    values: ranked(
      cuts,
      (one) => one.parts[1] ?? 0,
      (one) => [one.node],
      shown,
    )
      .slice(0, request.limit)
      .map((one) => ({
        ...shown.name(one.node),
        parts: one.parts.slice(0, FEW),
        part_count: one.parts.length,
        rows: shown.rows([one.node]),
      })),
    value_count: cuts.length,
    bridges: ranked(
      bridges,
      ({ sides }) => Math.min(...sides),
      ({ a, b }) => [a, b],
      shown,
    )
      .slice(0, request.limit)
      .map((one) => bridgeOf(one, shown)),
    bridge_count: bridges.length,
  }
}

const FEW = 5

interface Shower {
  readonly name: (node: number) => Shown
  /** Rows that hold all of these. */
  readonly rows: (nodes: readonly number[]) => number
  readonly compare: (a: number, b: number) => number
}

function shower(graph: OpenGraph, { known, rows }: Evidence): Shower {
  const unknown = (node: number) => ({ type: '', value: '', node_id: node })
  return {
    name: (node) => graph.veil.identifier(known.get(node) ?? unknown(node)),
    rows: (nodes) =>
      rows.filter((one) => nodes.every((node) => one.nodes.includes(node))).reduce((sum, one) => sum + one.count, 0),
    compare: (a, b) => {
      const [one, other] = [known.get(a), known.get(b)]
      return one === undefined || other === undefined ? a - b : byStrength(graph, one, other)
    },
  }
}

/** The largest first, equal ones by their identifiers. */
function ranked<T extends Cut | Pair>(
  all: readonly T[],
  weight: (one: T) => number,
  nodes: (one: T) => readonly number[],
  { compare }: Shower,
): readonly T[] {
  const byName = (a: readonly number[], b: readonly number[]) =>
    a.map((node, at) => compare(node, b[at] ?? node)).find((order) => order !== 0) ?? 0
  return [...all].sort((a, b) => weight(b) - weight(a) || byName(nodes(a), nodes(b)))
}

/** The stronger identifier first. */
function bridgeOf({ a, b, sides: [ofA, ofB] }: Pair, { name, rows, compare }: Shower): Bridge {
  const isOrdered = compare(a, b) <= 0
  const [first, second] = isOrdered ? [a, b] : [b, a]
  return { a: name(first), b: name(second), sides: isOrdered ? [ofA, ofB] : [ofB, ofA], rows: rows([a, b]) }
}
