import { DuckDBInstance } from '@duckdb/node-api'

export type Answer = Readonly<Record<string, unknown>>

/**
 * Rows of a query, asked straight of DuckDB: no code of ours stands between a test and its oracle. Numbers beyond 2^53,
 * decimals and times come as text. Of a file, which is opened for reading only; without one, of an empty database.
 */
export async function ask(query: string, file?: string): Promise<readonly Answer[]> {
  const instance = await DuckDBInstance.create(
    file ?? ':memory:',
    file === undefined ? {} : { access_mode: 'READ_ONLY' },
  )
  const connection = await instance.connect()
  try {
    await connection.run("set TimeZone = 'UTC'")
    return (await connection.runAndReadAll(query)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Runs one statement of a test on a file that nobody else has open. */
export async function tell(statement: string, file: string): Promise<void> {
  const instance = await DuckDBInstance.create(file)
  const connection = await instance.connect()
  try {
    await connection.run(statement)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
