import type * as Driver from '@duckdb/node-api'
import { from, id, join, type Sql, sql, type Table } from '../sql/sql.ts'
import { type Reader, type Selection, selectionOf } from './duckdb-columns.ts'
import { type Printed, prepare, run } from './duckdb-statement.ts'
import { StatementError } from './statement-error.ts'
import type { Cell, Page } from './warehouse.ts'

/** What is read of a table, on which connection. */
export interface Reading {
  readonly connection: Driver.DuckDBConnection
  readonly table: Table
  /** The columns of the table and their types. */
  readonly types: ReadonlyMap<string, string>
  readonly columns: readonly string[]
  /** Rows of a page. */
  readonly page: number
  readonly orderBy: string | undefined
  /** For messages. */
  readonly name: string
  readonly print: (query: Sql) => string
}

/**
 * A finished table in pages of exactly `page` rows; the last may be shorter. Throws StatementError when rows are missing
 * at the end: the driver ends a result that fails as if all were read. Nothing else may run on the connection.
 */
export async function* readTable(reading: Reading): AsyncGenerator<Page> {
  const { connection, table, columns, types, name, print } = reading
  // One snapshot for the count and the rows.
  await run(connection, { name, text: 'begin transaction read only' })
  const extent = await extentOf(reading)
  const selection = selectionOf(columns, types)
  const select = sql`
    select ${join(selection.values)}
    from ${from(table)}`
  const statements = partsOf(reading, extent).map((part) => ({ name, text: print(sql`${select}${part}`) }))
  let rows = 0
  for await (const part of pages(reading, statements, selection)) {
    rows += part.rows
    yield part
  }
  if (rows === extent.rows) return
  const error = new Error(`the result was cut short: ${rows} of ${extent.rows} rows`)
  throw new StatementError(name, print(select), error)
}

interface Extent {
  readonly rows: number
  /** First and last number of a column that numbers the rows; undefined where it does not. */
  readonly numbers: { readonly first: number; readonly last: number } | undefined
}

async function extentOf({ connection, table, types, orderBy, name, print }: Reading): Promise<Extent> {
  const numbered = orderBy !== undefined && types.get(orderBy) === 'integer' ? id(orderBy) : undefined
  const ends = numbered === undefined ? sql`` : sql`, min(${numbered}), max(${numbered}), count(${numbered})`
  const found = await run(connection, { name, text: print(sql`select count(*)${ends} from ${from(table)}`) })
  const [row = []] = await found.getRows()
  const [rows = 0, first = 0, last = 0, known = 0] = row.map(Number)
  const isNumbered = known > 0 && known === rows && last - first + 1 === rows
  return { rows, numbers: isNumbered ? { first, last } : undefined }
}

/** Rows that are read by one statement: few enough to be sorted in passing. */
const STRETCH = 20_480

/**
 * How the rows are asked for. A table that numbers its rows is asked stretch by stretch: to sort all of a large plan
 * would take more memory than there is, and it lies in that order anyway.
 */
function partsOf({ orderBy }: Reading, { numbers }: Extent): readonly Sql[] {
  if (orderBy === undefined) return [sql``]
  const order = id(orderBy)
  if (numbers === undefined) return [sql` order by ${order}`]
  const parts: Sql[] = []
  for (let first = numbers.first; first <= numbers.last; first += STRETCH)
    parts.push(sql` where ${order} between ${first} and ${first + STRETCH - 1} order by ${order}`)
  return parts
}

/** The results of several statements, one after the other, as pages. */
async function* pages(
  { connection, page, columns: names }: Reading,
  statements: readonly Printed[],
  { readers }: Selection,
): AsyncGenerator<Page> {
  const empty = (): Cell[][] => names.map(() => [])
  let columns = empty()
  let rows = 0
  for (const statement of statements)
    for await (const { chunk, readers: each } of chunks(connection, statement, readers))
      for (let start = 0; start < chunk.rowCount; ) {
        const end = Math.min(chunk.rowCount, start + page - rows)
        for (const [at, reader] of each.entries()) reader.read(chunk.getColumnVector(at), start, end, columns)
        rows += end - start
        start = end
        if (rows < page) continue
        yield { rows, columns }
        columns = empty()
        rows = 0
      }
  if (rows > 0) yield { rows, columns }
}

/** The result as it comes. (`run` would hold all rows in memory, which no limit bounds.) */
async function* chunks(
  connection: Driver.DuckDBConnection,
  statement: Printed,
  readersOf: Selection['readers'],
): AsyncGenerator<{ readonly chunk: Driver.DuckDBDataChunk; readonly readers: readonly Reader[] }> {
  const prepared = await prepare(connection, statement)
  try {
    const result = await prepared.stream()
    const readers = readersOf(result.columnTypes().map(String))
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
      yield { chunk, readers }
  } finally {
    prepared.destroySync()
  }
}
