import { beforeAll, describe } from 'vitest'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import { hostileToPostgres } from '../support/hostile.ts'
import { connectTo } from '../support/postgres.ts'
import { type SharedPostgres, sharedPostgres } from '../support/shared-postgres.ts'

let server: SharedPostgres
let database: PostgresOptions
beforeAll(async () => {
  server = await sharedPostgres()
  database = await server.database()
})

const texts = hostileToPostgres()

describe('a session', () => warehouseContract(() => connectTo(database), [], texts))
describe('the dialect', () => dialectContract(() => connectTo(database), texts))
