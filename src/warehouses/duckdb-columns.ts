import type * as Driver from '@duckdb/node-api'
import { id, join, type Sql, sql } from '../sql/sql.ts'
import { cellOf } from './duckdb-cells.ts'
import type { Cell } from './warehouse.ts'

/** Reads the rows `start` to `end` of one column of a result into columns of a page. */
export interface Reader {
  read(vector: Driver.DuckDBVector, start: number, end: number, into: readonly Cell[][]): void
}

/** What is selected for a page, and what reads it. */
export interface Selection {
  readonly values: readonly Sql[]
  /** Takes the types of the columns of the result. */
  readonly readers: (types: readonly string[]) => readonly Reader[]
}

/**
 * How columns of a table are read. The driver takes about a microsecond for every text, mostly for the memory around
 * it; so the texts of a row come as one, a JSON array, which takes a third of the time. It also keeps a leading byte
 * order mark (U+FEFF), which the driver takes off every other text.
 */
export function selectionOf(columns: readonly string[], types: ReadonlyMap<string, string>): Selection {
  const places = columns.map((name, place) => ({ name, place }))
  const texts = places.filter(({ name }) => types.get(name) === 'text')
  const others = places.filter(({ name }) => types.get(name) !== 'text')
  const packed = sql`cast(to_json([${join(texts.map(({ name }) => id(name)))}]) as text)`
  return {
    values: [...others.map(({ name }) => id(name)), ...(texts.length === 0 ? [] : [packed])],
    readers: (found) => [
      ...others.map(({ place }, at) => plain(place, found[at] ?? '')),
      ...(texts.length === 0 ? [] : [unpacked(texts.map(({ place }) => place))]),
    ],
  }
}

function plain(place: number, type: string): Reader {
  const convert = cellOf(type)
  return {
    read: (vector, start, end, into) => {
      const to = into[place] ?? []
      for (let row = start; row < end; row++) to.push(convert(vector.getItem(row)))
    },
  }
}

function unpacked(places: readonly number[]): Reader {
  return {
    read: (vector, start, end, into) => {
      let texts: string[] = []
      let length = 0
      const parse = () => {
        const rows = JSON.parse(`[${texts.join(',')}]`) as readonly (readonly Cell[])[]
        for (const [at, place] of places.entries()) {
          const to = into[place] ?? []
          for (const row of rows) to.push(row[at] ?? null)
        }
        texts = []
        length = 0
      }
      for (let row = start; row < end; row++) {
        const text = String(vector.getItem(row))
        texts.push(text)
        length += text.length
        if (length > PARSED_AT_ONCE) parse()
      }
      parse()
    },
  }
}

/** Characters of rows that are parsed together: no text of JavaScript is longer than about 500 million. */
const PARSED_AT_ONCE = 4 * 1024 * 1024
