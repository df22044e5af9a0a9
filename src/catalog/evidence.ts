import { EXPLAINED_PAGE } from '../compile/identity/explain.ts'
import type { Source } from '../project/project.ts'
import type { Values } from '../sql/sql.ts'
import { listed } from '../sync/listed.ts'
import { type OpenGraph, strengthOf } from './graph.ts'
import type { Link } from './paths.ts'

/** One identifier, as the published graph knows it. */
export interface Known {
  readonly node_id: number
  readonly type: string
  readonly value: string
  readonly standing: string
  readonly first_seen_at: string | null
  readonly last_seen_at: string | null
  readonly anchor: number | null
  readonly profile_id: string | null
}

/** Rows of a source that hold the same identifiers. */
export interface Rows {
  readonly source: Source
  /** The key of one of them. */
  readonly key: string | null
  readonly count: number
  readonly first: string | null
  readonly last: string | null
  /** Numbers of their identifiers, strongest first, those that join nobody included. */
  readonly nodes: readonly number[]
}

/** The rows that hold identifiers of one profile, or one identifier that joins nobody. */
export interface Evidence {
  /** The profile's identifiers, or the one, strongest first. */
  readonly members: readonly Known[]
  readonly rows: readonly Rows[]
  /** Every identifier of members and rows. */
  readonly known: ReadonlyMap<number, Known>
  /** Whether there is more than was loaded. */
  readonly cut: boolean
}

/** The most that is read of a profile to find ways through it; some seconds' work. */
export const WHOLE = 300_000

/** Who is asked about: a profile by the number of its anchor, or an identifier that joins nobody. */
export type Whose = { readonly anchor: number } | { readonly lone: Known }

/** Loads about `limit` identifiers and `limit` combinations of identifiers in rows at most. */
export async function loadEvidence(graph: OpenGraph, whose: Whose, limit: number): Promise<Evidence> {
  const members = 'anchor' in whose ? await loadMembers(graph, whose.anchor, limit) : [whose.lone]
  const asked = 'anchor' in whose ? { anchor: whose.anchor, node: null } : { anchor: null, node: whose.lone.node_id }
  const { rows, total } = await loadRows(graph, asked, limit)
  const known = new Map(members.map((one) => [one.node_id, one]))
  const others = new Set(rows.flatMap(({ nodes }) => nodes).filter((node) => !known.has(node)))
  for (const one of await loadKnown(graph, [...others])) known.set(one.node_id, one)
  return { members, rows, known, cut: members.length >= limit || rows.length < total }
}

/** Identifiers by their numbers. */
export async function loadKnown(graph: OpenGraph, nodes: readonly number[]): Promise<readonly Known[]> {
  const found: Known[] = []
  for (let at = 0; at < nodes.length; at += EXPLAINED_PAGE) {
    const page = nodes.slice(at, at + EXPLAINED_PAGE).map((node) => ({ node_id: node }))
    found.push(...(await listed(graph.session, graph.statements.byNumber, { nodes: JSON.stringify(page) })))
  }
  return found
}

/** What ties identifiers of a profile together: a row joins those that join where its strongest belongs to the profile. */
export interface RowLink extends Link {
  readonly rows: Rows
}

export function linksOf({ rows, known }: Pick<Evidence, 'rows' | 'known'>, anchor: number): readonly RowLink[] {
  return rows.flatMap((one): readonly RowLink[] => {
    const joining = one.nodes.filter((node) => known.get(node)?.standing === 'joins')
    if (known.get(joining[0] ?? 0)?.anchor !== anchor) return []
    const nodes = [...new Set(joining)].filter((node) => known.get(node)?.anchor === anchor)
    return [{ nodes, rows: one }]
  })
}

/** Whose a row is: that of its strongest identifier that joins; undefined for nobody's. */
export function ownerOf({ nodes }: Rows, known: Evidence['known']): Known | undefined {
  return nodes.map((node) => known.get(node)).find((one) => one?.standing === 'joins')
}

async function loadMembers(graph: OpenGraph, anchor: number, limit: number): Promise<readonly Known[]> {
  const found: Known[] = []
  let after = 0
  while (found.length < limit) {
    const page = await listed(graph.session, graph.statements.members, { anchor, after })
    found.push(...page)
    if (page.length < EXPLAINED_PAGE) break
    after = page.reduce((most, one) => Math.max(most, one.node_id), after)
  }
  return found.sort((a, b) => byStrength(graph, a, b))
}

/** Strongest type first, then by text. */
export function byStrength({ entity }: OpenGraph, a: Known, b: Known): number {
  const strength = strengthOf(entity, a.type) - strengthOf(entity, b.type)
  return strength === 0 ? byText(a.value, b.value) || byText(a.type, b.type) : strength
}

/** The order of code units: the same on every machine. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function loadRows(
  graph: OpenGraph,
  asked: Values,
  limit: number,
): Promise<{ readonly rows: readonly Rows[]; readonly total: number }> {
  const rows: (Rows & { readonly place: number })[] = []
  let total = 0
  let open = graph.statements.records.map((one) => ({ ...one, after: 0 }))
  // A page of every source in turn, so that one with many rows does not hide the others.
  while (open.length > 0 && rows.length < limit) {
    const next: typeof open = []
    for (const { source, listing, after } of open) {
      const page = await listed(graph.session, listing, { ...asked, after })
      const found = page[0]?.total ?? 0
      if (after === 0) total += found
      rows.push(...page.map((one) => ({ ...rowsOf(source, one), place: one.place })))
      if (after + page.length < found) next.push({ source, listing, after: after + page.length })
    }
    open = next
  }
  const order = new Map(graph.statements.records.map(({ source }, at) => [source, at]))
  const place = (one: Rows) => order.get(one.source) ?? 0
  return { rows: rows.sort((a, b) => place(a) - place(b) || a.place - b.place), total }
}

function rowsOf(
  source: Source,
  row: {
    readonly nodes: string
    readonly row_key: string | null
    readonly row_count: number
    readonly first_seen_at: string | null
    readonly last_seen_at: string | null
  },
): Rows {
  const nodes = (JSON.parse(row.nodes) as readonly number[]).filter((node) => node !== 0)
  const key = row.row_key === '' ? null : row.row_key
  return { source, key, count: row.row_count, first: row.first_seen_at, last: row.last_seen_at, nodes }
}
