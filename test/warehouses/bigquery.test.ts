import { afterAll, beforeAll, describe } from 'vitest'
import { bigquery } from '../../src/warehouses/bigquery.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import type { Names, Skip } from '../contract/warehouse-bench.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import { type BigqueryEmulator, startBigquery } from '../emulators/bigquery.ts'
import { ALL } from '../support/all.ts'

let emulator: BigqueryEmulator
beforeAll(async () => {
  emulator = await startBigquery()
})
afterAll(() => emulator.close())

function connect(): Promise<Session> {
  const options = bigquery.options.parse({ project: emulator.given.project, api_endpoint: emulator.url })
  return bigquery.connect(options, { directory: '/', mode: 'write' }, async () => undefined)
}

const SKIPS: readonly Skip[] = [
  {
    case: 'a script that fails leaves nothing behind, tables and views included',
    why: 'a transaction of BigQuery cannot hold statements that make tables or views',
  },
]

/** cloud.google.com/bigquery/docs/tables#table_naming, /schemas#column_names and /datasets#dataset-naming. */
const NAMES: Names = {
  table: (name) => /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u.test(name),
  column: (name) => !/[!"$()*,./;?@[\\\]^`{}~\p{C}\u2028\u2029]/u.test(name) && name.trim() === name,
  schema: 'My_Schema_1',
}

describe('a session, emulated on DuckDB', () => warehouseContract(connect, SKIPS, undefined, NAMES))
// The reference implementation executes them as well: test/zetasql/dialect.test.ts.
describe.runIf(ALL)('the dialect, emulated on DuckDB', () => dialectContract(connect))
