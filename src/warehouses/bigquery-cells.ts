import type { Cell } from './warehouse.ts'

/** A column as the service describes it. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly fields?: readonly Field[]
}

/** A value as the service sends it: text, a list of `{ v }`, or the fields of a struct. */
export type Raw = string | null | readonly { readonly v: Raw }[] | { readonly f: readonly { readonly v: Raw }[] }

/** A row as the service sends it. */
export interface RawRow {
  readonly f: readonly { readonly v: Raw }[]
}

/** What turns a value of a column into canonical text, as the dialect's `json` prints it. */
export function cellOf(field: Field): (value: Raw) => Cell {
  if (field.mode === 'REPEATED') return listOf({ ...field, mode: 'NULLABLE' })
  switch (field.type) {
    case 'TIMESTAMP':
      return text(fromMicros)
    case 'DATETIME':
      return text((value) => `${value.replace(ZEROS, '$1')}Z`)
    case 'FLOAT':
    case 'FLOAT64':
      return text(float)
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return text((value) => value.replace(ZEROS, '$1'))
    case 'RECORD':
    case 'STRUCT':
      return (value) => (value === null ? null : structOf(field.fields ?? [], value))
    default:
      return text((value) => value)
  }
}

/** A fraction without the zeros at its end. */
const ZEROS = /(?:\.0+|(\.\d*[1-9])0+)$/

function text(turn: (value: string) => Cell): (value: Raw) => Cell {
  return (value) => (typeof value === 'string' ? turn(value) : null)
}

/** Microseconds since 1970, as the service sends instants when asked for whole numbers. */
function fromMicros(value: string): string {
  const micros = BigInt(value)
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const seconds = (micros - rest) / 1_000_000n
  const fraction = String(rest).padStart(6, '0').replace(/0+$/, '')
  const iso = new Date(Number(seconds) * 1_000).toISOString().slice(0, -5)
  return `${iso}${fraction === '' ? '' : `.${fraction}`}Z`
}

function float(value: string): Cell {
  const number = Number(value)
  if (!Number.isFinite(number)) return null
  return Object.is(number, -0) ? '0' : String(number).replace('e+', 'e')
}

function listOf(item: Field): (value: Raw) => Cell {
  const json = jsonOf(item)
  return (value) => (Array.isArray(value) ? `[${value.map(({ v }) => json(v)).join(',')}]` : null)
}

function structOf(fields: readonly Field[], value: Raw): Cell {
  if (value === null || typeof value === 'string' || !('f' in value)) return null
  const members = fields.map((field, at) => `${JSON.stringify(field.name)}:${jsonOf(field)(value.f[at]?.v ?? null)}`)
  return `{${members.join(',')}}`
}

const BARE = new Set([
  'INTEGER',
  'INT64',
  'FLOAT',
  'FLOAT64',
  'NUMERIC',
  'BIGNUMERIC',
  'BOOLEAN',
  'BOOL',
  'RECORD',
  'STRUCT',
])

function jsonOf(field: Field): (value: Raw) => string {
  const cell = cellOf(field)
  const isBare = BARE.has(field.type) || field.mode === 'REPEATED'
  return (value) => {
    const said = cell(value)
    return said === null ? 'null' : isBare ? said : JSON.stringify(said)
  }
}
