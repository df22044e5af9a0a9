import { type At, problem, warning } from '../error.ts'
import { didYouMean } from './find.ts'
import { identifierColumns, type WrittenIdentifier, writtenColumns } from './identifier-columns.ts'
import { LIST_KEYS, type ListKind, listName, pairColumn } from './identity-lists.ts'
import { keyPlace } from './key-place.ts'
import { nameOf } from './place.ts'
import type { Source, SourceIdentifier } from './project.ts'
import type { Relation } from './relation.ts'
import { relationOf } from './resolve-relation.ts'
import type { Resolving } from './resolving.ts'
import type { EntityShape } from './schema.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'

type Written = NonNullable<EntityShape['never_merge']>

/** A list that an entity names, and where. */
interface Named {
  readonly context: Resolving
  readonly entity: Item<EntityShape>
  readonly key: string
  readonly written: Written
  readonly at: At
}

/** A list of an entity as a source whose rows name the identifiers; undefined where there is none that can be read. */
export function identityList(context: Resolving, entity: Item<EntityShape>, kind: ListKind): Source | undefined {
  const key = LIST_KEYS[kind]
  const written = entity.value[key]
  if (!written) return undefined
  const name = listName(entity.name, kind)
  const list: Named = { context, entity, key, written, at: keyPlace(entity.node, key) ?? entity.key.at() }
  const what = `"${key}" of entity "${entity.name}"`
  const relation = relationOf(context, { name, what, at: list.at }, written)
  const identifiers = written.identifiers?.flatMap((one) => namedColumns(list, one)) ?? pairColumns(entity)
  checkColumns(list, identifiers)
  if (!relation) return undefined
  keepPlaces(list, name)
  return sourceOf(
    list,
    name,
    written.identifiers ? relation : { kind: 'pairs', of: relation, types: typesOf(entity) },
    identifiers,
  )
}

function sourceOf(
  { written, at }: Named,
  name: string,
  relation: Relation,
  identifiers: readonly SourceIdentifier[],
): Source {
  return {
    name,
    at,
    description: undefined,
    owner: undefined,
    tags: [],
    relation,
    category: 'event',
    key: undefined,
    occurredAt: undefined,
    updatedAt: undefined,
    loadedAt: undefined,
    overlapHours: 0,
    appendOnly: false,
    mayBeEmpty: written.may_be_empty ?? false,
    identifiers,
    // A table may hold them as numbers; in files they are read as text because they are identifiers.
    types: new Map(),
    pii: new Map(),
    belongsTo: new Map(),
  }
}

function typesOf(entity: Item<EntityShape>): readonly string[] {
  return entity.value.identifiers.map(({ key }) => key.text)
}

/** Rows that say the type of each value: any type of the entity on either side. */
function pairColumns(entity: Item<EntityShape>): readonly SourceIdentifier[] {
  return typesOf(entity).flatMap((type) =>
    (['a', 'b'] as const).map((side) => ({ type, column: pairColumn(type, side), country: undefined })),
  )
}

function namedColumns(list: Named, one: WrittenIdentifier): readonly SourceIdentifier[] {
  checkType(list, one.key)
  return identifierColumns(one)
}

/** A list speaks of the entity's own identifiers that join. */
function checkType({ context, entity, key: list }: Named, type: Scalar): void {
  const { problems, validated } = context
  const own = entity.value.identifiers.find(({ key }) => key.text === type.text)
  if (own?.value.link === false) {
    const message = `"${type.text}" does not go with "${list}": it joins nobody, so no row of the list acts by it.`
    const at = keyPlace(entity.node, 'identifiers', type.text, 'link')
    problems.push(
      warning('project/unknown-key', message, type.at(), at && `It is marked "link: false" at ${nameOf(at)}.`),
    )
  }
  if (own) return
  const owner = [...validated.entities.items.values()].find(({ value }) =>
    value.identifiers.some(({ key }) => key.text === type.text),
  )
  const names = new Map(entity.value.identifiers.map(({ key }) => [key.text, key.at()]))
  const [message, fix] = owner
    ? [
        `Identifier type "${type.text}" belongs to entity "${owner.name}", not to "${entity.name}".`,
        `Entity "${entity.name}" has: ${[...names.keys()].join(', ')}.`,
      ]
    : [`Identifier type "${type.text}" is not defined.`, didYouMean(type.text, names)]
  problems.push(problem('ref/unknown-identifier', message, type.at(), fix))
}

/** A row that names one value alone says nothing. */
function checkColumns({ context, entity, key, written, at }: Named, identifiers: readonly SourceIdentifier[]): void {
  if (!written.identifiers || new Set(identifiers.map(({ column }) => column)).size > 1) return
  const message = `"${key}" of entity "${entity.name}" needs at least two columns: a row names two values.`
  const [first] = entity.value.identifiers
  const fix = `Write identifiers: { ${first?.key.text ?? 'email'}: [left, right] }, with the names of the columns.`
  context.problems.push(problem('project/missing-key', message, keyPlace(entity.node, key, 'identifiers') ?? at, fix))
}

/** The warehouse is asked later whether what is named here exists. */
function keepPlaces({ context, written }: Named, name: string): void {
  const relation = written.table ?? written.file ?? written.sql
  if (relation) context.places.relations.set(name, relation.at())
  const columns = (written.identifiers ?? []).flatMap(writtenColumns)
  context.places.columns.push(...columns.map((one) => ({ source: name, column: one.text, at: one.at() })))
}
