import { profileTable } from '../compile/names.ts'
import { factsListing, timeStatement, typesOf } from '../compile/unit-tests.ts'
import type { At } from '../error.ts'
import type { Entity } from '../project/project.ts'
import { HELD_OUT } from '../project/segment-people.ts'
import { isNumber } from '../project/types.ts'
import type { Expectation, ExpectedValue, UnitTest, Who } from '../project/unit-test.ts'
import type { ValueType } from '../sql/dialect.ts'
import { listed } from '../sync/listed.ts'
import type { Bench, Built } from './bench.ts'
import { decidedLines } from './decide.ts'
import { entityOf, segmentOf } from './expectation.ts'
import type { UnitFailure } from './outcome.ts'
import { explainPair } from './pair.ts'
import { type FindPerson, type Forms, type Person, readPeople } from './people.ts'

/** What does not hold of a test that was built, in the order of its expectations. */
export async function judge(bench: Bench, built: Built, test: UnitTest, forms: Forms): Promise<readonly UnitFailure[]> {
  const facts = new Map<string, Facts>()
  for (const entity of entitiesOf(built, test)) facts.set(entity.name, await readFacts(built, test, entity, forms))
  const failures: UnitFailure[] = []
  const pairs: Pair[] = []
  for (const expectation of test.expect) {
    const given: Given = {
      built,
      test,
      facts: required(facts.get(entityOf(built.context.project, expectation))),
      failures,
      pairs,
    }
    await judged(expectation, given)
  }
  // An explanation drops what was built, so it comes last.
  for (const { entity, who, index } of pairs) {
    const failure = failures[index]
    const why = await explainPair(bench, built, test, { entity, who })
    if (failure?.kind === 'same' || failure?.kind === 'apart') failures[index] = { ...failure, why }
  }
  return failures
}

interface Pair {
  readonly entity: string
  readonly who: readonly [string, string]
  /** Of its failure. */
  readonly index: number
}

interface Facts {
  readonly entity: Entity
  readonly find: FindPerson
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly types: ReadonlyMap<string, ValueType>
}

interface Given {
  readonly built: Built
  readonly test: UnitTest
  readonly facts: Facts
  readonly failures: UnitFailure[]
  readonly pairs: Pair[]
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a test speaks of entities of its project')
  return value
}

function entitiesOf(built: Built, test: UnitTest): readonly Entity[] {
  const names = new Set(test.expect.map((one) => entityOf(built.context.project, one)))
  return [...built.context.project.entities.values()].filter(({ name }) => names.has(name))
}

async function readFacts(built: Built, { expect }: UnitTest, entity: Entity, forms: Forms): Promise<Facts> {
  const { context, session, build } = built
  const mine = expect.filter((one) => entityOf(built.context.project, one) === entity.name)
  const traits = [...new Set(mine.flatMap((one) => (one.kind === 'trait' ? [one.trait] : [])))]
  const segments = mine.flatMap((one) => segmentOf(one) ?? [])
  const listing = factsListing(context, entity, { traits, segments: [...new Set(segments)] })
  const known = typesOf(context, entity)
  const real = traits.some((name) => (known.get(name) ?? 'unknown') === 'unknown')
    ? await session.columns(profileTable(context.project, entity.name), { b: build })
    : undefined
  return {
    entity,
    find: await readPeople(context, session, entity, { build, forms }),
    rows: await listed(session, listing, {}, { b: build }),
    types: new Map([...known, ...(real ?? [])]),
  }
}

function judged(expectation: Expectation, given: Given): Promise<void> | void {
  switch (expectation.kind) {
    case 'member':
      return member(expectation, given)
    case 'variant':
      return variant(expectation, given)
    case 'count':
      return count(expectation, given)
    case 'same':
    case 'apart':
      return together(expectation, given)
    case 'trait':
      return trait(expectation, given)
  }
}

async function member({ segment, who, isIn }: Extract<Expectation, { kind: 'member' }>, given: Given): Promise<void> {
  const profile = await profileOf(who, given)
  if (profile === undefined) return
  const row = rowOf(given, profile)
  if ((row[`in_${segment}`] === 'true') === isIn) return
  const found = given.built.context.project.segments.get(segment)
  const decided = found === undefined ? [] : await decidedLines(given.built, found, profile, !isIn)
  const isHeldOut = row[`variant_${segment}`] === HELD_OUT
  const got = isIn ? (isHeldOut ? HELD_OUT : 'out') : 'in'
  const expected = isIn ? 'in' : 'out'
  given.failures.push({ ...placeOf(who.at), kind: 'member', segment, who: who.text, expected, got, decided })
}

async function variant(
  { segment, who, variant: expected, at }: Extract<Expectation, { kind: 'variant' }>,
  given: Given,
): Promise<void> {
  const profile = await profileOf(who, given)
  if (profile === undefined) return
  const got = textOf(rowOf(given, profile)[`variant_${segment}`])
  if (got !== expected) given.failures.push({ ...placeOf(at), kind: 'variant', segment, who: who.text, expected, got })
}

function count({ of, name, count: expected, at }: Extract<Expectation, { kind: 'count' }>, given: Given): void {
  const { rows } = given.facts
  const got = of === 'entity' ? rows.length : rows.filter((row) => row[`in_${name}`] === 'true').length
  if (got !== expected) given.failures.push({ ...placeOf(at), kind: 'count', of, name, expected, got })
}

async function together(
  { kind, entity, who }: Extract<Expectation, { kind: 'same' | 'apart' }>,
  given: Given,
): Promise<void> {
  const people: { readonly who: Who; readonly person: Person }[] = []
  for (const one of who) {
    const person = await given.facts.find(one)
    if (person.kind === 'unknown' || person.kind === 'several') unnamed(one, person, given)
    else people.push({ who: one, person })
  }
  const [first, ...others] = people
  const compared =
    kind === 'apart'
      ? people.flatMap((one, at) => people.slice(at + 1).map((other) => [one, other] as const))
      : others.flatMap((other) => (first === undefined ? [] : [[first, other] as const]))
  for (const [one, other] of compared) {
    const isSame =
      one.person.kind === 'one' && other.person.kind === 'one' && one.person.profile === other.person.profile
    if (isSame === (kind === 'same')) continue
    const named = [one.who.text, other.who.text] as const
    given.pairs.push({ entity, who: named, index: given.failures.length })
    given.failures.push({ ...placeOf(other.who.at), kind, entity, who: named, why: null })
  }
}

async function trait(expectation: Extract<Expectation, { kind: 'trait' }>, given: Given): Promise<void> {
  const { who, trait: name, expected, entity, at } = expectation
  const profile = await profileOf(who, given)
  if (profile === undefined) return
  const got = textOf(rowOf(given, profile)[`trait_${name}`])
  const type = given.facts.types.get(name) ?? 'unknown'
  const wanted = await expectedText(expected, type, given)
  if (isEqual(wanted, got, type)) return
  given.failures.push({ ...placeOf(at), kind: 'trait', entity, who: who.text, trait: name, expected: wanted, got })
}

/** What is expected as the warehouse would write it. */
async function expectedText(
  { text, time }: ExpectedValue,
  type: ValueType,
  { built, test }: Given,
): Promise<string | null> {
  if (time === undefined || (type !== 'date' && type !== 'timestamp')) return text
  const statement = timeStatement(built.context, test.now, time)
  const row = await built.session.first({ statement })
  return row?.[type] ?? null
}

function isEqual(expected: string | null, got: string | null, type: ValueType): boolean {
  if (expected === null || got === null) return expected === got
  if (!isNumber(type)) return expected === got
  const [wanted, real] = [Number(expected), Number(got)]
  // Sums of decimals in floating point are off by a little.
  return Math.abs(wanted - real) <= 1e-9 * Math.max(1, Math.abs(wanted), Math.abs(real))
}

/** The profile of somebody; undefined where it is not one, and then a failure was added. */
async function profileOf(who: Who, given: Given): Promise<string | undefined> {
  const person = await given.facts.find(who)
  if (person.kind === 'one') return person.profile
  unnamed(who, person, given)
  return undefined
}

function unnamed(who: Who, person: Exclude<Person, { kind: 'one' }>, { facts, failures }: Given): void {
  const undecided = (message: string, fix: string | null) =>
    failures.push({ ...placeOf(who.at), kind: 'undecided', message, fix })
  const { name } = facts.entity
  switch (person.kind) {
    case 'unknown':
      undecided(`No row holds an identifier "${who.text}" of a ${name}.`, null)
      break
    case 'nobody':
      undecided(`"${who.text}" joins nobody: ${person.why}.`, 'Name the person by another identifier.')
      break
    case 'several':
      undecided(
        `"${who.text}" is ${person.profiles.length} profiles of ${name}.`,
        'Say which with type:value, or name the person by another identifier.',
      )
  }
}

function rowOf({ facts }: Given, profile: string): Readonly<Record<string, unknown>> {
  return facts.rows.find((row) => row.profile_id === profile) ?? {}
}

function placeOf({ file, line }: At): { readonly file: string; readonly line: number } {
  return { file, line }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
