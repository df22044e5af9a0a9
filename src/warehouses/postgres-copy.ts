import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { failed } from './postgres-statement.ts'
import type { Cell, Page } from './warehouse.ts'

/**
 * Appends a page to a table, columns in the table's order, by one COPY: all of it or nothing, and the server reads each
 * text as the column's type. `target`: the table's name as it is written.
 */
export async function copyInto(connection: Client, name: string, target: string, page: Page): Promise<void> {
  const { from } = await import('pg-copy-streams')
  const text = `copy ${target} from stdin`
  try {
    await pipeline(Readable.from(linesOf(page)), connection.query(from(text)))
  } catch (error) {
    throw failed(name, text, error)
  }
}

/** Rows that are sent together. */
const CHUNK = 1_000

/** Lines of COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html, "File Formats". */
function* linesOf({ rows, columns }: Page): Generator<Buffer> {
  for (let start = 0; start < rows; start += CHUNK) {
    const end = Math.min(start + CHUNK, rows)
    let lines = ''
    for (let row = start; row < end; row++) lines += `${columns.map((column) => fieldOf(column[row])).join('\t')}\n`
    yield Buffer.from(lines)
  }
}

function fieldOf(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '\\N'
  return SPECIAL.test(cell) ? cell.replaceAll(/[\\\n\r\t]/g, (found) => ESCAPED[found] ?? found) : cell
}

const SPECIAL = /[\\\n\r\t]/

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
