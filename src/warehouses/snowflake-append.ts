import { type Field, typeOf } from './snowflake-cells.ts'
import type { Printed } from './snowflake-statement.ts'
import type { Page } from './warehouse.ts'

/** What is appended, and where. */
export interface Appending {
  readonly name: string
  /** The table as it is quoted. */
  readonly into: string
  readonly fields: readonly Field[]
  readonly page: Page
}

/**
 * Statements that append rows, each given as one JSON text: no stage, and so no right to make one, and no bound on how many
 * values a statement has.
 */
export function* appended({ name, into, fields, page }: Appending): Generator<Printed> {
  const values = fields.map((field, at) => cast(`get(item.value, ${at})`, field))
  const text = [
    `insert into ${into}`,
    `select ${values.join(', ')}`,
    'from table(flatten(input => parse_json(:1))) as item',
  ].join('\n')
  let rows: string[] = []
  let size = 0
  for (let row = 0; row < page.rows; row++) {
    const json = JSON.stringify(page.columns.map((column) => column[row] ?? null))
    if (size > 0 && size + json.length > LONGEST) {
      yield { name, text, values: [`[${rows.join(',')}]`] }
      rows = []
      size = 0
    }
    rows.push(json)
    size += json.length
  }
  yield { name, text, values: [`[${rows.join(',')}]`] }
}

/** Characters of one statement's rows. A document in Snowflake has at most 16 MB. */
const LONGEST = 2_000_000

function cast(value: string, field: Field): string {
  const type = typeOf(field)
  if (type === 'array' || type === 'object' || type === 'variant')
    return `cast(parse_json(cast(${value} as varchar)) as ${type})`
  // From text, so that a number is read as it was written.
  return type === 'varchar' ? `cast(${value} as varchar)` : `cast(cast(${value} as varchar) as ${type})`
}
