import type { Context } from '../compile/context.ts'
import { failure, nearest } from '../error.ts'
import type { Entity, Project } from '../project/project.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { type Evidence, type Known, loadEvidence, loadKnown, ownerOf, WHOLE } from './evidence.ts'
import { type Answers, type AnswersOf, answersFor } from './explain-answers.ts'
import { type Apart, keptApart, type PathStep, pathBetween } from './explain-pair.ts'
import { type ProfileFacts, profileFacts, type RecordFacts, recordFacts } from './explain-profile.ts'
import { type OpenGraph, openGraph } from './graph.ts'
import { type PublishedBuild, publishedBuild } from './published.ts'
import { findSubject, type Subject } from './subject.ts'
import type { Shown } from './veil.ts'
import { readWhy, type Why } from './why.ts'

/**
 * Why records are one person, or are not: the answer of `cdp explain` and, with its heading, the document of `--json`.
 * `answer` says what else it holds. Personal values are hidden unless they were asked for.
 */
export type Explanation = Heading & (AboutProfile | AboutIdentifier | AboutSame | AboutApart)

interface Heading {
  readonly published: PublishedBuild
  /** What the reader must know besides. */
  readonly notes: readonly string[]
  /** What the arguments named, one or two. */
  readonly asked: readonly Asked[]
}

export interface Asked {
  readonly entity: string
  /** Null where a profile id was named. */
  readonly identifier: (Shown & { readonly standing: string; readonly why: string | null }) | null
  /** The id in use; null where the identifier joins nobody. */
  readonly profile_id: string | null
  /** The id that was named, where it was merged into `profile_id`. */
  readonly alias: string | null
}

interface AboutProfile extends Answers {
  readonly answer: 'profile'
  readonly profile: ProfileFacts
}

/** An identifier that joins nobody. */
interface AboutIdentifier {
  readonly answer: 'identifier'
  /** How many rows hold it. */
  readonly rows: number
  readonly records: readonly RecordFacts[]
  readonly cut: boolean
  /** The profiles whose rows hold it, those with the most rows first. */
  readonly profiles: readonly { readonly profile_id: string; readonly rows: number }[]
}

interface AboutSame {
  readonly answer: 'same'
  readonly entity: string
  readonly profile_id: string
  /** The shortest way between the two, empty where they are the same; null where none is in what was read. */
  readonly path: readonly PathStep[] | null
  readonly cut: boolean
}

interface AboutApart extends Apart {
  readonly answer: 'apart'
  readonly cut: boolean
}

export interface ExplainRequest {
  /** One or two: profile ids, `type:value`, or bare values. */
  readonly arguments: readonly string[]
  /** Only identifiers and profiles of this entity. */
  readonly entity: string | undefined
  readonly showValues: boolean
}

/** The most identifiers and combinations in rows that are read of a profile to list them. */
const MOST = 20_000

/** Reads only. Throws CdpError `command/arguments` where an argument is nobody, or before the first publish. */
export async function readExplanation(
  context: Context,
  session: Session,
  request: ExplainRequest,
): Promise<Explanation> {
  const { published, graphs } = await openGraphs(context, session, request)
  const subjects: Subject[] = []
  for (const argument of request.arguments) subjects.push(await findSubject(graphs, argument))
  const [one, other] = subjects
  if (one === undefined) throw new Error('nothing was asked')
  const { about, asked } =
    other === undefined || isSameLone(one, other)
      ? await aboutOne(one, { ...request, build: published.build })
      : await aboutTwo(one, other)
  const notes = [...new Set(subjects.flatMap(({ graph }) => graph.notes))]
  return { published, notes, asked, ...about }
}

/** The graphs of an entity, or of all. Throws CdpError before the first publish, and for an entity that is not there. */
export async function openGraphs(
  context: Context,
  session: Session,
  request: Pick<ExplainRequest, 'entity' | 'showValues'>,
): Promise<{ readonly published: PublishedBuild; readonly graphs: readonly OpenGraph[] }> {
  const entities = entitiesNamed(context.project, request.entity)
  const published = await publishedBuild(context, session)
  const graphs: OpenGraph[] = []
  for (const entity of published === undefined ? [] : entities) {
    const graph = await openGraph(context, session, entity, request.showValues)
    if (graph !== undefined) graphs.push(graph)
  }
  if (published === undefined || graphs.length === 0)
    throw failure('project', 'command/arguments', 'Nothing is published yet.', '"cdp run" builds and publishes.')
  return { published, graphs }
}

/** The entity of that name, or all. Throws CdpError `ref/unknown-entity`. */
export function entitiesNamed({ entities }: Project, name: string | undefined): readonly Entity[] {
  if (name === undefined) return [...entities.values()]
  const entity = entities.get(name)
  if (entity !== undefined) return [entity]
  const close = nearest(name, entities.keys())
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  throw failure('project', 'ref/unknown-entity', `Entity "${name}" is not defined.`, fix)
}

interface Answered<T> {
  readonly about: T
  readonly asked: readonly Asked[]
}

async function aboutOne(
  subject: Subject,
  how: Pick<AnswersOf, 'build' | 'showValues'>,
): Promise<Answered<AboutProfile | AboutIdentifier>> {
  const { graph, profile } = subject
  const evidence = await evidenceOf(subject)
  const why = await readWhy(graph, evidence.known.values())
  const asked = [askedOf(subject, why)]
  if (profile !== undefined) {
    const { context, session, entity } = graph
    const facts = await profileFacts(graph, profile, evidence, why)
    const answers = await answersFor({ ...how, context, session, entity }, profile.id)
    return { about: { answer: 'profile', profile: facts, ...answers }, asked }
  }
  const { rows, known, cut } = evidence
  return {
    about: {
      answer: 'identifier',
      rows: rows.reduce((sum, { count }) => sum + count, 0),
      records: rows.map((one) => recordFacts(graph, one, known, undefined)),
      cut,
      profiles: ownersOf(evidence),
    },
    asked,
  }
}

function ownersOf({ rows, known }: Evidence): AboutIdentifier['profiles'] {
  const counts = new Map<string, number>()
  for (const one of rows) {
    const owner = ownerOf(one, known)?.profile_id
    if (owner !== undefined && owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + one.count)
  }
  return [...counts]
    .map(([id, count]) => ({ profile_id: id, rows: count }))
    .sort((a, b) => b.rows - a.rows || (a.profile_id < b.profile_id ? -1 : 1))
}

/** The same identifier twice, which joins nobody. */
function isSameLone(one: Subject, other: Subject): boolean {
  return one.profile === undefined && one.graph === other.graph && one.identifier?.node_id === other.identifier?.node_id
}

async function aboutTwo(one: Subject, other: Subject): Promise<Answered<AboutSame | AboutApart>> {
  if (one.graph !== other.graph) {
    const message = `These are a ${one.graph.entity.name} and a ${other.graph.entity.name}: identifiers of two entities are never joined.`
    throw failure('project', 'command/arguments', message, 'Name two of one entity.')
  }
  const { graph } = one
  if (one.profile !== undefined && one.profile.anchor === other.profile?.anchor)
    return { about: await same(one, other), asked: [askedOf(one, noWhy), askedOf(other, noWhy)] }
  const evidence = await evidenceOf(one)
  const beside = await evidenceOf(other)
  const why = await readWhy(graph, new Map([...evidence.known, ...beside.known]).values())
  const sides = [
    { anchor: one.profile?.anchor, evidence },
    { anchor: other.profile?.anchor, evidence: beside },
  ] as const
  const apart = await keptApart(graph, ...sides, why)
  return {
    about: { answer: 'apart', ...apart, cut: evidence.cut || beside.cut },
    asked: [askedOf(one, why), askedOf(other, why)],
  }
}

const noWhy: Why = () => null

async function same(one: Subject, other: Subject): Promise<AboutSame> {
  const { graph, profile } = one
  if (profile === undefined) throw new Error('only profiles are the same')
  const evidence = await loadEvidence(graph, { anchor: profile.anchor }, WHOLE)
  const [from, to] = [nodeOf(one), nodeOf(other)]
  // An identifier beyond what was loaded is not there.
  const missing = [from, to].filter((node) => !evidence.known.has(node))
  const known = new Map(evidence.known)
  for (const node of await loadKnown(graph, missing)) known.set(node.node_id, node)
  const path = pathBetween(graph, { ...evidence, known }, { anchor: profile.anchor, from, to })
  const { entity } = graph
  return { answer: 'same', entity: entity.name, profile_id: profile.id, path: path ?? null, cut: evidence.cut }
}

/** The identifier that a subject stands for: of a profile the one from which its id was minted. */
function nodeOf({ identifier, alias, profile }: Subject): number {
  return identifier?.node_id ?? alias?.anchor ?? profile?.anchor ?? 0
}

function evidenceOf({ graph, profile, identifier }: Subject): Promise<Evidence> {
  return loadEvidence(graph, profile === undefined ? { lone: required(identifier) } : { anchor: profile.anchor }, MOST)
}

function required(identifier: Known | undefined): Known {
  if (identifier === undefined) throw new Error('a subject is an identifier or a profile')
  return identifier
}

function askedOf({ graph, identifier, profile, alias }: Subject, why: Why): Asked {
  return {
    entity: graph.entity.name,
    identifier:
      identifier === undefined
        ? null
        : { ...graph.veil.identifier(identifier), standing: identifier.standing, why: why(identifier) },
    profile_id: profile?.id ?? null,
    alias: alias?.id ?? null,
  }
}
