import type { Table } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Cell, Session } from '../../src/warehouses/warehouse.ts'
import type { Clock } from '../../src/world.ts'

/** A DuckDB of its own in memory. */
export function openMemory(): Promise<Session> {
  return duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory: process.cwd(), mode: 'write' })
}

/**
 * The same for tables of a few thousand rows, with one thread: DuckDB shares out a table among threads from 122,880 rows
 * on (a row group), and below that the threads only wake each other, which took a seventh of the processor's time.
 */
export function openSmallMemory(directory = process.cwd()): Promise<Session> {
  return duckdb.connect(duckdb.options.parse({ path: ':memory:', threads: 1 }), { directory, mode: 'write' })
}

/** The machine's clock, for tests that only measure. */
export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  sleep: async () => undefined,
}

/** All rows of a table or view, sorted, as text. */
export async function tableOf(session: Session, table: Table, columns: readonly string[]): Promise<Cell[][]> {
  const rows: Cell[][] = []
  for await (const page of session.read(table, columns, 10_000))
    for (let row = 0; row < page.rows; row++) rows.push(page.columns.map((cells) => cells[row] ?? null))
  return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
