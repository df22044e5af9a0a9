import { type Diagnostic, nearest, problem } from '../error.ts'
import { builtInColumns, traitColumns } from './columns.ts'
import { didYouMean, find, unknown, wantedIn } from './find.ts'
import { type GivenPeople, givenPeople, holds } from './given-people.ts'
import { expectedValue, givenTime } from './given-values.ts'
import type { Expression } from './language.ts'
import { nameOf } from './place.ts'
import type { Entity, Project } from './project.ts'
import type { Resolving } from './resolving.ts'
import { HELD_OUT } from './segment-people.ts'
import { shaped } from './shape.ts'
import type { Node, Scalar } from './tree.ts'
import type { Expectation, PastMember, UnitTest, Who } from './unit-test.ts'
import { entityExpectation, segmentExpectation, traitExpectations, type UnitTestShape } from './unit-test-shape.ts'
import type { Item } from './validate.ts'

/** Everything of which tests may speak. */
export type Testable = Pick<Project, 'sources' | 'entities' | 'segments' | 'places'>

/** What a test expects, in its order; problems were added for what cannot be. */
export function resolveExpectations(
  context: Resolving,
  project: Testable,
  item: Item<UnitTestShape>,
  given: UnitTest['given'],
): readonly Expectation[] {
  const reading: Reading = { context, project, problems: context.problems, people: givenPeople(project, given) }
  const found = item.value.expect.flatMap(({ key, value }) => expectations(reading, key, value))
  checkContradictions(found, context.problems)
  // What speaks of something broken expects something all the same.
  if (found.length === 0 && item.value.expect.every(({ value }) => saysNothing(value))) {
    const fix = 'Write who is in a segment: expect: { vips: { in: [a@mail.example], out: [b@mail.example] } }.'
    context.problems.push(problem('project/missing-key', `Test "${item.name}" expects nothing.`, item.key.at(), fix))
  }
  return found
}

function saysNothing(node: Node): boolean {
  if (node.kind === 'scalar') return node.isNull
  return node.kind === 'list' ? node.items.every(saysNothing) : node.entries.every(({ value }) => saysNothing(value))
}

/** The memberships that were published before a test; problems were added for those that cannot be. */
export function resolveBefore(
  context: Resolving,
  project: Testable,
  { value }: Item<UnitTestShape>,
  given: UnitTest['given'],
): readonly PastMember[] {
  const reading: Reading = { context, project, problems: context.problems, people: givenPeople(project, given) }
  const { timezone } = context.settings
  const time = (written: Scalar) => givenTime(written, timezone, context.problems)
  const wanted = wantedIn('ref/unknown-segment', 'Segment', context.validated.segments)
  return (value.members_before ?? []).flatMap(({ key, value: members }) => {
    const segment = find(key, project.segments, wanted, context.problems)
    return members.flatMap((one): readonly PastMember[] => {
      const who = segment && whoOf(reading, 'value' in one ? one.key : one, [segment.entity])
      const from = 'value' in one ? time(one.value.from) : YESTERDAY
      const to = 'value' in one && one.value.to ? time(one.value.to) : undefined
      return segment && who && from ? [{ entity: segment.entity, segment: segment.name, who, from, to }] : []
    })
  })
}

const YESTERDAY: Expression = { kind: 'now', amount: -1, unit: 'day' }

interface Reading {
  readonly context: Resolving
  readonly project: Testable
  readonly problems: Diagnostic[]
  readonly people: GivenPeople
}

function expectations(reading: Reading, key: Scalar, node: Node): readonly Expectation[] {
  const { project, context } = reading
  if (key.text === 'traits') return ofTraits(reading, key, node)
  const segment = project.segments.get(key.text)
  if (segment) return ofSegment(reading, key, node)
  const entity = project.entities.get(key.text)
  if (entity) return ofEntity(reading, entity, key, node)
  const { segments, entities } = context.validated
  // What is broken where it is defined was told there.
  if (!segments.names.has(key.text) && !entities.names.has(key.text)) {
    const wanted = wantedIn('ref/unknown-segment', 'Segment or entity', segments)
    const names = new Map([...segments.names, ...entities.names, ['traits', key.at()] as const])
    const off = segments.disabled.has(key.text)
    const close = nearest(key.text, names.keys())
    const fix = close === 'traits' ? 'Did you mean "traits"?' : didYouMean(key.text, names)
    reading.problems.push(
      off ? unknown(key, wanted) : { ...unknown(key, { ...wanted, names }), ...(fix !== undefined && { fix }) },
    )
  }
  return []
}

function ofSegment(reading: Reading, key: Scalar, node: Node): readonly Expectation[] {
  const shaping = { problems: reading.problems, what: `"${key.text}"`, at: key.at() }
  const value = shaped(node, segmentExpectation, shaping)
  const segment = reading.project.segments.get(key.text)
  if (!value || !segment) return []
  const person = (who: Scalar): Who | undefined => whoOf(reading, who, [segment.entity])
  const members = (written: readonly Scalar[] | undefined, isIn: boolean) =>
    (written ?? []).flatMap((one): readonly Expectation[] => {
      const who = person(one)
      return who ? [{ kind: 'member', segment: segment.name, who, isIn }] : []
    })
  const variants = (value.variants ?? []).flatMap(({ key: one, value: variant }): readonly Expectation[] => {
    const who = person(one)
    if (!isVariant(reading, key.text, segment.variants, variant) || !who) return []
    return [{ kind: 'variant', segment: segment.name, who, variant: variant.text, at: variant.at() }]
  })
  return [
    ...members(value.in, true),
    ...members(value.out, false),
    ...variants,
    ...countOf('segment', key, value.count),
  ]
}

function isVariant(reading: Reading, segment: string, variants: readonly string[], written: Scalar): boolean {
  const known = [...variants, HELD_OUT]
  if (known.includes(written.text)) return true
  const close = nearest(written.text, known)
  const fix = close ? `Did you mean "${close}"?` : `It has ${known.join(', ')}.`
  const message = `Segment "${segment}" has no variant "${written.text}".`
  reading.problems.push(problem('ref/unknown-segment', message, written.at(), fix))
  return false
}

function countOf(of: 'segment' | 'entity', key: Scalar, count: number | undefined): readonly Expectation[] {
  return count === undefined ? [] : [{ kind: 'count', of, name: key.text, count, at: key.at() }]
}

function ofEntity(reading: Reading, entity: Entity, key: Scalar, node: Node): readonly Expectation[] {
  const shaping = { problems: reading.problems, what: `"${key.text}"`, at: key.at() }
  const value = shaped(node, entityExpectation, shaping)
  if (!value) return []
  const groups = (kind: 'same' | 'apart') =>
    (value[kind] ?? []).flatMap((written): readonly Expectation[] => {
      const who = written.flatMap((one) => whoOf(reading, one, [entity.name]) ?? [])
      if (written.length < 2 && written[0] !== undefined) alone(kind, written[0], reading.problems)
      return who.length > 1 ? [{ kind, entity: entity.name, who }] : []
    })
  return [...groups('same'), ...groups('apart'), ...countOf('entity', key, value.count)]
}

function alone(kind: string, one: Scalar, problems: Diagnostic[]): void {
  const message = `"${kind}" compares two or more people, and "${one.text}" stands alone.`
  problems.push(problem('project/wrong-type', message, one.at(), `Write ${kind}: [[a, b]].`))
}

function ofTraits(reading: Reading, key: Scalar, node: Node): readonly Expectation[] {
  const { project, problems, context } = reading
  const people = shaped(node, traitExpectations, { problems, what: '"traits"', at: key.at() })
  return (people ?? []).flatMap(({ key: one, value: traits }) => {
    const who = whoOf(reading, one, [...project.entities.keys()])
    if (!who) return []
    const entities = [...project.entities.values()].filter((entity) => holds(reading.people, one.text, [entity.name]))
    return traits.flatMap(({ key: trait, value }): readonly Expectation[] => {
      const entity = entities.find((each) => columnsOf(project, each).includes(trait.text))
      if (!entity) return unknownTrait(reading, entities, trait)
      const expected = expectedValue(value, context.settings.timezone, problems)
      return expected ? [{ kind: 'trait', entity: entity.name, who, trait: trait.text, expected, at: trait.at() }] : []
    })
  })
}

function columnsOf(project: Testable, entity: Entity): readonly string[] {
  return [...traitColumns(entity.traits), ...builtInColumns(project, entity)].map(({ name }) => name)
}

function unknownTrait({ project, context, problems }: Reading, entities: readonly Entity[], trait: Scalar): [] {
  const groups = entities.flatMap(({ name }) => context.validated.traits.get(name)?.traits ?? [])
  // What is broken where it is defined was told there.
  if (groups.some(({ names }) => names.has(trait.text))) return []
  const [entity] = entities
  const places = new Map(groups.flatMap(({ names }) => [...names]))
  const close = nearest(trait.text, entity ? columnsOf(project, entity) : [])
  const fix = didYouMean(trait.text, places) ?? (close && `Did you mean "${close}"?`)
  const message = `Trait "${trait.text}" is not defined on entity "${entity?.name ?? ''}".`
  problems.push(problem('ref/unknown-trait', message, trait.at(), fix))
  return []
}

/** Somebody of one of the entities; undefined where no row holds the identifier, and then a problem was added. */
function whoOf({ people, problems }: Reading, written: Scalar, entities: readonly string[]): Who | undefined {
  const who = { text: written.text, at: written.at() }
  if (holds(people, written.text, entities)) return who
  const close = nearest(written.text, people.texts)
  const of = entities.length === 1 ? ` of entity "${entities[0]}"` : ''
  const message = `No row that is given holds an identifier "${written.text}"${of}.`
  const fix = close === undefined ? 'Give a row with it, or name somebody by another identifier.' : undefined
  problems.push(problem('ref/unknown-identifier', message, written.at(), fix ?? `Did you mean "${close}"?`))
  return undefined
}

function checkContradictions(all: readonly Expectation[], problems: Diagnostic[]): void {
  const seen = new Map<string, Extract<Expectation, { kind: 'member' }>>()
  for (const one of all) {
    if (one.kind !== 'member') continue
    const key = JSON.stringify([one.segment, one.who.text])
    const before = seen.get(key)
    seen.set(key, before ?? one)
    if (before === undefined || before.isIn === one.isIn) continue
    const message = `"${one.who.text}" is expected in "${one.segment}", and out of it.`
    const fix = `The other expectation stands at ${nameOf(before.who.at)}.`
    problems.push(problem('project/wrong-type', message, one.who.at, fix))
  }
}
