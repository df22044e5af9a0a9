import { type DuckDBType, DuckDBTypeId, type DuckDBValue } from '@duckdb/node-api'
import type { Field, Raw } from '../../src/warehouses/bigquery-cells.ts'

/** How a column of DuckDB's looks from outside, and how its values are sent. */
export interface Shown {
  readonly field: Field
  readonly send: (value: DuckDBValue) => Raw
}

const INTEGERS = new Set([
  ...[DuckDBTypeId.TINYINT, DuckDBTypeId.SMALLINT, DuckDBTypeId.INTEGER, DuckDBTypeId.BIGINT, DuckDBTypeId.HUGEINT],
  ...[DuckDBTypeId.UTINYINT, DuckDBTypeId.USMALLINT, DuckDBTypeId.UINTEGER, DuckDBTypeId.UBIGINT],
])

/** The column as the REST API describes it. */
export function shown(name: string, type: DuckDBType): Shown {
  const of = (kind: string, send: (value: DuckDBValue) => Raw): Shown => ({
    field: { name, type: kind, mode: 'NULLABLE' },
    send: (value) => (value === null || value === undefined ? null : send(value)),
  })
  if (INTEGERS.has(type.typeId)) return of('INTEGER', String)
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return of('BOOLEAN', String)
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return of('FLOAT', (value) => String(value).replace(/^(-?)inf$/i, '$1Infinity'))
    case DuckDBTypeId.DECIMAL:
      return of('NUMERIC', (value) => String(value).replace(/\.0+$|(\.\d*[1-9])0+$/, '$1'))
    case DuckDBTypeId.DATE:
      return of('DATE', String)
    case DuckDBTypeId.TIMESTAMP:
      return of('DATETIME', (value) => String(value).replace(' ', 'T'))
    case DuckDBTypeId.TIMESTAMP_TZ:
      return of('TIMESTAMP', (value) =>
        typeof value === 'object' && value && 'micros' in value ? String(value.micros) : null,
      )
    case DuckDBTypeId.LIST:
      return listOf(name, shown(name, (type as DuckDBType & { valueType: DuckDBType }).valueType))
    case DuckDBTypeId.BLOB:
      return of('BYTES', (value) =>
        typeof value === 'object' && value && 'bytes' in value ? Buffer.from(value.bytes).toString('base64') : null,
      )
    default:
      return of(type.alias === 'JSON' ? 'JSON' : 'STRING', String)
  }
}

/** There is no null list outside a query: it is an empty one. */
function listOf(name: string, { field, send }: Shown): Shown {
  return {
    field: { ...field, name, mode: 'REPEATED' },
    send: (value) => {
      if (typeof value !== 'object' || value === null || !('items' in value)) return []
      return value.items.map((item) => ({ v: send(item) }))
    },
  }
}

/** A value of a query parameter as DuckDB takes it. Throws an Error where the type is missing or unknown. */
export function parameterValue(parameter: Parameter): DuckDBValue {
  const { type } = parameter.parameterType ?? {}
  const { value } = parameter.parameterValue ?? {}
  if (value === undefined || value === null) return null
  switch (type) {
    case 'INT64':
      return BigInt(value)
    case 'FLOAT64':
      return Number(value)
    case 'BOOL':
      return value === 'true'
    case 'STRING':
      return value
    default:
      throw new Error(`Invalid value for type: ${type ?? 'missing'} is not a valid value`)
  }
}

export interface Parameter {
  readonly name?: string
  readonly parameterType?: { readonly type?: string }
  readonly parameterValue?: { readonly value?: string }
}
