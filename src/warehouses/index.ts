import { duckdb } from './duckdb.ts'
import { postgres } from './postgres.ts'
import { snowflake } from './snowflake.ts'
import type { Warehouse, Warehouses } from './warehouse.ts'

/** Every kind of warehouse that this tool knows, by its `type:`. */
export function warehouses(): Warehouses {
  return new Map([duckdb, postgres, snowflake].map((warehouse) => [warehouse.type, warehouse as Warehouse<unknown>]))
}
