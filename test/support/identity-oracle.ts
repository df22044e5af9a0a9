import { createHash } from 'node:crypto'
import { carried, type Id, type Move, type Remembered } from './identity-oracle-carry.ts'
import { type TriedEdge, tried } from './identity-oracle-judge.ts'

/*
 * The whole of identity in plain TypeScript: what the compiled SQL must agree with. One build is a function of the rows
 * that are visible at that moment and of what the build before it left, so neither batches nor incremental reading
 * exist here.
 */

/** A type and a value after normalising. */
export type Identifier = readonly [type: string, value: string]

export interface OracleRow {
  readonly source: string
  readonly key?: string | undefined
  /** When it happened or changed, as text that `Date` reads; undefined = not known. */
  readonly time?: string | undefined
  /** In the order of the columns. Types that the entity does not have are ignored. */
  readonly ids: readonly Identifier[]
}

export interface OracleType {
  readonly name: string
  readonly link: boolean
  readonly maxFanout: number | undefined
  readonly limit: number | undefined
  /** Values that are no identifier. */
  readonly block: readonly string[]
}

export interface OracleRules {
  readonly entity: string
  /** Strongest first. */
  readonly types: readonly OracleType[]
  readonly never: readonly (readonly [Identifier, Identifier])[]
  readonly always: readonly (readonly [Identifier, Identifier])[]
  /** The most nodes of a profile under quarantine; undefined = no quarantine. */
  readonly maxSize: number | undefined
  /** Sources whose rows make a profile of their own where nothing in them joins, if they have a key. */
  readonly profileSources: readonly string[]
}

/** What one build leaves to the next. */
export interface World extends Remembered {
  /** How many builds there were. */
  readonly build: number
  /** The number of every identifier that was ever seen, by name. */
  readonly numbers: ReadonlyMap<string, number>
}

/** One build. Identifiers go by their names (see `nameOf`), profiles by their ids. */
export interface Outcome {
  readonly world: World
  /** The profile of each identifier that joins, and of each row that is a profile of its own. */
  readonly profiles: ReadonlyMap<string, string>
  /** Connected components before any rule kept an edge from joining, each by number, the smallest first. */
  readonly clusters: readonly (readonly string[])[]
  /** Edges whose ends a rule keeps in different profiles; `a` has the smaller number. `type`: whose limit it was. */
  readonly refused: readonly {
    readonly a: string
    readonly b: string
    readonly reason: 'never_merge' | 'limit' | 'max_profile_size'
    readonly type: string | undefined
  }[]
  readonly merges: readonly { readonly from: string; readonly to: string }[]
  readonly splits: readonly { readonly from: string; readonly to: string }[]
}

/** The world before the first build. */
export const nothingYet: World = { build: 0, numbers: new Map(), ids: new Map(), profiles: new Map() }

/** The name of an identifier: `email ann@shop.test`. Types hold no blanks. */
export function nameOf([type, value]: Identifier): string {
  return `${type} ${value}`
}

/** The id that is minted from an identifier. */
export function mintedId(entity: string, [type, value]: Identifier): string {
  const digest = createHash('md5').update([entity, type, value].join('\u001f')).digest('hex')
  return digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** One build over the rows that are visible now. */
export function identified(world: World, rows: readonly OracleRow[], rules: OracleRules): Outcome {
  const seen = seenIn(rows, rules)
  const joining = seen.filter((one) => joins(one, rows, rules))
  const lone = loneRows(rows, joining, rules)
  const numbers = numbered(world.numbers, seen, lone, rules)
  const nodes = [...joining, ...lone].map((one) => ({ ...one, node: numbers.get(one.name) ?? 0 }))
  const edges = edgesOf(rows, joining, rules).map((edge) => ({
    ...edge,
    a: numbers.get(edge.low) ?? 0,
    b: numbers.get(edge.high) ?? 0,
  }))
  const clusters = components(nodes, edges)
  const solved = clusters.map((cluster) => solvedOne(cluster, nodes, edges, rules))
  const nodeOf = new Map(nodes.map((node) => [node.node, node]))
  const build = world.build + 1
  const mint = (anchor: number) => mintedId(rules.entity, nodeOf.get(anchor)?.identifier ?? ['', ''])
  const carry = carried(
    world,
    solved.flatMap((one) => one.parts),
    { build, mint },
  )
  const name = (node: number) => nodeOf.get(node)?.name ?? ''
  return {
    world: { build, numbers, ids: carry.ids, profiles: carry.profiles },
    profiles: new Map([...carry.profiles].map(([node, anchor]) => [name(node), idOf(carry.ids, anchor)])),
    clusters: clusters.map((cluster) => cluster.map(name)),
    refused: solved
      .flatMap((one) => one.refused)
      .map(({ edge: { a, b }, reason, type }) => ({
        a: name(Math.min(a, b)),
        b: name(Math.max(a, b)),
        reason,
        type,
      })),
    merges: carry.merges.map((move) => movedIds(carry.ids, move)),
    splits: carry.splits.map((move) => movedIds(carry.ids, move)),
  }
}

/** An identifier, or a row that is a profile of its own, and when it was first seen. */
interface Seen {
  readonly name: string
  readonly identifier: Identifier
  readonly firstSeen: number | undefined
}

interface Node extends Seen {
  readonly node: number
}

/** A node pair that rows or `always_merge` join, its ends in the order of `byValue`. */
interface NamedEdge {
  readonly low: string
  readonly high: string
  readonly tier: number
  readonly firstSeen: number | undefined
}

function seenIn(rows: readonly OracleRow[], rules: OracleRules): readonly Seen[] {
  const known = new Set(rules.types.map((type) => type.name))
  return distinct(
    rows.flatMap((row) => row.ids.filter(([type]) => known.has(type)).map((identifier) => at(identifier, row))),
  )
}

function at(identifier: Identifier, row: OracleRow): Seen {
  return { name: nameOf(identifier), identifier, firstSeen: timeOf(row) }
}

function timeOf({ time }: OracleRow): number | undefined {
  return time === undefined ? undefined : new Date(time).getTime()
}

/** One of each name, as it was first seen. */
function distinct(seen: readonly Seen[]): readonly Seen[] {
  const found = new Map<string, Seen>()
  for (const one of seen) {
    const firstSeen = earlier(found.get(one.name)?.firstSeen, one.firstSeen)
    found.set(one.name, { ...one, firstSeen })
  }
  return [...found.values()]
}

/** Whether a value that was seen may join rows: not blocked, of a type that links, and not shared by too many. */
function joins({ identifier: [name, value] }: Seen, rows: readonly OracleRow[], { types }: OracleRules): boolean {
  const rank = types.findIndex((type) => type.name === name)
  const type = types[rank]
  if (type === undefined || !type.link || type.block.includes(value)) return false
  const { maxFanout } = type
  if (maxFanout === undefined) return true
  const together = rows.filter((row) => row.ids.some(([t, v]) => t === name && v === value)).flatMap((row) => row.ids)
  return types.slice(0, rank).every((strong) => {
    const others = together.filter(([t, v]) => t === strong.name && !strong.block.includes(v)).map(([, v]) => v)
    return !strong.link || new Set(others).size <= maxFanout
  })
}

/** Rows of profile sources in which nothing joins, one a source and key. */
function loneRows(rows: readonly OracleRow[], joining: readonly Seen[], rules: OracleRules): readonly Seen[] {
  const names = new Set(joining.map((one) => one.name))
  return distinct(
    rows.flatMap((row) => {
      const stands = rules.profileSources.includes(row.source) && !row.ids.some((one) => names.has(nameOf(one)))
      return row.key === undefined || !stands ? [] : [at([`row:${row.source}`, row.key], row)]
    }),
  )
}

/** A number is given once. New identifiers get the next ones as they were first seen; after them, new lone rows. */
function numbered(
  known: ReadonlyMap<string, number>,
  seen: readonly Seen[],
  lone: readonly Seen[],
  rules: OracleRules,
): ReadonlyMap<string, number> {
  const numbers = new Map(known)
  for (const one of [...[...seen].sort(byAge(rules)), ...[...lone].sort(byAge(rules))])
    if (!numbers.has(one.name)) numbers.set(one.name, numbers.size + 1)
  return numbers
}

/** First seen first; of those that one row brings, the strongest type. */
function byAge({ types }: OracleRules): (one: Seen, other: Seen) => number {
  const strength = ({ identifier: [type] }: Seen) => types.findIndex(({ name }) => name === type)
  return (one, other) =>
    byTime(one.firstSeen, other.firstSeen) ||
    strength(one) - strength(other) ||
    byValue(one.identifier, other.identifier)
}

/** One edge a node pair, the most trusted first. */
function edgesOf(rows: readonly OracleRow[], joining: readonly Seen[], rules: OracleRules): readonly NamedEdge[] {
  const names = new Set(joining.map((one) => one.name))
  const identifiers = new Map(joining.map((one) => [one.name, one.identifier]))
  const found = new Map<string, NamedEdge>()
  const add = (one: Identifier, other: Identifier, tier: number, firstSeen: number | undefined) => {
    if (!names.has(nameOf(one)) || !names.has(nameOf(other)) || nameOf(one) === nameOf(other)) return
    const [low = '', high = ''] = [one, other].sort(byValue).map(nameOf)
    const known = found.get(`${low}\u001f${high}`) ?? { tier, firstSeen }
    found.set(`${low}\u001f${high}`, {
      low,
      high,
      tier: Math.min(known.tier, tier),
      firstSeen: earlier(known.firstSeen, firstSeen),
    })
  }
  for (const [one, other] of rules.always) add(one, other, 0, undefined)
  const rank = ([type]: Identifier) => rules.types.findIndex((one) => one.name === type)
  for (const row of rows) {
    const held = row.ids.filter((one) => names.has(nameOf(one))).sort((one, other) => rank(one) - rank(other))
    const [hub, ...others] = held
    if (hub === undefined) continue
    for (const other of others) add(hub, other, 1 + rank(other), timeOf(row))
  }
  const end = (name: string): Identifier => identifiers.get(name) ?? ['', '']
  return [...found.values()].sort(
    (one, other) =>
      one.tier - other.tier ||
      byTime(one.firstSeen, other.firstSeen) ||
      byValue(end(one.low), end(other.low)) ||
      byValue(end(one.high), end(other.high)),
  )
}

/** The connected components, as sorted numbers, by their smallest. */
function components(nodes: readonly Node[], edges: readonly TriedEdge[]): readonly (readonly number[])[] {
  const home = new Map(nodes.map(({ node }) => [node, [node]]))
  for (const { a, b } of edges) {
    const [left = [], right = []] = [home.get(a), home.get(b)]
    if (left === right) continue
    left.push(...right)
    for (const node of right) home.set(node, left)
  }
  return [...new Set(home.values())]
    .map((cluster) => cluster.sort((one, other) => one - other))
    .sort(([one = 0], [other = 0]) => one - other)
}

/** The parts of a cluster: the whole of it where that breaks no rule, else what the judge leaves together. */
function solvedOne<Edge extends TriedEdge>(
  cluster: readonly number[],
  nodes: readonly Node[],
  edges: readonly Edge[],
  rules: OracleRules,
) {
  const inside = new Set(cluster)
  const members = nodes.filter(({ node }) => inside.has(node))
  const number = (name: string) => members.find((node) => node.name === name)?.node
  const never = rules.never.flatMap(([one, other]) => {
    const [a, b] = [number(nameOf(one)), number(nameOf(other))]
    return a === undefined || b === undefined || a === b ? [] : [[a, b] as const]
  })
  const limited = rules.types.flatMap(({ name, limit }) => (limit === undefined ? [] : [[name, limit] as const]))
  const isOver = limited.some(
    ([name, limit]) => members.filter(({ identifier: [type] }) => type === name).length > limit,
  )
  const isTooLarge = rules.maxSize !== undefined && cluster.length > rules.maxSize
  if (!isOver && !isTooLarge && never.length === 0) return { parts: [cluster], refused: [] }
  const { parts, refused } = tried(
    members.map(({ node, identifier: [type] }) => ({ id: node, type })),
    edges.filter((edge) => inside.has(edge.a)),
    { limits: new Map(limited), never, maxSize: rules.maxSize },
  )
  return { parts: parts.map((part) => [...part]), refused }
}

function idOf(ids: ReadonlyMap<number, Id>, anchor: number): string {
  return ids.get(anchor)?.profileId ?? ''
}

function movedIds(ids: ReadonlyMap<number, Id>, { from, to }: Move) {
  return { from: idOf(ids, from), to: idOf(ids, to) }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return byTime(one, other) <= 0 ? one : other
}

/** What has no time comes last. */
function byTime(one: number | undefined, other: number | undefined): number {
  if (one === other) return 0
  return (one ?? Number.POSITIVE_INFINITY) - (other ?? Number.POSITIVE_INFINITY)
}

/** By value, then by type, code point by code point: UTF-8 keeps that order, UTF-16 does not. */
function byValue(one: Identifier, other: Identifier): number {
  const compare = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right))
  return compare(one[1], other[1]) || compare(one[0], other[0])
}
