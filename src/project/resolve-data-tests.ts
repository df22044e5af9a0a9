import { problem } from '../error.ts'
import {
  type FoundTest,
  foundTest,
  notePlaces,
  type Options,
  type Owner,
  optionsOf,
  referenceTo,
} from './data-test-options.ts'
import { dataTestShapes, isTogether, type Tested as Place } from './data-test-shapes.ts'
import type { Check, DataTest } from './data-tests.ts'
import { find, wantedIn } from './find.ts'
import { literalAs } from './fit.ts'
import { keyPlace } from './key-place.ts'
import type { Condition, Duration, Reference } from './language.ts'
import type { Source } from './project.ts'
import { type EntityScope, traitScope } from './resolve-segments.ts'
import type { Resolving } from './resolving.ts'
import type { SourceShape } from './schema.ts'
import { sourceScope } from './scope.ts'
import { shaped } from './shape.ts'
import { parseDuration } from './time.ts'
import type { Node, Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression } from './where.ts'

/** Every data test that can stand: those of sources, then those of entities, in the order of the files. */
export function resolveDataTests(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
  scopes: ReadonlyMap<string, EntityScope>,
): readonly DataTest[] {
  const ofSources = [...context.validated.sources.items.values()].flatMap((item) => {
    const source = sources.get(item.name)
    return source === undefined ? [] : testsOfSource(context, sources, item, source)
  })
  return [...ofSources, ...[...scopes.values()].flatMap((scope) => testsOfEntity(context, sources, scope))]
}

function testsOfSource(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
  item: Item<SourceShape>,
  source: Source,
): readonly DataTest[] {
  const { value } = item
  // A test speaks of one row of one source: those that its rows belong to are what `relationships` is for.
  const names = { source: { ...source, belongsTo: new Map<string, string>() }, sources }
  const scope = sourceScope({ ...names, timezone: context.settings.timezone })
  const owner: Owner = { context, sources, of: { kind: 'source', name: item.name }, scope }
  const columns = value.columns ?? []
  return [
    ...columns.flatMap(({ key, value: { tests } }) => listed(tests, { ...owner, what: 'column', column: key })),
    ...listed(value.tests, { ...owner, what: 'source' }),
    ...(freshnessOf(owner, item, source) ?? []),
  ]
}

function testsOfEntity(
  context: Resolving,
  sources: ReadonlyMap<string, Source>,
  entity: EntityScope,
): readonly DataTest[] {
  const { name, traits } = entity.entity
  const owner: Owner = { context, sources, of: { kind: 'entity', name }, scope: traitScope(context, entity) }
  const items = [...(context.validated.traits.get(name)?.traits.items.values() ?? [])]
  return [
    ...items
      .filter((item) => traits.has(item.name))
      .flatMap(({ key, value }) => listed(value.tests, { ...owner, what: 'trait', column: key })),
    ...listed(context.validated.entities.items.get(name)?.value.tests, { ...owner, what: 'entity' }),
  ]
}

/** Where tests stand: `column` is the column or trait, under which they stand. */
interface Standing extends Owner {
  readonly what: Place
  readonly column?: Scalar
}

function listed(node: Node | undefined, standing: Standing): readonly DataTest[] {
  if (node === undefined || (node.kind === 'scalar' && node.isNull)) return []
  if (node.kind === 'list') return node.items.flatMap((item) => testOf(item, standing) ?? [])
  const message = `"tests" takes a list of tests, not ${node.kind === 'dict' ? 'a map' : 'text'}.`
  standing.context.problems.push(problem('project/wrong-type', message, node.at(), 'Write - before each test.'))
  return []
}

function testOf(node: Node, standing: Standing): DataTest | undefined {
  const found = foundTest(node, standing.what, standing.context.problems)
  if (found === undefined) return undefined
  const written = checkOf(found, standing)
  const options = written && optionsOf(standing, found, written.outer, written.inner)
  if (written === undefined || options === undefined) return undefined
  const { of } = standing
  const column = standing.column?.text
  const own = column === undefined ? `${of.name} ${wordsOf(written.check)}` : `${of.name}.${column} ${found.kind}`
  return { ...options, name: options.name ?? own, of, column, check: written.check, at: found.key.at() }
}

function wordsOf(check: Check): string {
  switch (check.kind) {
    case 'unique':
      return `unique (${check.columns.join(', ')})`
    case 'expression':
      return `expression (${check.words})`
    default:
      return check.kind
  }
}

/** What a test checks, and the options that stand beside its key and below it. */
interface Written {
  readonly check: Check
  readonly outer: Options
  readonly inner: Options
}

/** Undefined after a problem was added. */
function checkOf(found: FoundTest, standing: Standing): Written | undefined {
  const { kind, key, dict } = found
  const shaping = { problems: standing.context.problems, what: `Test "${kind}"`, at: key.at() }
  switch (kind) {
    case 'not_null': {
      const value = shaped(dict, dataTestShapes.not_null, shaping)
      const column = value && ownColumn(standing)
      if (value === undefined || column === undefined) return undefined
      const fails: Condition = {
        kind: 'test',
        expression: { kind: 'isNull', of: column, negated: false },
        at: key.at(),
      }
      return { check: { kind, fails, words: '' }, outer: value, inner: value.not_null }
    }
    case 'unique': {
      if (isTogether(kind, standing.what)) return uniqueTogether(found, standing)
      const value = shaped(dict, dataTestShapes.unique, shaping)
      const column = standing.column?.text
      if (value === undefined || column === undefined) return undefined
      return { check: { kind, columns: [column] }, outer: value, inner: value.unique }
    }
    case 'accepted_values': {
      const value = shaped(dict, dataTestShapes.accepted_values, shaping)
      const { accepted_values: inner } = value ?? {}
      if (value === undefined || inner === undefined) return undefined
      const [values, options] = Array.isArray(inner) ? [inner, {}] : [inner.values, inner]
      const check = acceptedValues(standing, found, values)
      return check && { check, outer: value, inner: options }
    }
    case 'relationships': {
      const value = shaped(dict, dataTestShapes.relationships, shaping)
      const check = value && relationship(standing, value.relationships)
      return check && { check, outer: value, inner: value.relationships }
    }
    case 'row_count': {
      const value = shaped(dict, dataTestShapes.row_count, shaping)
      const check = value && rowCount(standing, found, value.row_count)
      return check && { check, outer: value, inner: value.row_count }
    }
    case 'expression': {
      const value = shaped(dict, dataTestShapes.expression, shaping)
      const check = value && expression(standing, value.expression)
      return check && { check, outer: value, inner: {} }
    }
  }
}

/** The column or trait under which a test stands. */
function ownColumn(standing: Standing): Reference | undefined {
  return standing.column && referenceTo(standing, standing.column)
}

function uniqueTogether({ kind, key, dict }: FoundTest, standing: Standing): Written | undefined {
  const { problems } = standing.context
  const value = shaped(dict, dataTestShapes.uniqueTogether, { problems, what: `Test "${kind}"`, at: key.at() })
  if (value === undefined) return undefined
  const { unique } = value
  const [names, inner] = Array.isArray(unique) ? [unique, {}] : [unique.columns, unique]
  const references = names.map((name) => referenceTo(standing, name))
  if (references.includes(undefined)) return undefined
  return { check: { kind: 'unique', columns: names.map(({ text }) => text) }, outer: value, inner }
}

function acceptedValues(standing: Standing, { key }: FoundTest, values: readonly Scalar[]): Check | undefined {
  const { problems, settings } = standing.context
  const column = ownColumn(standing)
  if (column === undefined) return undefined
  const literals = values.map((value) => {
    const literal = literalAs(value.text, column.type, settings.timezone)
    if (literal === undefined) {
      const message = `"${value.text}" is no value of "${standing.column?.text}", which is of type ${column.type}.`
      problems.push(problem('expr/wrong-type', message, value.at()))
    }
    return literal
  })
  const fitting = literals.filter((one) => one !== undefined)
  if (fitting.length < values.length) return undefined
  const test = { kind: 'in', left: column, values: fitting, negated: true } as const
  return { kind: 'accepted_values', fails: { kind: 'test', expression: test, at: key.at() }, words: '' }
}

function relationship(
  standing: Standing,
  { to, column }: { readonly to: Scalar; readonly column?: Scalar | undefined },
): Check | undefined {
  const { context, sources } = standing
  const wanted = wantedIn('ref/unknown-source', 'Source', context.validated.sources)
  const source = find(to, sources, wanted, context.problems)
  const own = standing.column?.text
  if (source === undefined || own === undefined) return undefined
  const toColumn = column?.text ?? source.key
  if (toColumn === undefined) {
    const message = `Source "${to.text}" has no key, so "relationships" needs "column".`
    context.problems.push(problem('project/missing-key', message, to.at(), 'Say in which column the values stand.'))
    return undefined
  }
  if (column) context.places.columns.push({ source: source.name, column: column.text, at: column.at() })
  return { kind: 'relationships', column: own, to: source.name, toColumn }
}

function rowCount(
  { context: { problems } }: Standing,
  { dict, key }: FoundTest,
  { min, max }: { readonly min?: number | undefined; readonly max?: number | undefined },
): Check | undefined {
  if (min === undefined && max === undefined) {
    problems.push(problem('project/missing-key', '"row_count" needs "min" or "max".', key.at()))
    return undefined
  }
  if (min === undefined || max === undefined || min <= max) return { kind: 'row_count', min, max }
  const message = `"max" is ${max}, and "min" is ${min}: no number of rows is between them.`
  problems.push(problem('project/wrong-type', message, keyPlace(dict, 'row_count', 'max')))
  return undefined
}

function expression(standing: Standing, written: Scalar): Check | undefined {
  const { problems } = standing.context
  const of = readExpression(written, standing.scope, problems)
  if (of === undefined) return undefined
  const type = typeOf(of)
  if (type !== 'boolean' && type !== 'unknown') {
    const message = `"${written.text}" is neither true nor false.`
    const fix = `Compare it: ${written.text} >= 0.`
    problems.push(problem('expr/wrong-type', message, written.at(), fix))
    return undefined
  }
  notePlaces(standing, of)
  const fails: Condition = { kind: 'not', of: { kind: 'test', expression: of, at: written.at() } }
  return { kind: 'expression', fails, words: written.text }
}

/** None where the source has no `freshness:`; undefined after a problem was added. */
function freshnessOf(owner: Owner, { node, value, name }: Item<SourceShape>, source: Source) {
  const { context } = owner
  const { freshness } = value
  const at = keyPlace(node, 'freshness')
  if (freshness === undefined || at === undefined) return []
  const options = optionsOf(owner, undefined, { where: freshness.where }, {})
  const warnAfter = durationOf(context, freshness.warn_after)
  const errorAfter = durationOf(context, freshness.error_after)
  const column = source.loadedAt ?? source.updatedAt ?? source.occurredAt
  if (freshness.warn_after === undefined && freshness.error_after === undefined)
    context.problems.push(problem('project/missing-key', '"freshness" needs "warn_after" or "error_after".', at))
  if (column === undefined) {
    const message = `"freshness" needs a time, and source "${name}" has none.`
    const fix = `Name the \`loaded_at:\`, \`updated_at:\` or \`at:\` of "${name}".`
    context.problems.push(problem('expr/no-time', message, at, fix))
  }
  if (options === undefined || column === undefined || (warnAfter ?? errorAfter) === undefined) return undefined
  const severity = errorAfter === undefined ? 'warn' : 'error'
  const check = { kind: 'freshness', column, warnAfter, errorAfter } as const
  return [{ ...options, severity, name: `${name} freshness`, of: owner.of, column: undefined, check, at } as const]
}

function durationOf({ problems }: Resolving, written: Scalar | undefined): Duration | undefined {
  const duration = written && parseDuration(written.text)
  if (written && !duration) {
    const message = `"${written.text}" is no duration.`
    problems.push(problem('project/wrong-type', message, written.at(), 'Write 24h, or 3 days.'))
  }
  return duration
}
