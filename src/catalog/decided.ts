/** A line of a segment as it is for one person. */
export interface DecidedLine {
  /** As written. */
  readonly text: string
  readonly file: string
  readonly line: number
  /** Null: something that it asks for is missing. */
  readonly verdict: boolean | null
  /** What it speaks of, and the person's values as text. */
  readonly values: readonly { readonly name: string; readonly value: string | null }[]
  /** The parts of a line of several, or the lines of a segment that it asks for. */
  readonly inner: readonly DecidedLine[]
  /** The person's rows in the sources that it asks for. */
  readonly rows: readonly FoundRows[]
}

/** Rows of a source, by the columns that a line speaks of. */
export interface FoundRows {
  readonly source: string
  readonly found: readonly Readonly<Record<string, string | null>>[]
}

/**
 * The lines that decided whether somebody is in a segment: of a member all; else those that are not true, and where
 * only what comes after the condition left the person out (waterfall, split, limit), that.
 */
export function decisive<T extends Pick<DecidedLine, 'verdict'>>(
  lines: readonly { readonly isAfter: boolean; readonly decided: T }[],
  isIn: boolean,
): readonly T[] {
  const before = lines.filter(({ isAfter }) => !isAfter).map(({ decided }) => decided)
  if (isIn) return before
  const missed = before.filter(({ verdict }) => verdict !== true)
  if (missed.length > 0) return missed
  return lines.map(({ decided }) => decided).filter(({ verdict }) => verdict !== true)
}
