import { GIVEN } from '../compile/unit-tests.ts'
import { traitColumns } from '../project/columns.ts'
import { isComputed } from '../project/given-people.ts'
import { graphOf } from '../project/graph.ts'
import type { Entity, Project, Segment, Source, Trait } from '../project/project.ts'
import type { PlainRelation } from '../project/relation.ts'
import type { Expectation, UnitTest } from '../project/unit-test.ts'
import { entityOf, segmentOf } from './expectation.ts'

/** The part of a project that a test is about, over the test's own rows. */
export interface Narrowed {
  readonly project: Project
  /** The models that its expectations need. */
  readonly wanted: readonly string[]
  /** Equal for tests that compile to the same models. */
  readonly key: string
}

/**
 * Leaves what the expectations speak of: SQL of the warehouse's own that a test does not need must not keep it from
 * running elsewhere. Every source is a table of invented rows; an SQL model is computed where rows of what it reads
 * are given, and its own are not.
 */
export function narrow(project: Project, test: UnitTest): Narrowed {
  const segments = segmentsFor(project, test.expect)
  const kept = new Map([...project.segments].filter(([name]) => segments.has(name)))
  const traits = traitsFor(project, [...kept.values()], test.expect)
  const computed = [...project.sources.values()].filter((source) => isComputed(project, source, test.given))
  const entities = new Map([...project.entities].map(([name, entity]) => [name, narrowed(entity, traits)]))
  const needed = sourcesFor(project, test, [...kept.values()], [...entities.values()])
  const sources = new Map(needed.map((source) => [source.name, given(source, computed.includes(source))]))
  return {
    project: {
      ...project,
      sources,
      entities,
      segments: kept,
      destinations: new Map(),
      syncs: new Map(),
      dataTests: [],
    },
    wanted: [...new Set(test.expect.map((one) => modelFor(project, one)))],
    key: JSON.stringify([[...segments], [...traits], [...sources.keys()], computed.map(({ name }) => name), test.vars]),
  }
}

/** The project without traits and segments, for one entity and those that it groups: who is whom, and nothing else. */
export function identityOnly(project: Project, entity: string): Project {
  const only = (name: string | undefined): readonly (readonly [string, Entity])[] => {
    const found = name === undefined ? undefined : project.entities.get(name)
    return found === undefined ? [] : [...only(found.of), [found.name, { ...found, traits: new Map() }]]
  }
  return { ...project, entities: new Map(only(entity)), segments: new Map() }
}

function modelFor(project: Project, expectation: Expectation): string {
  const kind = segmentOf(expectation) === undefined ? 'profiles' : 'segments'
  return `${kind}/${entityOf(project, expectation)}`
}

/** The segments of the expectations, and those without which they cannot be decided. */
function segmentsFor(project: Project, expect: readonly Expectation[]): ReadonlySet<string> {
  const graph = graphOf(project)
  const needed = new Set<string>()
  const need = (id: string) => {
    const node = graph.get(id)
    if (node?.kind !== 'segment' || needed.has(node.name)) return
    needed.add(node.name)
    node.needs.forEach(need)
  }
  for (const one of expect) need(`segment:${segmentOf(one)}`)
  return needed
}

/** The traits of which anything that is kept may speak, also in SQL of the warehouse's own. */
function traitsFor(
  project: Project,
  segments: readonly Segment[],
  expect: readonly Expectation[],
): ReadonlySet<string> {
  const all = [...project.entities.values()].flatMap((entity) => [...entity.traits.values()])
  const kept = new Set<string>()
  let words = new Set([...wordsIn(segments), ...expect.flatMap((one) => (one.kind === 'trait' ? [one.trait] : []))])
  while (words.size > 0) {
    const isMeant = (trait: Trait) => traitColumns(new Map([[trait.name, trait]])).some(({ name }) => words.has(name))
    const found = all.filter((trait) => !kept.has(trait.name) && isMeant(trait))
    for (const { name } of found) kept.add(name)
    words = new Set(found.flatMap(({ definition }) => [...wordsIn(definition)]))
  }
  return kept
}

/**
 * The sources of which rows are given, those of which anything that is kept may speak, and all that these need. An
 * empty source changes nobody, and takes its time.
 */
function sourcesFor(
  project: Project,
  test: UnitTest,
  segments: readonly Segment[],
  entities: readonly Entity[],
): readonly Source[] {
  const all = [...project.sources.values()]
  const traits = entities.flatMap((entity) => [...entity.traits.values()].map(({ definition }) => definition))
  const words = new Set([...wordsIn(segments), ...wordsIn(traits), ...test.given.keys()])
  const needed = new Set<string>()
  const need = (name: string) => {
    const source = project.sources.get(name)
    if (source === undefined || needed.has(name)) return
    needed.add(name)
    for (const other of [...source.belongsTo.keys(), ...readsOf(source)]) need(other)
  }
  for (const source of all)
    if (words.has(source.name) || (source.identifiers.length > 0 && isComputed(project, source, test.given)))
      need(source.name)
  // An entity that no source knows could not be compiled.
  for (const { identifiers } of entities) {
    const types = new Set(identifiers.map(({ name }) => name))
    const knows = (source: Source) => source.identifiers.some(({ type }) => types.has(type))
    const first = all.find(knows)
    if (first !== undefined && !all.some((source) => needed.has(source.name) && knows(source))) need(first.name)
  }
  return all.filter(({ name }) => needed.has(name))
}

function readsOf({ relation }: Source): readonly string[] {
  return relation.kind === 'sql' ? relation.pieces.flatMap((one) => (typeof one === 'string' ? [] : [one.source])) : []
}

/** Every word of every text in a tree of plain data, but for where it was written and what it says to people. */
function* wordsIn(tree: unknown): Generator<string> {
  if (typeof tree === 'string') yield* tree.split(/\W+/)
  else if (Array.isArray(tree)) for (const one of tree) yield* wordsIn(one)
  else if (typeof tree === 'object' && tree !== null)
    for (const [key, value] of Object.entries(tree)) if (!TOLD.has(key)) yield* wordsIn(value)
}

const TOLD: ReadonlySet<string> = new Set(['at', 'description', 'owner', 'tags'])

function narrowed(entity: Entity, kept: ReadonlySet<string>): Entity {
  return {
    ...entity,
    always: entity.always && given(entity.always, false),
    never: entity.never && given(entity.never, false),
    traits: new Map([...entity.traits].filter(([name]) => kept.has(name))),
  }
}

function given(source: Source, isModel: boolean): Source {
  const { relation, name } = source
  const table: PlainRelation = { kind: 'table', schema: GIVEN, table: name }
  if (relation.kind === 'pairs') return { ...source, relation: { ...relation, of: table }, mayBeEmpty: true }
  return { ...source, relation: isModel ? relation : table, mayBeEmpty: true }
}
