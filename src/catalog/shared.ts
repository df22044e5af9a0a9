import type { Context } from '../compile/context.ts'
import { failure, nearest } from '../error.ts'
import { listed } from '../sync/listed.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { byText } from './evidence.ts'
import { openGraphs } from './explain.ts'
import { type OpenGraph, strengthOf } from './graph.ts'
import type { PublishedBuild } from './published.ts'
import type { Shown } from './veil.ts'
import { type SeenWith, strongerName } from './why.ts'

/** The answer of `cdp identity shared` and, with its heading, the document of `--json`. */
export interface SharedReport {
  readonly published: PublishedBuild
  readonly notes: readonly string[]
  readonly entities: readonly SharedOfEntity[]
}

export interface SharedOfEntity {
  readonly entity: string
  /** Those that were seen with the most values of one stronger type first. */
  readonly identifiers: readonly SharedIdentifier[]
  readonly suggestions: readonly Suggestion[]
}

export interface SharedIdentifier extends Shown {
  /** joins, shared, blocked or silent. */
  readonly standing: string
  readonly max_fanout: number | null
  /** The most values of one stronger type. */
  readonly most: number
  /** Of each stronger type, or (of a group) of members: how many values, the most first. */
  readonly seen_with: readonly SeenWith[]
  /** Rows that hold it. */
  readonly rows: number
}

/** A type without `max_fanout` of which a few values are far more widely used than all others. */
export interface Suggestion {
  readonly type: string
  readonly identifiers: number
  /** The least that one of them was seen with, and the median of the type. */
  readonly seen_with: number
  readonly median: number
  /** The most that any other identifier of the type was seen with. */
  readonly max_fanout: number
}

export interface SharedRequest {
  readonly entity: string | undefined
  readonly type: string | undefined
  readonly limit: number
  readonly showValues: boolean
}

/** Reads only. Throws CdpError where an entity or type is unknown, or before the first publish. */
export async function readShared(context: Context, session: Session, request: SharedRequest): Promise<SharedReport> {
  const { published, graphs } = await openGraphs(context, session, request)
  const asked = graphs.filter(
    ({ entity }) => request.type === undefined || strengthOf(entity, request.type) < entity.identifiers.length,
  )
  if (request.type !== undefined && asked.length === 0) throw unknownType(graphs, request.type)
  const entities: SharedOfEntity[] = []
  for (const graph of asked) entities.push(await sharedOf(graph, request))
  return { published, notes: asked.flatMap(({ notes }) => notes), entities }
}

function unknownType(graphs: readonly OpenGraph[], type: string) {
  const types = graphs.flatMap(({ entity }) => entity.identifiers.map(({ name }) => name))
  const close = nearest(type, types)
  const fix = close === undefined ? `It is one of ${types.join(', ')}.` : `Did you mean "${close}"?`
  return failure('project', 'ref/unknown-identifier', `"${type}" is no identifier type.`, fix)
}

async function sharedOf(graph: OpenGraph, { type, limit }: SharedRequest): Promise<SharedOfEntity> {
  const { session, entity, statements } = graph
  if (statements.fanout === undefined) return { entity: entity.name, identifiers: [], suggestions: [] }
  const { ranked, spread } = statements.fanout
  const rows = await listed(session, ranked, { type: type ?? null, limit })
  const nodes = [...new Map(rows.map((row) => [row.node_id, row])).values()].sort((a, b) => a.place - b.place)
  const identifiers = nodes.map((node): SharedIdentifier => {
    const seenWith = rows
      .filter((row) => row.node_id === node.node_id)
      .map((row) => ({ type: strongerName(entity, row.stronger), values: row.seen_with }))
      .sort((a, b) => b.values - a.values || byText(a.type, b.type))
    return {
      ...graph.veil.identifier(node),
      standing: node.standing,
      max_fanout: entity.identifiers.find(({ name }) => name === node.type)?.maxFanout ?? null,
      most: seenWith[0]?.values ?? 0,
      seen_with: seenWith,
      rows: node.row_count,
    }
  })
  const bins = (await listed(session, spread)).filter((one) => type === undefined || one.type === type)
  const open = entity.identifiers.filter(({ link, maxFanout }) => link && maxFanout === undefined)
  return {
    entity: entity.name,
    identifiers,
    suggestions: open.flatMap(
      ({ name }) =>
        suggestionFor(
          name,
          bins.filter((one) => one.type === name),
        ) ?? [],
    ),
  }
}

/** So many identifiers were seen with so many stronger ones. */
export interface Bin {
  readonly seen_with: number
  readonly identifiers: number
}

/**
 * A suggestion where identifiers stand out: they are among the widest-used 0.1 % of their type (at least 5), and more
 * than ten times as widely used as the median.
 */
export function suggestionFor(type: string, bins: readonly Bin[]): Suggestion | undefined {
  const ordered = [...bins].sort((a, b) => a.seen_with - b.seen_with)
  const total = ordered.reduce((sum, { identifiers }) => sum + identifiers, 0)
  const median = valueAt(ordered, Math.floor((total - 1) / 2))
  let left = Math.max(5, Math.ceil(total / 1000))
  const wide = ordered.toReversed().filter(({ seen_with: width, identifiers }) => {
    left -= identifiers
    return left >= 0 && width > 10 * median
  })
  const least = wide.at(-1)?.seen_with
  if (least === undefined) return undefined
  return {
    type,
    identifiers: wide.reduce((sum, { identifiers }) => sum + identifiers, 0),
    seen_with: least,
    median,
    max_fanout: Math.max(...ordered.filter((bin) => !wide.includes(bin)).map((bin) => bin.seen_with)),
  }
}

function valueAt(ordered: readonly Bin[], place: number): number {
  let before = 0
  for (const bin of ordered) {
    before += bin.identifiers
    if (before > place) return bin.seen_with
  }
  return 0
}
