import type { SourceIdentifier } from './project.ts'
import type { SourceShape } from './schema.ts'
import type { Scalar } from './tree.ts'

/** One entry below `identifiers:` of a source or list: a type and its column, its column with a country, or several. */
export type WrittenIdentifier = NonNullable<SourceShape['identifiers']>[number]

/** One for each column, in the order of the file. */
export function identifierColumns({ key, value }: WrittenIdentifier): readonly SourceIdentifier[] {
  return pairs(value).map(({ column, country }) => ({ type: key.text, column: column.text, country: country?.text }))
}

/** Every column that is named, where it is named; countries included. */
export function writtenColumns({ value }: WrittenIdentifier): readonly Scalar[] {
  return pairs(value).flatMap(({ column, country }) => (country ? [column, country] : [column]))
}

function pairs(value: WrittenIdentifier['value']): readonly { column: Scalar; country?: Scalar | undefined }[] {
  const list = Array.isArray(value) ? value : [value]
  return list.map((one) => ('kind' in one ? { column: one } : one))
}
