import {
  DuckDBDateValue,
  DuckDBListValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  DuckDBVariantValue,
} from '@duckdb/node-api'
import { unkept } from './snowflake-names.ts'

/** A column as the service describes it. */
export interface WireColumn {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly length: number | null
  readonly byteLength: number | null
  readonly precision: number | null
  readonly scale: number | null
}

type Encode = (value: NonNullable<DuckDBValue>) => string

/** How a column of DuckDB's is described, and how its values are written: all are texts or null. */
export function wired(name: string, type: DuckDBType): { readonly column: WireColumn; readonly encode: Encode } {
  const [kind, encode, more = {}] = kindOf(type)
  const none = { length: null, byteLength: null, precision: null, scale: null }
  return { column: { name: unkept(name), type: kind, nullable: true, ...none, ...more }, encode }
}

function kindOf(type: DuckDBType): readonly [string, Encode, Partial<WireColumn>?] {
  const fixed = { precision: 38, scale: 0 }
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return ['boolean', (value) => (value === true ? '1' : '0')]
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return ['real', String]
    case DuckDBTypeId.DECIMAL:
      return ['fixed', String, { precision: type.width, scale: type.scale }]
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
      return ['fixed', String, fixed]
    case DuckDBTypeId.DATE:
      return ['date', (value) => String(value instanceof DuckDBDateValue ? value.days : value)]
    case DuckDBTypeId.TIMESTAMP:
      return ['timestamp_ntz', seconds, { precision: 0, scale: 9 }]
    case DuckDBTypeId.TIMESTAMP_TZ:
      return ['timestamp_ltz', seconds, { precision: 0, scale: 9 }]
    case DuckDBTypeId.LIST:
      return ['array', (value) => JSON.stringify(document(value), undefined, 2)]
    case DuckDBTypeId.VARIANT:
      return ['variant', (value) => JSON.stringify(document(value))]
    default:
      return ['text', String, { length: 16_777_216, byteLength: 16_777_216 }]
  }
}

/** Seconds since the beginning of 1970, with nine decimals. */
function seconds(value: NonNullable<DuckDBValue>): string {
  const { micros } = value as { readonly micros: bigint }
  const whole = micros < 0n ? -micros : micros
  return `${micros < 0n ? '-' : ''}${whole / 1_000_000n}.${String(whole % 1_000_000n).padStart(6, '0')}000`
}

/** A document as JSON; times in it are texts. */
function document(value: DuckDBValue): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof DuckDBListValue) return value.items.map(document)
  if (value instanceof DuckDBVariantValue) return scalar(value)
  return String(value)
}

function scalar(value: DuckDBVariantValue): unknown {
  return document((value as unknown as { readonly value: DuckDBValue }).value)
}
