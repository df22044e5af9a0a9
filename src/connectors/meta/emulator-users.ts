import type { Json } from '../connector.ts'
import type { Row, Rows } from '../sandbox/store.ts'

/** What an audience holds of one user: it is gone only when the same hash is removed. */
export interface Member {
  readonly id: string
  readonly row: Row
}

/** Meta's counts of an upload. */
export interface Counted {
  readonly num_received: number
  readonly num_invalid_entries: number
  readonly invalid_entry_samples: { readonly [row: string]: Json }
}

/** The payload cannot be read as a whole. */
export class PayloadError extends Error {
  readonly code: number
  constructor(message: string, code = 100) {
    super(message)
    this.code = code
  }
}

const HASHED = new Set([
  'EMAIL',
  'PHONE',
  'GEN',
  'DOBY',
  'DOBM',
  'DOBD',
  'LN',
  'FN',
  'FI',
  'CT',
  'ST',
  'ZIP',
  'COUNTRY',
])
const PLAIN = new Set(['MADID', 'EXTERN_ID', 'LOOKALIKE_VALUE'])
const OPTIONS = ['DATA_PROCESSING_OPTIONS', 'DATA_PROCESSING_OPTIONS_COUNTRY', 'DATA_PROCESSING_OPTIONS_STATE']
const ALONE = ['EMAIL', 'PHONE', 'MADID']

interface Rules {
  /** Are values for lookalikes taken? */
  readonly valued: boolean
  /** Cells that are counted as invalid though nothing is wrong with them. */
  readonly strangers: ReadonlySet<string>
}

/**
 * What a payload names, by the hashes that find people; whoever has no such hash is known by the whole row. An
 * EXTERN_ID alone names nobody.
 */
export function membersOf(
  names: readonly Json[],
  data: readonly Json[],
  { valued, strangers }: Rules,
): { readonly members: readonly Member[]; readonly counted: Counted } {
  const schema = names.map(String)
  const unknown = schema.find((name) => !HASHED.has(name) && !PLAIN.has(name) && !OPTIONS.includes(name))
  if (schema.length === 0 || unknown !== undefined) throw new PayloadError(`Invalid schema ${unknown ?? ''}`)
  if (schema.includes('LOOKALIKE_VALUE') && !valued)
    throw new PayloadError('LOOKALIKE_VALUE is for value-based audiences only')
  const samples: Record<string, Json> = {}
  const members: Member[] = []
  data.forEach((cells, index) => {
    if (!Array.isArray(cells) || cells.length !== schema.length)
      throw new PayloadError(`Row ${index} does not have as many entries as the schema`)
    const user = new Map(schema.map((name, at) => [name, (cells as readonly Json[])[at] ?? '']))
    const wrong = [...user].find(([name, value]) => !isValid(name, value))
    const stranger = [...user].find(([, value]) => typeof value === 'string' && strangers.has(value))
    const [sample] = wrong ?? stranger ?? []
    if (sample !== undefined) samples[String(index)] = sample
    if (!wrong) members.push(...namesOf(user))
  })
  return {
    members,
    counted: {
      num_received: data.length,
      num_invalid_entries: Object.keys(samples).length,
      invalid_entry_samples: Object.fromEntries(Object.entries(samples).slice(0, 3)),
    },
  }
}

function isValid(name: string, value: Json): boolean {
  if (value === '') return true
  if (HASHED.has(name)) return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) && value !== OF_NOTHING
  if (name === 'MADID') return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
  if (name === 'LOOKALIKE_VALUE') return Number(value) >= 0
  if (name === 'DATA_PROCESSING_OPTIONS') return Array.isArray(value) && value.every((one) => one === 'LDU')
  if (OPTIONS.includes(name)) return typeof value === 'number'
  return true
}

/** What SHA-256 makes of an empty text. */
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

function namesOf(user: ReadonlyMap<string, Json>): readonly Member[] {
  const said = (name: string) => (user.get(name) ?? '') !== ''
  const alone = ALONE.filter(said)
  const memberOf = (names: readonly string[]): Member => {
    const row = Object.fromEntries(names.map((name) => [name, user.get(name) ?? '']))
    return { id: JSON.stringify(row), row }
  }
  if (alone.length > 0) return alone.map((name) => memberOf([name]))
  const rest = [...HASHED].filter(said)
  return rest.length === 0 ? [] : [memberOf(rest)]
}

/** Makes a collection hold these rows and no others. */
export function absorb(rows: Rows, collection: string, wanted: Readonly<Record<string, Json>>): void {
  for (const [id] of [...rows.all(collection)]) if (!(id in wanted)) rows.drop(collection, id)
  for (const [id, row] of Object.entries(wanted)) rows.put(collection, id, row as Row)
}
