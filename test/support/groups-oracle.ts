import { joinedBy } from './partition.ts'

/** A row that may name a person, a household, both or neither. */
export interface GroupRow {
  readonly source: 'contacts' | 'orders'
  readonly key: string
  /** ISO text; when it happened. */
  readonly time: string | undefined
  readonly email?: string | undefined
  readonly phone?: string | undefined
  readonly account?: string | undefined
  readonly address?: string | undefined
}

export interface GroupRules {
  /** The most members, and for an address the most accounts, that a value may be seen with. */
  readonly maxFanout: { readonly account: number; readonly address: number }
  readonly blocked: readonly string[]
}

/** Who is one person, what is one household and who belongs where, each by the names of their identifiers. */
export interface Grouped {
  /** Of every person (`email:…`, `phone:…` or `row:…`) the name: its identifiers, sorted. */
  readonly people: ReadonlySet<string>
  readonly households: ReadonlySet<string>
  /** Person → household, only of those who have one. */
  readonly members: ReadonlyMap<string, string>
}

/** The rules of groups word by word, over the rows that are there: slow, and obviously right. */
export function grouped(rows: readonly GroupRow[], rules: GroupRules): Grouped {
  const personOf = nameOf(joinedBy(rows.map(personIds).filter((ids) => ids.length > 0)))
  const owner = (row: GroupRow) => personOf.get(personIds(row)[0] ?? '')
  const joins = (id: string) => !isShared(id, rows, rules, owner)
  const householdIds = (row: GroupRow) => named(row, rules).filter(joins)
  const householdOf = nameOf(joinedBy(rows.map(householdIds).filter((ids) => ids.length > 0)))
  const members = new Map<string, string>()
  for (const row of [...rows].sort((one, other) => newestFirst(one, other, householdIds))) {
    const person = owner(row)
    const household = householdOf.get(householdIds(row)[0] ?? '')
    if (person !== undefined && household !== undefined && !members.has(person)) members.set(person, household)
  }
  return { people: new Set(personOf.values()), households: new Set(householdOf.values()), members }
}

function nameOf(sets: readonly string[]): ReadonlyMap<string, string> {
  return new Map(sets.flatMap((name) => name.split(' ').map((id) => [id, name] as const)))
}

/** Identifiers of persons, strongest first; a contact without one is a person by itself. */
function personIds(row: GroupRow): readonly string[] {
  const ids = [...one('email', row.email), ...one('phone', row.phone)]
  return ids.length === 0 && row.source === 'contacts' ? [`row:contacts:${row.key}`] : ids
}

/** Identifiers of households that are not blocked, strongest first. */
function named(row: GroupRow, rules: GroupRules): readonly string[] {
  const allowed = (value: string | undefined) => (value && rules.blocked.includes(value) ? undefined : value)
  return [...one('account', allowed(row.account)), ...one('address', allowed(row.address))]
}

function one(type: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`${type}:${value}`]
}

function isShared(
  id: string,
  rows: readonly GroupRow[],
  rules: GroupRules,
  owner: (row: GroupRow) => string | undefined,
): boolean {
  const holding = rows.filter((row) => named(row, rules).includes(id))
  const most = rules.maxFanout[id.startsWith('account:') ? 'account' : 'address']
  const people = new Set(holding.flatMap((row) => owner(row) ?? []))
  const accounts = new Set(holding.flatMap((row) => named(row, rules).filter((other) => other.startsWith('account:'))))
  return people.size > most || (id.startsWith('address:') && accounts.size > most)
}

/** By time (rows without one last), then the greater key, then the greater value. */
function newestFirst(one: GroupRow, other: GroupRow, ids: (row: GroupRow) => readonly string[]): number {
  const value = (row: GroupRow) => (ids(row)[0] ?? '').replace(/^\w+:/, '')
  return order(other.time ?? '', one.time ?? '') || order(other.key, one.key) || order(value(other), value(one))
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
