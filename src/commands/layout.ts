export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Where text is laid out: how wide a line may be (Infinity where nobody looks at columns), and how it is coloured. */
export interface Paper {
  readonly width: number
  readonly paint: (style: Style, text: string) => string
}

const CODES: Record<Style, readonly [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export function paper(width: number, colour: boolean): Paper {
  return {
    width,
    paint: (style, text) => {
      const [on, off] = CODES[style]
      return colour && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text
    },
  }
}

/**
 * Text that others wrote, fit for a terminal: what could move the cursor, hide or reorder text is spelled out
 * (`\x1b`, `\u202e`). Line breaks become spaces.
 */
export function visible(text: string): string {
  return text.replace(/\s*\r?\n\s*/g, ' ').replace(HIDDEN, (char) => {
    const code = char.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

// Controls, format characters (bidirectional overrides, zero widths), line and paragraph separators, lone surrogates.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** How many columns a text takes that holds no control characters. */
export function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += /\p{Mn}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1
  return width
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** The text, cut with `…` where it takes more than `width` columns. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let cut = ''
  for (const char of text) {
    if (widthOf(cut) + widthOf(char) > width - 1) break
    cut += char
  }
  return `${cut}…`
}

/** A text in lines of at most `width` columns, broken between words; `first` precedes the first line, `rest` the others. */
export function wrap(text: string, width: number, first = '', rest = first): readonly string[] {
  const lines: string[] = []
  let line: string | undefined
  const room = width - Math.max(widthOf(first), widthOf(rest))
  for (const word of text.split(' ').flatMap((one) => chunks(one, room))) {
    const longer = line === undefined ? word : `${line} ${word}`
    if (line !== undefined && widthOf(longer) > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line ?? ''].map((one, index) => `${index === 0 ? first : rest}${one}`.trimEnd())
}

function chunks(word: string, width: number): readonly string[] {
  if (widthOf(word) <= width) return [word]
  const parts: string[] = ['']
  for (const char of word) {
    const last = parts.at(-1) ?? ''
    if (widthOf(last) + widthOf(char) > Math.max(width, 2)) parts.push(char)
    else parts[parts.length - 1] = last + char
  }
  return parts
}

export interface Column<R> {
  readonly title: string
  readonly value: (row: R) => string
  readonly align?: 'left' | 'right'
  readonly style?: (row: R) => Style | undefined
  /** Columns with a number are left out, the highest first, where the table would be too wide. */
  readonly optional?: number
}

/** Rows under aligned titles, indented by two. Too wide, it loses its optional columns, then the end of its first
 * column, then its last columns. */
export function table<R>(columns: readonly Column<R>[], rows: readonly R[], page: Paper): readonly string[] {
  const kept = fitting(columns, rows, page.width)
  const over = Math.max(0, tableWidth(kept, rows) - page.width)
  const widths = kept.map((column, index) => {
    const full = columnWidth(column, rows)
    return index === 0 ? Math.max(Math.min(full, LEAST), full - over) : full
  })
  const line = (texts: readonly string[], style: (index: number) => Style | undefined) => {
    const cells = texts.map((text, index) => {
      const cell = pad(clip(text, widths[index] ?? 0), widths[index] ?? 0, kept[index]?.align ?? 'left')
      const painted = style(index)
      return painted === undefined ? cell : page.paint(painted, cell)
    })
    return `  ${cells.join('  ')}`.trimEnd()
  }
  const titles = kept.map(({ title }) => title)
  const head = titles.every((title) => title === '') ? [] : [line(titles, () => 'dim')]
  return [
    ...head,
    ...rows.map((row) =>
      line(
        kept.map(({ value }) => value(row)),
        (index) => kept[index]?.style?.(row),
      ),
    ),
  ]
}

/** The first column keeps so much of what it says. */
const LEAST = 12

function fitting<R>(columns: readonly Column<R>[], rows: readonly R[], width: number): readonly Column<R>[] {
  if (leastWidth(columns, rows) <= width || columns.length <= 1) return columns
  const last = columns.length - 1
  const dropped = columns.reduce(
    (most, { optional }, index) => {
      const before = most === undefined ? 0 : (columns[most]?.optional ?? 0)
      return (optional ?? 0) > before ? index : most
    },
    undefined as number | undefined,
  )
  return fitting(
    columns.filter((_, index) => index !== (dropped ?? last)),
    rows,
    width,
  )
}

/** How wide a table must be: in full while there are optional columns to leave out, then with its first column cut. */
function leastWidth<R>(columns: readonly Column<R>[], rows: readonly R[]): number {
  const full = tableWidth(columns, rows)
  const [first] = columns
  if (first === undefined || columns.some(({ optional }) => optional !== undefined)) return full
  return full - Math.max(0, columnWidth(first, rows) - LEAST)
}

function tableWidth<R>(columns: readonly Column<R>[], rows: readonly R[]): number {
  return columns.reduce((sum, column) => sum + 2 + columnWidth(column, rows), 0)
}

function columnWidth<R>({ title, value }: Column<R>, rows: readonly R[]): number {
  return rows.reduce((most, row) => Math.max(most, widthOf(value(row))), widthOf(title))
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blank = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'left' ? text + blank : blank + text
}

/** `12,345`. */
export function number(value: number): string {
  return value.toLocaleString('en-US')
}

/** `512 B`, `1.4 GB`. */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']
  const at = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1)
  const share = value / 1000 ** at
  return `${at === 0 || share >= 100 ? Math.round(share) : share.toFixed(1)} ${units[at]}`
}

/** `1 row`, `12,345 rows`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`
}

/** `0.3 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `3 days`. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}
