import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expected, filledShop, held, runInSandbox, warehouseOf } from '../support/small-shop.ts'

// Emulated vendors and their ledger belong together: where one of the two is deleted, both begin anew.

const filled = filledShop()

const CREATES = [14, 14, 55, 40]

test('vendors that were deleted are filled again', async () => {
  const directory = await filled()
  await rm(join(directory, '.cdp/sandbox'), { recursive: true })
  await expectFilled(directory)
})

test('vendors whose ledger was deleted forget what they hold', async () => {
  const directory = await filled()
  await rm(warehouseOf(directory))
  await expectFilled(directory)
})

test('vendors that were deleted are filled again, also when the next run fails before it looks', async () => {
  const directory = await filled()
  await rm(join(directory, '.cdp/sandbox'), { recursive: true })
  const orders = join(directory, 'data/orders.csv')
  const rows = await readFile(orders)
  await rm(orders)
  expect((await runInSandbox(directory)).report.exit_code).toBe(2)
  await writeFile(orders, rows)
  await expectFilled(directory)
})

test('vendors of one target and the ledger of another, in the same warehouse, are not taken for each other', async () => {
  const directory = await filled()
  const config = join(directory, 'cdp.config.yaml')
  const local = await readFile(config, 'utf8')
  const other = local
    .replace('warehouse: local', 'warehouse: other')
    .replace('  local: {', '  other: { type: duckdb, path: .cdp/warehouse.duckdb, threads: 1 }\n  local: {')
  await writeFile(config, other)
  await expectFilled(directory)
  await writeFile(config, local)
  await expectFilled(directory)
  expect((await runInSandbox(directory)).writes).toBe(0)
})

async function expectFilled(directory: string): Promise<void> {
  const again = await runInSandbox(directory)
  expect(again.report).toMatchObject({ status: 'ok', exit_code: 0 })
  expect(again.report.syncs.map(({ creates }) => creates)).toEqual(CREATES)
  expect(held(again)).toEqual(await expected(directory))
}
