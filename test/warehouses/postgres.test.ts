import { beforeAll, describe } from 'vitest'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import { hostile } from '../support/hostile.ts'
import { connectTo } from '../support/postgres.ts'
import { type SharedPostgres, sharedPostgres } from '../support/shared-postgres.ts'

let server: SharedPostgres
let database: PostgresOptions
beforeAll(async () => {
  server = await sharedPostgres()
  database = await server.database()
})

// No text in Postgres can hold NUL; and its ICU is of 2017, when these letters had no lower case yet.
const texts = hostile().map((value) => value.replaceAll(/[\0\u1c90-\u1cbf\u2c2f]/g, ''))

describe('a session', () => warehouseContract(() => connectTo(database), [], texts))
describe('the dialect', () => dialectContract(() => connectTo(database), texts))
