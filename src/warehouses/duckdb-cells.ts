import type { DuckDBValue } from '@duckdb/node-api'
import type { Cell } from './warehouse.ts'

/**
 * What turns values of a column, as the driver hands them out, into canonical text: numbers, instants and booleans
 * read as the dialect's `json` prints them, lists as JSON arrays, all else as DuckDB prints it. The driver's own text of
 * an instant is not used: it is in the machine's time zone.
 */
export function cellOf(type: string): (value: DuckDBValue) => Cell {
  if (type.endsWith(']')) return listOf(type.replace(/\[\d*\]$/, ''))
  if (type.startsWith('TIMESTAMP')) return instant
  if (type === 'DOUBLE' || type === 'FLOAT') return (value) => (typeof value === 'number' ? double(value) : null)
  if (type.startsWith('DECIMAL')) return (value) => (isNull(value) ? null : trimmed(String(value)))
  return (value) => (typeof value === 'string' ? value : isNull(value) ? null : String(value))
}

function listOf(type: string): (value: DuckDBValue) => Cell {
  const item = cellOf(type)
  const bare = /^(U?\w*INT|INTEGER|UINTEGER|DOUBLE|FLOAT|DECIMAL.*|BOOLEAN|.*\])$/.test(type)
  return (value) => {
    if (typeof value !== 'object' || value === null || !('items' in value)) return null
    const texts = value.items.map((each) => {
      const text = item(each)
      return text === null ? 'null' : bare ? text : JSON.stringify(text)
    })
    return `[${texts.join(',')}]`
  }
}

function instant(value: DuckDBValue): Cell {
  if (typeof value !== 'object' || value === null) return null
  if ('micros' in value) return isoOf(value.micros)
  if ('nanos' in value) return isoOf(floor(value.nanos, 1_000n))
  if ('millis' in value) return isoOf(value.millis * 1_000n)
  return 'seconds' in value ? isoOf(value.seconds * 1_000_000n) : null
}

function isoOf(micros: bigint): string {
  const seconds = floor(micros, 1_000_000n)
  const date = new Date(Number(seconds) * 1_000)
  // DuckDB's infinity lies beyond the days that a Date can hold.
  if (Number.isNaN(date.getTime())) return micros > 0n ? 'infinity' : '-infinity'
  const fraction = String(micros - seconds * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return `${date.toISOString().slice(0, -5)}${fraction === '' ? '' : `.${fraction}`}Z`
}

function floor(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n)
}

function double(value: number): Cell {
  if (!Number.isFinite(value)) return null
  // DuckDB's JSON writes 1e21, JavaScript 1e+21.
  return Object.is(value, -0) ? '0' : String(value).replace('e+', 'e')
}

function trimmed(number: string): string {
  return number.replace(/^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$/, '$1$2')
}

function isNull(value: DuckDBValue): boolean {
  return value === null || value === undefined
}
