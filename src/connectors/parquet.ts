import { rm } from 'node:fs/promises'
import { DuckDBDataChunk, DuckDBInstance, VARCHAR } from '@duckdb/node-api'
import { id, join, print, type Quoting, type Sql, sql, text } from '../sql/sql.ts'

type Values = readonly (string | null)[]

/** What one data chunk of DuckDB may hold. */
const CHUNK_ROWS = 2048

/**
 * Writes rows as one Parquet file, every column text. Rows pass through a table on disk beside the file, so that
 * memory does not grow with them; one thread keeps their order and with it the bytes of a rewritten file.
 */
export async function writeParquet(path: string, columns: readonly string[], rows: AsyncIterable<Values>) {
  const scratch = `${path}.duckdb`
  await removeScratch(scratch)
  const instance = await DuckDBInstance.create(scratch, { threads: '1', memory_limit: '256MB' })
  try {
    const connection = await instance.connect()
    await connection.run(
      printed(sql`create table ${id('rows')} (${join(columns.map((one) => sql`${id(one)} varchar`))})`),
    )
    const appender = await connection.createAppender('rows')
    for await (const chunk of chunks(rows, columns.length)) appender.appendDataChunk(chunk)
    appender.closeSync()
    await connection.run(printed(sql`copy ${id('rows')} to ${text(path)} (format parquet)`))
    connection.closeSync()
  } finally {
    instance.closeSync()
    await removeScratch(scratch)
  }
}

/** The rows of a Parquet file whose columns are all text. */
export async function readParquet(path: string): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  try {
    const connection = await instance.connect()
    const reader = await connection.runAndReadAll(printed(sql`select * from read_parquet(${text(path)})`))
    const rows = reader.getRowObjectsJson() as Record<string, string | null>[]
    connection.closeSync()
    return rows
  } finally {
    instance.closeSync()
  }
}

async function removeScratch(scratch: string): Promise<void> {
  await rm(scratch, { force: true })
  await rm(`${scratch}.wal`, { force: true })
}

async function* chunks(rows: AsyncIterable<Values>, width: number): AsyncGenerator<DuckDBDataChunk> {
  let pending: Values[] = []
  for await (const row of rows) {
    if (pending.push(row) < CHUNK_ROWS) continue
    yield chunkOf(pending, width)
    pending = []
  }
  if (pending.length > 0) yield chunkOf(pending, width)
}

function chunkOf(rows: readonly Values[], width: number): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create(Array.from({ length: width }, () => VARCHAR))
  chunk.setRows(rows)
  return chunk
}

/** DuckDB's quoting for the few statements of this file, which belong to no project and have no parameters. */
const QUOTING: Quoting = {
  name: (name) => `"${name.replaceAll('"', '""')}"`,
  text: (value) => `'${value.replaceAll("'", "''")}'`,
  parameter: (name) => `$${name}`,
}

function printed(statement: Sql): string {
  return print(statement, QUOTING)
}
