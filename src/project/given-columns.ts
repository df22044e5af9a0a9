import type { ValueType } from '../sql/dialect.ts'
import { type ColumnUse, type UseKind, usesOf } from './column-uses.ts'
import { identityLists, PAIR_COLUMNS } from './identity-lists.ts'
import type { Project, Source } from './project.ts'
import { parseTime } from './time.ts'
import type { Node, Scalar } from './tree.ts'
import type { GivenColumns } from './unit-test.ts'

/** The rows of a source in all tests, as written. */
export type WrittenRows = ReadonlyMap<string, readonly (readonly { readonly key: Scalar; readonly value: Node }[])[]>

/**
 * The columns of every source and list in tests, by name: all that the project or a row speaks of. A type is what the
 * project declares, else what it does with the column, else what all values of all tests are, else text.
 */
export function givenColumns(
  project: Pick<Project, 'sources' | 'entities' | 'segments' | 'places'>,
  rows: WrittenRows,
): ReadonlyMap<string, GivenColumns> {
  const uses = usesOf(project)
  const lists = identityLists(project).map(({ source }) => source)
  return new Map(
    [...project.sources.values(), ...lists].map((source) => {
      const own = uses.filter((use) => use.source === source.name)
      const written = rows.get(source.name) ?? []
      const placed = (project.places?.columns ?? []).filter((one) => one.source === source.name)
      const names = [
        ...columnsOf(source),
        ...placed.map(({ column }) => column),
        ...own.map(({ column }) => column),
        ...written.flatMap((row) => row.map(({ key }) => key.text)),
      ]
      // A table has columns, also that of a source of which nobody speaks.
      const all = names.length === 0 ? ['nothing'] : names
      const typed = [...new Set(all)].map((name) => [name, typeOf(source, name, own, valuesOf(written, name))] as const)
      return [source.name, new Map(typed)]
    }),
  )
}

/** The columns that the source itself names. */
function columnsOf(source: Source): readonly string[] {
  if (source.relation.kind === 'pairs') return PAIR_COLUMNS
  return [...textsOf(source), ...source.types.keys(), ...source.pii.keys()]
}

/** Keys and countries, which are compared as text, like identifiers. */
function textsOf(source: Source): readonly string[] {
  const countries = source.identifiers.flatMap(({ country }) => (country === undefined ? [] : [country]))
  return [...(source.key === undefined ? [] : [source.key]), ...source.belongsTo.values(), ...countries]
}

type Known = Exclude<ValueType, 'unknown'>

function typeOf(source: Source, name: string, uses: readonly ColumnUse[], values: readonly Node[]): Known {
  const declared = source.types.get(name)
  if (declared !== undefined && declared !== 'unknown') return declared
  if (textsOf(source).includes(name) || source.relation.kind === 'pairs') return 'text'
  const mine = uses.filter(({ column }) => column === name)
  const sure = mine.find(({ sure }) => sure)
  if (sure !== undefined) return TYPES[sure.kind]
  const [first] = mine
  return typeOfValues(values) ?? (first === undefined ? 'text' : TYPES[first.kind])
}

const TYPES: Readonly<Record<UseKind, Known>> = {
  number: 'decimal',
  text: 'text',
  boolean: 'boolean',
  time: 'timestamp',
  nothing: 'text',
}

function valuesOf(rows: NonNullable<ReturnType<WrittenRows['get']>>, name: string): readonly Node[] {
  return rows.flatMap((row) => row.flatMap(({ key, value }) => (key.text === name ? [value] : [])))
}

/** Undefined where there is no value. */
function typeOfValues(values: readonly Node[]): Known | undefined {
  if (values.some(({ kind }) => kind === 'list')) return 'list'
  const scalars = values.flatMap((value) => (value.kind === 'scalar' && !value.isNull ? [value] : []))
  if (scalars.length === 0) return undefined
  const all = (isOne: (text: string) => boolean) => scalars.every(({ text, quoted }) => !quoted && isOne(text))
  if (all((text) => /^-?(0|[1-9]\d{0,17})$/.test(text))) return 'integer'
  // `08` and `1e3` are more likely to be names of something.
  if (all((text) => /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text))) return 'decimal'
  if (all((text) => text === 'true' || text === 'false')) return 'boolean'
  if (all((text) => /^\d{4}-\d\d-\d\d$/.test(text))) return 'date'
  return all(isTime) ? 'timestamp' : 'text'
}

function isTime(text: string): boolean {
  return typeof parseTime(text, 'UTC') === 'object' || /^(now|today|start of \w+|\d+ \w+ (ago|from now))$/i.test(text)
}
