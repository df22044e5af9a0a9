import { patiently, tryJson } from '../answer.ts'
import type { HeldRow, Io, Json, Key } from '../connector.ts'
import type { DatabaseResult, DatabaseStatement } from '../database.ts'
import type { Family } from './dialects.ts'
import type { Cells } from './statements.ts'
import { lookUp, noTable, type Place, translatedAt } from './table.ts'

/** Rows of one question. */
const PAGE = 1_000

/**
 * The rows of the table with the columns of the sync; those that are marked as gone are left out. All of it comes page
 * after page, each in a transaction of its own, so that nobody is kept waiting; what is written meanwhile may be seen.
 */
export async function* readRows(
  place: Place,
  keys: readonly Key[] | 'all',
  io: Pick<Io, 'patiently'>,
): AsyncGenerator<HeldRow> {
  const { database, statements } = place
  const found = await patiently(io, () => lookUp(place))
  // A table that is made by the first batch holds nothing before.
  if (found === undefined && !place.into.create) throw noTable(place)
  if (found === undefined) return
  const { columns } = found
  const { key, fields } = place.io.columns
  const asked = { names: [...new Set([...key, ...fields])], softDelete: place.into.soft_delete }
  const ask = (statement: DatabaseStatement) =>
    patiently(io, () => translatedAt(place, () => database.transaction('read', (run) => run(statement))))
  const held = ({ rows }: DatabaseResult) =>
    rows.map((row): HeldRow => {
      const only = (names: readonly string[]) =>
        Object.fromEntries(names.map((name) => [name, decoded(row[name] ?? null, columns.get(name)?.family ?? 'text')]))
      return { key: only(key), fields: only(fields) }
    })
  if (keys !== 'all') {
    for (const statement of statements.select(keys, asked, columns)) yield* held(await ask(statement))
    return
  }
  for (let after: Cells | undefined; ; ) {
    const page = await ask(statements.page(after, PAGE, asked, columns))
    yield* held(page)
    after = page.rows.at(-1)
    if (page.rows.length < PAGE) return
  }
}

/** A cell as JSON: times in ISO 8601; numbers that JavaScript would change stay text. */
export function decoded(text: string | null, family: Family): Json {
  if (text === null) return null
  switch (family) {
    case 'boolean':
      // MySQL tells a bit as the character of that number.
      return text === '1' || text === 't' || text === 'true' || text === '\u0001'
    case 'integer':
    case 'number':
      return isExact(text) ? Number(text) : text
    case 'date':
      return text.slice(0, 10)
    case 'timestamp': {
      const time = text.replace(' ', 'T')
      if (/Z$/.test(time)) return time
      return /[+-]00(:?00)?$/.test(time)
        ? time.replace(/[+-]00(:?00)?$/, 'Z')
        : `${time}${/[+-]\d\d:?\d\d$/.test(time) ? '' : 'Z'}`
    }
    case 'json':
      return tryJson(text) ?? text
    case 'text':
      return text
  }
}

/** Is it a number that JavaScript tells as it is? Others are `NaN`, `$1,250.00`, or have too many digits. */
function isExact(text: string): boolean {
  const number = Number(text)
  if (!Number.isFinite(number)) return false
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  // Up to fifteen digits there is no other number between.
  return String(number) === short || short.replace(/\D/g, '').replace(/^0+/, '').length <= 15
}
