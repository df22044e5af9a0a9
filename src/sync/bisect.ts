/** Rows that were refused as a whole. */
export interface Refused<R, W> {
  readonly rows: readonly R[]
  readonly why: W
}

/** What is done with the rows that bisection singles out. */
export interface Verdicts<R, W> {
  /** This row alone is refused. */
  bad(row: R, why: W): void
  /** Not tried any more, because sending ended. */
  skipped(row: R): void
  isEnded(): boolean
}

/**
 * Finds the rows for which a batch was refused as a whole, by sending halves. `send` returns the rows that were again
 * refused as a whole, or undefined when the part was dealt with. Takes at most 2k·log2(n/k) + 2k further requests for
 * k bad rows among n.
 */
export async function bisect<R, W>(
  refused: Refused<R, W>,
  send: (rows: readonly R[]) => Promise<Refused<R, W> | undefined>,
  verdicts: Verdicts<R, W>,
): Promise<void> {
  const { rows, why } = refused
  const [first] = rows
  if (rows.length === 1 && first !== undefined) return verdicts.bad(first, why)
  // Halves of a power of two stay even to the end; only so does the promise hold for every n.
  const middle = 2 ** Math.ceil(Math.log2(rows.length) - 1)
  for (const half of [rows.slice(0, middle), rows.slice(middle)]) {
    if (verdicts.isEnded()) {
      half.forEach(verdicts.skipped)
      continue
    }
    const again = await send(half)
    if (again) await bisect(again, send, verdicts)
  }
}
