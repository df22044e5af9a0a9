import { problem } from '../error.ts'
import type { Unit, ValueType } from '../sql/dialect.ts'
import { cycles, ring } from './cycles.ts'
import { find, wantedIn } from './find.ts'
import { identifierColumns, type WrittenIdentifier, writtenColumns } from './identifier-columns.ts'
import { keyPlace } from './key-place.ts'
import type { Source, SourceIdentifier } from './project.ts'
import type { PlainRelation } from './relation.ts'
import { relationOf } from './resolve-relation.ts'
import { header, type Resolving } from './resolving.ts'
import type { SourceShape } from './schema.ts'
import type { Entry } from './shapes.ts'
import { parseDuration } from './time.ts'
import type { Item } from './validate.ts'

/** Every source of which at least the relation is known. `identifierTypes`: declared type → its entity. */
export function resolveSources(
  context: Resolving,
  identifierTypes: ReadonlyMap<string, { readonly entity: string }>,
): ReadonlyMap<string, Source> {
  const { items } = context.validated.sources
  const sources = new Map<string, Source>()
  for (const item of items.values()) {
    const owner = { name: item.name, what: `Source "${item.name}"`, at: item.key.at() }
    const relation = relationOf(context, owner, item.value)
    if (!relation) continue
    sources.set(item.name, sourceOf(context, item, relation, identifierTypes))
    keepPlaces(context, item)
  }
  checkRings(context, sources)
  checkParents(context, sources)
  return sources
}

function sourceOf(
  context: Resolving,
  item: Item<SourceShape>,
  relation: PlainRelation,
  identifierTypes: ReadonlyMap<string, { readonly entity: string }>,
): Source {
  const { value } = item
  const named = (value.identifiers ?? []).flatMap((one) => identifiersOf(context, one, identifierTypes))
  const identifiers = groupsLast(context, named, identifierTypes)
  const columns = value.columns ?? []
  return {
    ...header(item),
    relation,
    category: categoryOf(value, identifiers),
    key: value.key?.text,
    occurredAt: value.at?.text,
    updatedAt: value.updated_at?.text,
    loadedAt: value.loaded_at?.text,
    overlapHours: overlapOf(context, item),
    appendOnly: isAppendOnly(context, item, identifiers),
    mayBeEmpty: value.may_be_empty ?? false,
    identifiers,
    types: typesOf(value, identifiers),
    pii: new Map(columns.flatMap(({ key, value: { pii } }) => (pii === undefined ? [] : [[key.text, pii]]))),
    belongsTo: new Map((value.belongs_to ?? []).map(({ key, value: column }) => [key.text, column.text])),
  }
}

const DEFAULT_OVERLAP = 96

/** In hours; a part of one counts as whole, a longer unit as its longest. */
function overlapOf({ problems }: Resolving, { name, node, value }: Item<SourceShape>): number {
  const { overlap, loaded_at: loadedAt } = value
  if (!overlap) return DEFAULT_OVERLAP
  if (!loadedAt) {
    const message = `Source "${name}" needs "loaded_at": "overlap" is counted from it.`
    const fix =
      'Name under `loaded_at:` the column that says when a row reached the warehouse, or leave `overlap:` out.'
    problems.push(problem('project/missing-key', message, keyPlace(node, 'overlap'), fix))
  }
  const duration = parseDuration(overlap.text)
  const hours = duration && Math.ceil((duration.amount * SECONDS[duration.unit]) / 3600)
  if (hours !== undefined && hours <= CENTURY) return hours
  const message = `"${overlap.text}" is no ${duration ? 'overlap: it is longer than 100 years' : 'duration'}.`
  problems.push(problem('project/wrong-type', message, overlap.at(), 'Write 3 days, or 12 hours.'))
  return DEFAULT_OVERLAP
}

/** Only rows that reached the warehouse since then are new, and whose they are is remembered by their identifiers. */
function isAppendOnly(
  { problems }: Resolving,
  { name, node, value }: Item<SourceShape>,
  identifiers: readonly SourceIdentifier[],
): boolean {
  if (value.append_only !== true) return false
  const at = keyPlace(node, 'append_only')
  const refuse = (code: 'project/missing-key' | 'project/wrong-type', message: string, fix: string) => {
    problems.push(problem(code, message, at, fix))
    return false
  }
  if (!value.loaded_at)
    return refuse(
      'project/missing-key',
      `Source "${name}" needs "loaded_at": by it an append-only source tells its new rows.`,
      'Name under `loaded_at:` the column that says when a row reached the warehouse, or leave `append_only:` out.',
    )
  if (categoryOf(value, identifiers) === 'profile')
    return refuse(
      'project/wrong-type',
      `Source "${name}" is a source of profiles, whose rows change: it cannot be append-only.`,
      'Write `category: event` and `at:`, if its rows are things that happened, or leave `append_only:` out.',
    )
  if (identifiers.length === 0)
    return refuse(
      'project/missing-key',
      `Source "${name}" needs identifiers of its own to be append-only: the row through which its rows find their people may change.`,
      'Name its `identifiers:`, or leave `append_only:` out.',
    )
  return true
}

function categoryOf(value: SourceShape, identifiers: readonly SourceIdentifier[]): Source['category'] {
  return value.category ?? (value.at ? 'event' : identifiers.length > 0 ? 'profile' : 'product')
}

const SECONDS: Readonly<Record<Unit, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 7 * 86_400,
  month: 31 * 86_400,
  quarter: 92 * 86_400,
  year: 366 * 86_400,
}

const CENTURY = 100 * 366 * 24

/** The warehouse is asked later whether what is named here exists. */
function keepPlaces({ places }: Resolving, { name, value }: Item<SourceShape>): void {
  const relation = value.table ?? value.file ?? value.sql
  if (relation) places.relations.set(name, relation.at())
  const named = [
    ...[value.key, value.at, value.updated_at, value.loaded_at].filter((one) => one !== undefined),
    ...(value.identifiers ?? []).flatMap(writtenColumns),
    ...(value.columns ?? []).map((one) => one.key),
    ...(value.belongs_to ?? []).map((one) => one.value),
  ]
  places.columns.push(...named.map((one) => ({ source: name, column: one.text, at: one.at() })))
}

function identifiersOf(
  context: Resolving,
  written: WrittenIdentifier,
  types: ReadonlyMap<string, { readonly entity: string }>,
): readonly SourceIdentifier[] {
  const { entities } = context.validated
  const declared = [...entities.items.values()].flatMap((entity) => entity.value.identifiers)
  // An entity of a wrong shape may have declared the type.
  const isSure = entities.items.size === entities.names.size
  if (isSure) {
    const names = new Map(declared.map((one: Entry<unknown>) => [one.key.text, one.key.at()]))
    find(written.key, types, { code: 'ref/unknown-identifier', what: 'Identifier type', names }, context.problems)
  }
  return identifierColumns(written)
}

/**
 * The identifiers of groups (`of:`) after all others: the first one says whose profiles the rows are that name nobody,
 * and a group has no such profiles.
 */
function groupsLast(
  { validated: { entities } }: Resolving,
  identifiers: readonly SourceIdentifier[],
  types: ReadonlyMap<string, { readonly entity: string }>,
): readonly SourceIdentifier[] {
  const isGroup = ({ type }: SourceIdentifier) =>
    entities.items.get(types.get(type)?.entity ?? '')?.value.of !== undefined
  return [...identifiers.filter((one) => !isGroup(one)), ...identifiers.filter(isGroup)]
}

/** Declared types; times are timestamps and identifiers text unless declared otherwise. */
function typesOf(value: SourceShape, identifiers: readonly SourceIdentifier[]): ReadonlyMap<string, ValueType> {
  const times = [value.at, value.updated_at, value.loaded_at].flatMap((one) => (one ? [one.text] : []))
  return new Map<string, ValueType>([
    ...identifiers.map((one): [string, ValueType] => [one.column, 'text']),
    ...times.map((one): [string, ValueType] => [one, 'timestamp']),
    ...(value.columns ?? []).flatMap(({ key, value: { type } }): [string, ValueType][] =>
      type ? [[key.text, type]] : [],
    ),
  ])
}

/** A parent's rows are looked up by its key. */
function checkParents(context: Resolving, sources: ReadonlyMap<string, Source>): void {
  const wanted = wantedIn('ref/unknown-source', 'Source', context.validated.sources)
  for (const item of context.validated.sources.items.values())
    for (const { key } of item.value.belongs_to ?? []) {
      const parent = find(key, sources, wanted, context.problems)
      if (!parent || parent.key !== undefined) continue
      const message = `Source "${key.text}" has no key, so no row can belong to it.`
      context.problems.push(problem('project/missing-key', message, key.at(), `Name the \`key:\` of "${key.text}".`))
    }
}

function checkRings(context: Resolving, sources: ReadonlyMap<string, Source>): void {
  const { items } = context.validated.sources
  const reads = [...sources.values()].map(({ name, relation }) => {
    const pieces = relation.kind === 'sql' ? relation.pieces : []
    const at = relation.kind === 'sql' ? relation.at : undefined
    return [name, pieces.flatMap((one) => (typeof one === 'string' || !at ? [] : [{ to: one.source, at }]))] as const
  })
  const belongs = [...items.values()].map(
    ({ name, value }) => [name, (value.belongs_to ?? []).map(({ key }) => ({ to: key.text, at: key.at() }))] as const,
  )
  for (const graph of [new Map(reads), new Map(belongs)])
    for (const { names, at } of cycles(graph))
      context.problems.push(problem('ref/cycle', `Sources form a ring: ${ring(names)}.`, at))
}
