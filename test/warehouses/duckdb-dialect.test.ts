import { duckdb } from '../../src/warehouses/duckdb.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'

dialectContract(() => duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory: '/', mode: 'write' }))
