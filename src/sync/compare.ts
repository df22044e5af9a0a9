import type { HeldRow, Json, Key } from '../connectors/connector.ts'

export type Fields = Readonly<Record<string, Json>>

/** How a row that was sent compares with what the destination holds of it. */
export type Verdict = 'equal' | 'differs' | 'missing'

/** The names of the fields that the destination holds otherwise than they were sent. */
export function differing(sent: Fields, held: Fields): readonly string[] {
  return Object.keys(sent).filter((name) => !isSame(sent[name] ?? null, held[name] ?? null))
}

/**
 * Do both mean one value? Vendors tell a number as text, a time in another form, null as empty text, and cut blanks off
 * the ends of texts.
 */
function isSame(sent: Json, held: Json): boolean {
  const [one, other] = [plain(sent), plain(held)]
  if (one === other) return true
  if (NUMBER.test(one) && NUMBER.test(other)) return Number(one) === Number(other)
  return TIME.test(one) && TIME.test(other) && Date.parse(one) === Date.parse(zoned(other))
}

const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/

/** `+0000` as JavaScript reads it. */
function zoned(time: string): string {
  return time.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')
}

function plain(value: Json): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value).trim()
}

/** A key as the text by which rows that are read back are found. */
export function matchKey(key: Key, names: readonly string[], folds: boolean): string {
  const text = names.map((name) => plainKey(key[name] ?? null)).join('\u001f')
  return folds ? text.toLowerCase() : text
}

function plainKey(value: Json): string {
  return value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Wilson's interval at 95 % for a share of which a sample of `rows` held `found`. */
export function interval(found: number, rows: number): { readonly low: number; readonly high: number } {
  if (rows === 0) return { low: 0, high: 1 }
  const z = 1.959964
  const share = found / rows
  const middle = share + z ** 2 / (2 * rows)
  const spread = z * Math.sqrt((share * (1 - share)) / rows + z ** 2 / (4 * rows ** 2))
  const scale = 1 + z ** 2 / rows
  return { low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) }
}

/** How a row compares, with the fields that differ. */
export function compareRow(
  sent: Fields,
  held: Pick<HeldRow, 'fields'> | undefined,
): { readonly verdict: Verdict; readonly fields: readonly string[] } {
  if (held === undefined) return { verdict: 'missing', fields: [] }
  const fields = differing(sent, held.fields)
  return { verdict: fields.length === 0 ? 'equal' : 'differs', fields }
}
