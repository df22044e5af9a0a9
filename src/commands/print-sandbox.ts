import type { Held } from '../report.ts'
import { type Column, number, type Paper, table, visible } from './layout.ts'

interface Row {
  readonly destination: string
  readonly place: string
  readonly rows: number
}

/** What the emulated destinations hold, a line a place. */
export function printHeld(held: readonly Held[], page: Paper): readonly string[] {
  const rows = held.flatMap(({ destination, places }): readonly Row[] =>
    places.length === 0
      ? [{ destination, place: 'nothing yet', rows: 0 }]
      : places.map((one) => ({ destination, ...one })),
  )
  return rows.length === 0 ? [] : table(COLUMNS, rows, page)
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'destination', value: ({ destination }) => visible(destination) },
  { title: 'place', value: ({ place }) => visible(place) },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows) },
]
