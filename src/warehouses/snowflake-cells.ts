import type { ValueType } from '../sql/dialect.ts'
import { decimal, float } from './cells.ts'
import type { Cell } from './warehouse.ts'

/** A column of a result as the driver tells it. */
export interface Field {
  /** As Snowflake keeps it. */
  readonly name: string
  /** Its internal name in small letters: `fixed`, `text`, `timestamp_ltz`. */
  readonly type: string
  readonly precision: number
  readonly scale: number
}

/** The type of a column. */
export function valueType({ type, scale }: Field): ValueType {
  switch (type) {
    case 'fixed':
      return scale > 0 ? 'decimal' : 'integer'
    case 'decfloat':
      return 'decimal'
    case 'real':
      return 'float'
    case 'text':
    case 'boolean':
    case 'date':
      return type
    case 'timestamp_ltz':
    case 'timestamp_ntz':
    case 'timestamp_tz':
      return 'timestamp'
    case 'array':
      return 'list'
    default:
      return 'unknown'
  }
}

/** How a text is cast to the type of a column. */
export function typeOf({ type, precision, scale }: Field): string {
  if (type === 'fixed') return `number(${precision}, ${scale})`
  if (type === 'text') return 'varchar'
  return type === 'real' ? 'float' : type
}

/** What the driver gives for a time: a date of its own, to the nanosecond. */
interface DriverTime {
  getEpochSeconds(): number
  getNanoSeconds(): number
}

/**
 * What turns the values of a column, numbers and documents taken as text, into canonical text, as the dialect's `json`
 * prints it.
 */
export function cellOf(field: Field): (value: unknown) => Cell {
  const cell = knownCell(field)
  // Asked for text, the driver says null in capitals; of a column of texts it is not asked.
  const isNull = (value: unknown) =>
    value === null || value === undefined || (value === 'NULL' && field.type !== 'text')
  return (value) => (isNull(value) ? null : cell(value))
}

function knownCell({ type, scale }: Field): (value: unknown) => Cell {
  switch (type) {
    case 'fixed':
      return (value) => (scale > 0 ? decimal(String(value)) : String(value))
    case 'real':
      return (value) => float(String(value))
    case 'boolean':
      return (value) => String(value).toLowerCase()
    case 'date':
      return (value) => instant(value as DriverTime).slice(0, -'T00:00:00Z'.length)
    case 'timestamp_ltz':
    case 'timestamp_ntz':
    case 'timestamp_tz':
      return (value) => instant(value as DriverTime)
    case 'variant':
    case 'object':
    case 'array':
      // Asked for text, the driver parses lists all the same.
      return (value) => (typeof value === 'object' ? JSON.stringify(value) : document(String(value)))
    default:
      return String
  }
}

/** ISO 8601 in UTC, fraction to the microsecond and only where there is one. */
function instant(time: DriverTime): string {
  const micros = String(Math.floor(time.getNanoSeconds() / 1000)).padStart(6, '0')
  const whole = new Date(time.getEpochSeconds() * 1000).toISOString().slice(0, -'.000Z'.length)
  return `${whole}${`.${micros}`.replace(/\.?0+$/, '')}Z`
}

/** What stands in a document: a scalar as its text, all else as JSON on one line. */
function document(json: string): Cell {
  // Numbers keep their digits.
  if (/^-?\d/.test(json)) return json.includes('.') || /e/i.test(json) ? (float(json) ?? json) : json
  const value: unknown = JSON.parse(json)
  if (value === null) return null
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
