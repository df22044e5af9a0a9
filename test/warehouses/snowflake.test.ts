import { afterAll, beforeAll, describe } from 'vitest'
import type { SnowflakeOptions } from '../../src/warehouses/snowflake-options.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import type { SnowflakeEmulator } from '../emulators/snowflake.ts'
import { hostile } from '../support/hostile.ts'
import { connectTo, snowflakeAccount } from '../support/snowflake.ts'

let emulator: SnowflakeEmulator
let options: SnowflakeOptions
beforeAll(async () => {
  ;({ emulator, options } = await snowflakeAccount())
})
afterAll(() => emulator.stop())

// Nothing in Snowflake composes characters.
const texts = hostile().map((value) => value.normalize('NFC').toLowerCase().normalize('NFC'))

const skips = [
  {
    case: 'a script that fails leaves nothing behind, tables and views included',
    why: 'Snowflake commits what is open before it makes or drops a table',
  },
]

const notInTheDialect = [
  {
    case: 'a letter and an accent behind it are the letter with its accent',
    why: 'Snowflake has no function that composes characters',
  },
]

describe('a session of Snowflake, emulated on DuckDB', () => warehouseContract(() => connectTo(options), skips, texts))
describe('the dialect of Snowflake, emulated on DuckDB', () =>
  dialectContract(() => connectTo(options), texts, notInTheDialect))
