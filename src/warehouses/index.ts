import { duckdb } from './duckdb.ts'
import type { Warehouse, Warehouses } from './warehouse.ts'

/** Every kind of warehouse that this tool knows, by its `type:`. */
export function warehouses(): Warehouses {
  return new Map([duckdb].map((warehouse) => [warehouse.type, warehouse as Warehouse<unknown>]))
}
