import { identityLists } from './identity-lists.ts'
import type { Project, Source } from './project.ts'
import type { PlainRelation } from './relation.ts'
import { makesProfiles } from './resolving.ts'
import type { GivenRow, UnitTest } from './unit-test.ts'

/** Who is in the rows of a test, as far as they say so before anything is built. */
export interface GivenPeople {
  /** What rows hold, as written. */
  readonly texts: readonly string[]
  readonly held: readonly Held[]
  /** The types and sources that may stand before a colon. */
  readonly prefixes: readonly string[]
  /** False: rows are computed by an SQL model, and nobody knows yet what they hold. */
  readonly isAll: boolean
}

interface Held {
  readonly entity: string
  /** An identifier type, or the source whose row has this key. */
  readonly type: string
  readonly form: string
  readonly isPhone: boolean
}

export function givenPeople(project: Pick<Project, 'sources' | 'entities'>, given: UnitTest['given']): GivenPeople {
  const lists = identityLists(project).map(({ source }) => source)
  const held: Held[] = []
  const texts: string[] = []
  for (const source of [...project.sources.values(), ...lists])
    for (const row of given.get(source.name) ?? [])
      for (const { text, ...one } of heldIn(project, source, row)) {
        texts.push(text)
        held.push({ ...one, form: formOf(text) })
      }
  const types = [...project.entities.values()].flatMap((entity) => entity.identifiers.map(({ name }) => name))
  const isAll = [...project.sources.values()].every((source) => !isComputed(project, source, given))
  return { texts: [...new Set(texts)], held, prefixes: [...types, ...project.sources.keys()], isAll }
}

/**
 * Whether a row may hold an identifier of one of the entities, written like that or nearly so: the warehouse alone
 * knows what is one address or number in the end.
 */
export function holds({ held, prefixes, isAll }: GivenPeople, written: string, entities: readonly string[]): boolean {
  if (!isAll) return true
  const prefix = prefixes.find((one) => written.startsWith(`${one}:`))
  const asked = [
    { type: undefined, form: formOf(written) },
    ...(prefix === undefined ? [] : [{ type: prefix, form: formOf(written.slice(prefix.length + 1)) }]),
  ]
  return held.some((one) =>
    asked.some(
      ({ type, form }) =>
        entities.includes(one.entity) &&
        (type === undefined || type === one.type) &&
        (one.form === form || (one.isPhone && digits(form).length >= 6 && digits(one.form) === digits(form))),
    ),
  )
}

/** Whether a test computes an SQL model: it gives rows of what the model reads, and not the model's own. */
export function isComputed(
  { sources }: Pick<Project, 'sources'>,
  source: Source,
  given: UnitTest['given'],
  seen: ReadonlySet<string> = new Set(),
): boolean {
  const { relation } = source
  if (relation.kind !== 'sql' || given.has(source.name) || seen.has(source.name)) return false
  const deeper = new Set([...seen, source.name])
  return readsOf(relation).some((name) => {
    const read = sources.get(name)
    return given.has(name) || (read !== undefined && isComputed({ sources }, read, given, deeper))
  })
}

function readsOf({ pieces }: Extract<PlainRelation, { kind: 'sql' }>): readonly string[] {
  return pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.source]))
}

function heldIn(
  { entities }: Pick<Project, 'entities'>,
  source: Source,
  row: GivenRow,
): readonly (Omit<Held, 'form'> & { readonly text: string })[] {
  const all = [...entities.values()]
  const identifiers = source.identifiers.flatMap(({ type, column }) =>
    all.flatMap((entity) => {
      const declared = entity.identifiers.find(({ name }) => name === type)
      const text = textIn(row, column)
      if (declared === undefined || text === undefined) return []
      return [{ entity: entity.name, type, text, isPhone: declared.normalise === 'phone' }]
    }),
  )
  const key = source.key === undefined ? undefined : textIn(row, source.key)
  const keys = all.flatMap((entity) =>
    key === undefined || !makesProfiles(source, entity)
      ? []
      : [{ entity: entity.name, type: source.name, text: key, isPhone: false }],
  )
  return [...identifiers, ...keys]
}

function textIn(row: GivenRow, column: string): string | undefined {
  const value = row.get(column)
  return value !== undefined && 'value' in value ? String(value.value) : undefined
}

function formOf(text: string): string {
  return text.trim().toLowerCase()
}

/** The end of a number, which is the same with and without its country. */
function digits(text: string): string {
  return text.replace(/\D/g, '').slice(-8)
}
