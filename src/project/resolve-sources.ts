import { problem } from '../error.ts'
import type { FileFormat, ValueType } from '../sql/dialect.ts'
import { cycles, ring } from './cycles.ts'
import { find, wantedIn } from './find.ts'
import type { Relation, Source, SourceIdentifier } from './project.ts'
import { header, type Resolving } from './resolving.ts'
import type { SourceShape } from './schema.ts'
import type { Entry } from './shapes.ts'
import { sqlModel } from './sql-model.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'

/** Every source of which at least the relation is known. `identifierTypes`: declared type → its entity. */
export function resolveSources(
  context: Resolving,
  identifierTypes: ReadonlyMap<string, { readonly entity: string }>,
): ReadonlyMap<string, Source> {
  const { items } = context.validated.sources
  const sources = new Map<string, Source>()
  for (const item of items.values()) {
    const relation = relationOf(context, item)
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
  relation: Relation,
  identifierTypes: ReadonlyMap<string, { readonly entity: string }>,
): Source {
  const { value } = item
  const identifiers = (value.identifiers ?? []).flatMap((one) => identifiersOf(context, one, identifierTypes))
  const columns = value.columns ?? []
  return {
    ...header(item),
    relation,
    category: value.category ?? (value.at ? 'event' : identifiers.length > 0 ? 'profile' : 'product'),
    key: value.key?.text,
    occurredAt: value.at?.text,
    updatedAt: value.updated_at?.text,
    loadedAt: value.loaded_at?.text,
    identifiers,
    types: typesOf(value, identifiers),
    pii: new Map(columns.flatMap(({ key, value: { pii } }) => (pii === undefined ? [] : [[key.text, pii]]))),
    belongsTo: new Map((value.belongs_to ?? []).map(({ key, value: column }) => [key.text, column.text])),
  }
}

/** The warehouse is asked later whether what is named here exists. */
function keepPlaces({ places }: Resolving, { name, value }: Item<SourceShape>): void {
  const relation = value.table ?? value.file ?? value.sql
  if (relation) places.relations.set(name, relation.at())
  const identifiers = (value.identifiers ?? []).flatMap((one) => columnsOf(one.value))
  const named = [
    ...[value.key, value.at, value.updated_at, value.loaded_at].filter((one) => one !== undefined),
    ...identifiers.flatMap(({ column, country }) => (country ? [column, country] : [column])),
    ...(value.columns ?? []).map((one) => one.key),
    ...(value.belongs_to ?? []).map((one) => one.value),
  ]
  places.columns.push(...named.map((one) => ({ source: name, column: one.text, at: one.at() })))
}

function relationOf(context: Resolving, item: Item<SourceShape>): Relation | undefined {
  const { table, file, sql } = item.value
  const given = [table, file, sql].filter((one) => one !== undefined)
  const [, second] = given
  if (second) {
    const message = `Source "${item.name}" is read from one place: "table", "file" or "sql".`
    context.problems.push(problem('project/wrong-type', message, second.at(), 'Keep one of them.'))
    return undefined
  }
  if (table) return tableOf(context, table)
  if (file) return fileOf(context, file)
  if (sql) return sqlModel(context, item.name, sql)
  const message = `Source "${item.name}" needs "table", "file" or "sql".`
  context.problems.push(problem('project/missing-key', message, item.key.at()))
  return undefined
}

function tableOf(context: Resolving, written: Scalar): Relation | undefined {
  const parts = written.text.split('.')
  const [first = '', second] = parts
  if (parts.length <= 2 && parts.every((part) => part.trim() !== ''))
    return second === undefined
      ? { kind: 'table', schema: undefined, table: first }
      : { kind: 'table', schema: first, table: second }
  const message = `"${written.text}" is no table: a name, or a schema and a name.`
  context.problems.push(problem('project/wrong-type', message, written.at(), 'Write raw.orders.'))
  return undefined
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  csv: 'csv',
  parquet: 'parquet',
  json: 'json',
  ndjson: 'json',
  jsonl: 'json',
}

function fileOf(context: Resolving, written: Scalar): Relation | undefined {
  const ending = /\.([a-z]+)(\.gz)?$/.exec(written.text)?.[1] ?? ''
  const format = FORMATS[ending]
  if (!format) {
    const fix = 'A file ends in .csv, .parquet, .json or .ndjson.'
    context.problems.push(problem('project/wrong-type', `"${written.text}" is of no known format.`, written.at(), fix))
    return undefined
  }
  const dialect = context.settings.warehouse?.dialect
  if (dialect && dialect.files(written.text, format, new Map()) === undefined) {
    const message = `A warehouse of type "${dialect.type}" reads no files.`
    const fix = 'Load the file into a table and name it with `table:`.'
    context.problems.push(problem('project/not-supported', message, written.at(), fix))
    return undefined
  }
  return { kind: 'file', path: written.text, format }
}

type Columns = NonNullable<SourceShape['identifiers']>[number]

function identifiersOf(
  context: Resolving,
  { key, value }: Columns,
  types: ReadonlyMap<string, { readonly entity: string }>,
): readonly SourceIdentifier[] {
  const { entities } = context.validated
  const declared = [...entities.items.values()].flatMap((entity) => entity.value.identifiers)
  // An entity of a wrong shape may have declared the type.
  const isSure = entities.items.size === entities.names.size
  if (isSure) {
    const names = new Map(declared.map((one: Entry<unknown>) => [one.key.text, one.key.at()]))
    find(key, types, { code: 'ref/unknown-identifier', what: 'Identifier type', names }, context.problems)
  }
  return columnsOf(value).map(({ column, country }) => ({
    type: key.text,
    column: column.text,
    country: country?.text,
  }))
}

/** A column, a column with its country, or several. */
function columnsOf(value: Columns['value']): readonly { column: Scalar; country?: Scalar | undefined }[] {
  const list = Array.isArray(value) ? value : [value]
  return list.map((one) => ('kind' in one ? { column: one } : one))
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
