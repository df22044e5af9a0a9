/** The records of an RFC 4180 text; an empty cell is null, `""` is empty text. */
export function readCsv(text: string): readonly (readonly (string | null)[])[] {
  const records: (string | null)[][] = []
  let record: (string | null)[] = []
  for (const [, quoted, plain = '', end = ''] of text.matchAll(CELL)) {
    record.push(quoted === undefined ? (plain === '' ? null : plain) : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    records.push(record)
    record = []
  }
  return records
}

/** A cell as RFC 4180 has it; null is an empty one, empty text is `""`. */
export function csvCell(value: string | null): string {
  if (value === null) return ''
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** One cell with what ends it. At the end of the text nothing is left to match. */
const CELL = /(?!$)(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g
