import { CdpError, type Diagnostic, nearest, problem } from '../error.ts'
import { type Graph, type GraphNode, graphOf, type NodeKind } from './graph.ts'
import type { Project } from './project.ts'

/** The parts of a project that `--select` and `--exclude` leave, by name. */
export interface Selection {
  readonly syncs: ReadonlySet<string>
  readonly segments: ReadonlySet<string>
  readonly entities: ReadonlySet<string>
  readonly sources: ReadonlySet<string>
}

/**
 * What dbt's selection grammar picks: names and globs (`*`, `?`) of any kind, `tag:`, `source:`, `entity:`,
 * `segment:`, `sync:`, `destination:` (its syncs), `+x` (what it needs), `x+` (what needs it), `2+x` and `x+2` (so many
 * steps), comma = and, space = or. No `include` means everything; `exclude` is taken off in the end. Throws CdpError
 * `command/arguments` with one problem for each term that names nothing.
 */
export function select(project: Project, include: readonly string[], exclude: readonly string[]): Selection {
  const graph = graphOf(project)
  const problems: Diagnostic[] = []
  const all = [...graph.keys()]
  const included = include.length === 0 ? new Set(all) : union(terms(include), { graph, problems, option: '--select' })
  const excluded = union(terms(exclude), { graph, problems, option: '--exclude' })
  if (problems.length > 0) throw new CdpError('project', problems)
  const left = all.filter((id) => included.has(id) && !excluded.has(id))
  const named = (kind: NodeKind) => new Set(left.flatMap((id) => (graph.get(id)?.kind === kind ? [nameIn(id)] : [])))
  return { syncs: named('sync'), segments: named('segment'), entities: named('entity'), sources: named('source') }
}

interface Given {
  readonly graph: Graph
  readonly problems: Diagnostic[]
  readonly option: '--select' | '--exclude'
}

type Ids = ReadonlySet<string>

function terms(written: readonly string[]): readonly string[] {
  return written.flatMap((text) => text.split(/\s+/)).filter((term) => term !== '')
}

function union(wanted: readonly string[], given: Given): Ids {
  return new Set(wanted.flatMap((term) => [...intersection(term, given)]))
}

function intersection(term: string, given: Given): Ids {
  const [first = new Set<string>(), ...rest] = term.split(',').map((part) => picked(part, given))
  return new Set([...first].filter((id) => rest.every((part) => part.has(id))))
}

/** `2+sync:crm+`: how far up, what, how far down. */
const TERM = /^(?:(\d*)(\+))?(?:([a-z.]+):)?([^+:]+)(?:(\+)(\d*))?$/

function picked(part: string, given: Given): Ids {
  const [, up, hasUp, method, name, hasDown, down] = TERM.exec(part) ?? []
  if (name === undefined) return refuse(given, `"${part}" in ${given.option} is not a selection.`, GRAMMAR)
  const found = matching(method, name, given)
  const steps = (count: string | undefined) => (count ? Number(count) : Number.POSITIVE_INFINITY)
  return new Set([
    ...found,
    ...(hasUp ? reach(found, (node) => node.needs, given.graph, steps(up)) : []),
    ...(hasDown ? reach(found, neededBy(given.graph), given.graph, steps(down)) : []),
  ])
}

const GRAMMAR =
  'Write a name or a glob, tag:x, source:x, entity:x, segment:x, sync:x or destination:x, with + before or after.'

const METHODS: readonly string[] = ['tag', 'source', 'entity', 'segment', 'sync', 'destination']

function matching(method: string | undefined, name: string, given: Given): Ids {
  if (method !== undefined && !METHODS.includes(method)) {
    const guess = nearest(method, METHODS)
    const message = `${given.option} does not know "${method}:".`
    return refuse(given, message, guess === undefined ? GRAMMAR : `Did you mean "${guess}:${name}"?`)
  }
  const matches = matcher(name)
  const nodes = [...given.graph.values()]
  const found = nodes.filter((node) => candidates(method, node).some(matches))
  if (found.length === 0) return refuse(given, nothing(method, name, given.option), guessFor(method, name, nodes))
  return new Set(found.flatMap((node) => (node.kind === 'destination' ? neededBy(given.graph)(node) : [node.id])))
}

/** The texts of a node that a term may match. */
function candidates(method: string | undefined, node: GraphNode): readonly string[] {
  if (method === 'tag') return node.tags
  // A bare name never means a destination: nothing is computed or sent under that name.
  if (method === undefined) return node.kind === 'destination' ? [] : [node.name]
  return node.kind === method ? [node.name] : []
}

function matcher(pattern: string): (text: string) => boolean {
  if (!/[*?]/.test(pattern)) return (text) => text === pattern
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const whole = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
  return (text) => whole.test(text)
}

function nothing(method: string | undefined, name: string, option: string): string {
  if (/[*?]/.test(name)) return `"${method ? `${method}:` : ''}${name}" in ${option} matches nothing in the project.`
  if (method === 'tag') return `Nothing in the project has the tag "${name}", which ${option} names.`
  return `The project has no ${method ?? 'source, entity, segment or sync'} "${name}", which ${option} names.`
}

function guessFor(method: string | undefined, name: string, nodes: readonly GraphNode[]): string | undefined {
  const guess = nearest(
    name,
    nodes.flatMap((node) => candidates(method, node)),
  )
  return guess === undefined ? undefined : `Did you mean "${method ? `${method}:` : ''}${guess}"?`
}

function refuse(given: Given, message: string, fix: string | undefined): Ids {
  given.problems.push(problem('command/arguments', message, undefined, fix))
  return new Set()
}

function neededBy(graph: Graph): (node: GraphNode) => readonly string[] {
  return ({ id }) => [...graph.values()].filter(({ needs }) => needs.includes(id)).map((other) => other.id)
}

/** Everything within so many steps of the start, the start left out. */
function reach(start: Ids, next: (node: GraphNode) => readonly string[], graph: Graph, steps: number): Ids {
  const seen = new Set(start)
  let edge: readonly string[] = [...start]
  for (let step = 0; step < steps && edge.length > 0; step++) {
    const beyond = edge.flatMap((id) => {
      const node = graph.get(id)
      return node === undefined ? [] : next(node)
    })
    edge = [...new Set(beyond)].filter((id) => !seen.has(id))
    for (const id of edge) seen.add(id)
  }
  return seen
}

function nameIn(id: string): string {
  return id.slice(id.indexOf(':') + 1)
}
