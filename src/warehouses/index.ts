import { bigquery } from './bigquery.ts'
import { duckdb } from './duckdb.ts'
import { postgres } from './postgres.ts'
import { snowflake } from './snowflake.ts'
import type { Warehouse, Warehouses } from './warehouse.ts'

/** Every kind of warehouse that this tool knows, by its `type:`. */
export function warehouses(): Warehouses {
  const all = [duckdb, postgres, bigquery, snowflake]
  return new Map(all.map((warehouse) => [warehouse.type, warehouse as Warehouse<unknown>]))
}
