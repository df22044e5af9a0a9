import type { Change, Json, Receipt } from './connector.ts'
import { type Circumstances, type Identifier, identifier, type Kind, type Rules } from './identifiers.ts'

// What destinations have in common that know people by hashes, and can neither be read nor say whom they hold.

/** How rows are read for one vendor. */
export interface Reading {
  readonly rules: Rules
  /** The fields that hold identifiers. */
  readonly columns: ReadonlyMap<string, Kind>
  /** Which of them holds the person's own country. */
  readonly country: string
  /** Fields whose values are hashed already. */
  readonly hashed: ReadonlySet<string>
  readonly phone: Circumstances['phone']
  /** Is a value that cannot be read left out, rather than its row refused? */
  readonly skipsMalformed: boolean
}

/** Each of these is somebody's alone, or a household's: what one of them has stays when another leaves. */
export const ALONE: ReadonlySet<Kind> = new Set<Kind>(['email', 'phone', 'mobile_ad_id'])

/** Values as they are sent, by field. */
export type Values = ReadonlyMap<string, string>

/** Reads what identifies the person of a row; `malformed` names the field that keeps it from being sent. */
export function valuesOf(
  row: Readonly<Record<string, Json>>,
  reading: Reading,
): { readonly values: Values } | { readonly malformed: string } {
  const values = new Map<string, string>()
  const country = countryOf(row, reading)
  for (const [name, kind] of reading.columns) {
    const read = one(row[name], kind, reading, { country, hashed: reading.hashed.has(name) })
    if (read.is === 'malformed' && !reading.skipsMalformed) return { malformed: name }
    if (read.is === 'value') values.set(name, read.value)
  }
  return { values }
}

function countryOf(row: Readonly<Record<string, Json>>, { country }: Reading): string | undefined {
  const said = row[country]
  const text = typeof said === 'string' ? said.trim().toLowerCase() : ''
  return /^[a-z]{2}$/.test(text) ? text : undefined
}

function one(
  raw: Json | undefined,
  kind: Kind,
  { rules, phone }: Reading,
  how: Omit<Circumstances, 'phone'> & { readonly hashed: boolean },
): Identifier {
  const rule = rules[kind]
  return rule === undefined ? { is: 'absent' } : identifier(rule, raw, { phone, ...how })
}

/** How one vendor is told of people. `P` is what it is sent of one person. */
export interface People<P> {
  person(values: Values): P
  /** Could the vendor find anybody by it? */
  isFound(person: P): boolean
  /** What the vendor may know the person by, each alone; the same text for the same value of anybody. */
  ids(person: P): readonly string[]
  /** The person by some of those ids. */
  only(person: P, ids: ReadonlySet<string>): P
}

/** What is to be told of creations and updates. */
export interface Enlisted<P> {
  readonly add: readonly { readonly change: Change; readonly person: P }[]
  /** By what people were found before, and nobody of the batch is now. */
  readonly drop: readonly P[]
  readonly refused: ReadonlyMap<Change, Receipt>
}

/** Who of a batch is to be added, and under which old identifiers nobody is to be found any more. */
export function enlisted<P>(
  batch: readonly Change[],
  people: People<P>,
  reading: Reading,
  recent: Recent,
): Enlisted<P> {
  const refused = new Map<Change, Receipt>()
  const add: { change: Change; person: P }[] = []
  for (const change of batch) {
    const read = personOf({ ...change.fields, ...change.key }, people, reading)
    if ('receipt' in read) refused.set(change, read.receipt)
    else add.push({ change, person: read.person })
  }
  const held = new Set(add.flatMap(({ person }) => people.ids(person)))
  const drop = add.flatMap(({ change }) => {
    const isGone = (id: string) => !held.has(id) && !recent.hasForOther(id, change)
    return formsOf(change, people, reading, change.before, isGone)
  })
  return { add, drop, refused }
}

/** A row as it is sent, or why it is not. */
export function personOf<P>(
  row: Readonly<Record<string, Json>>,
  people: People<P>,
  reading: Reading,
): { readonly person: P } | { readonly receipt: Extract<Receipt, { outcome: 'refused' }> } {
  const read = valuesOf(row, reading)
  if ('malformed' in read)
    return { receipt: refusal('malformed', `"${read.malformed}" cannot be read as what it should be.`) }
  const person = people.person(read.values)
  if (people.isFound(person)) return { person }
  return { receipt: refusal('no_identifier', 'The row has nothing to find a person by.') }
}

function refusal(code: string, message: string): Extract<Receipt, { outcome: 'refused' }> {
  return { outcome: 'refused', kind: 'row', code, message }
}

/** Everything that those who leave may be known by: all that they were told under, and their key. */
export function left<P>(batch: readonly Change[], people: People<P>, reading: Reading): readonly P[] {
  return batch.flatMap((change) => {
    const forms = change.before.length === 0 ? [{}] : change.before
    return formsOf(change, people, reading, forms, () => true)
  })
}

function formsOf<P>(
  { key }: Change,
  people: People<P>,
  reading: Reading,
  forms: Change['before'],
  wanted: (id: string) => boolean,
): readonly P[] {
  return forms.flatMap((form) => {
    // What cannot be read was never sent.
    const read = valuesOf({ ...form, ...key }, { ...reading, skipsMalformed: true })
    if ('malformed' in read) return []
    const person = people.person(read.values)
    const ids = new Set(people.ids(person).filter(wanted))
    return ids.size === 0 ? [] : [people.only(person, ids)]
  })
}

/**
 * What was added last, and for which row. Somebody's old address may be somebody else's new one: it must not be taken
 * away after it was added. A run that adds more than is remembered here is a first one, in which nobody has an old one.
 */
export class Recent {
  readonly #rows = new Map<string, string>()
  readonly #most: number

  constructor(most = 200_000) {
    this.#most = most
  }

  /** Was it added for another row than that one? */
  hasForOther(id: string, change: Pick<Change, 'key'>): boolean {
    const row = this.#rows.get(id)
    return row !== undefined && row !== JSON.stringify(change.key)
  }

  add<P>(added: Enlisted<P>['add'], people: People<P>): void {
    for (const { change, person } of added) {
      const row = JSON.stringify(change.key)
      for (const id of people.ids(person)) {
        this.#rows.delete(id)
        this.#rows.set(id, row)
      }
    }
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= this.#most) return
      this.#rows.delete(oldest)
    }
  }
}

/** A list in pieces of at most `size`. */
export function pieces<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size))
}
