/** A place in a project file. Lines and columns count from 1, columns in UTF-16 units, as editors do. */
export interface At {
  /** Path from the project root, with forward slashes. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** How many characters are meant; at least 1. */
  readonly length: number
  /** The source line that holds the place, without its line end. */
  readonly text: string
}

/** Something an analyst wrote that cannot stand, where it is, and how to mend it. */
export interface Diagnostic {
  readonly code: Code
  readonly severity: 'error' | 'warning'
  /** A full sentence that says what is, with the user's own words in double quotes. */
  readonly message: string
  readonly at?: At
  /** An instruction, where there is a sure one. */
  readonly fix?: string
}

/** Who has to act before the command can succeed. */
export type Party = 'project' | 'warehouse' | 'destination' | 'bug'

/**
 * Every code that a diagnostic can carry: `area/what`. Codes are stable: scripts may match on them.
 * Each is reported by exactly one sentence pattern and has a test that points at the guilty text.
 */
export const CODES = [
  'yaml/syntax',
  'yaml/duplicate-key',
  'yaml/too-many-aliases',
  'yaml/too-large',
  'yaml/forbidden-key',
  'yaml/changed-value',
  'yaml/unreadable',
  'project/missing-config',
  'project/unknown-key',
  'project/wrong-type',
  'project/missing-key',
  'project/not-supported',
  'project/duplicate-name',
  'project/bad-name',
  'project/unused-sql',
  'project/unset-variable',
  'project/literal-secret',
  'project/bad-reference',
  'project/reads-all',
  'ref/unknown-source',
  'ref/unknown-entity',
  'ref/unknown-identifier',
  'ref/unknown-trait',
  'ref/unknown-column',
  'ref/unknown-segment',
  'ref/unknown-destination',
  'ref/unknown-field',
  'ref/unknown-sync',
  'ref/unknown-target',
  'ref/unknown-purpose',
  'ref/unknown-model',
  'ref/cycle',
  'expr/syntax',
  'expr/unknown-function',
  'expr/wrong-type',
  'expr/no-time',
  'dbt/no-manifest',
  'dbt/unreadable',
  'dbt/version',
  'dbt/ephemeral',
  'dbt/changed',
  'dbt/adapter',
  'dbt/profile',
  'sql/syntax',
  'sql/not-a-query',
  'sync/key-conflict',
  'sync/mode',
  'sync/leave',
  'sync/missing-field',
  'sync/renamed',
  'sync/unreadable',
  'sync/owned',
  'warehouse/missing-table',
  'warehouse/missing-column',
  'warehouse/missing-file',
  'warehouse/locked',
  'warehouse/statement',
  'warehouse/permission',
  'warehouse/clock',
  'warehouse/connection',
  'warehouse/newer-state',
  'destination/auth',
  'destination/config',
  'destination/unreachable',
  'destination/throttled',
  'destination/refused',
  'destination/job-failed',
  'destination/note',
  'identity/guard',
  'identity/empty-source',
  'test/failed',
  'sync/guard',
  'plan/stale',
  'sync/withdrawn',
  'sync/locked',
  'command/arguments',
  'bug/unexpected',
] as const

export type Code = (typeof CODES)[number]

/** A failure that ends a command. Carries every diagnostic that was collected, not the first only. */
export class CdpError extends Error {
  readonly who: Party
  readonly diagnostics: readonly Diagnostic[]

  constructor(who: Party, diagnostics: readonly Diagnostic[], cause?: unknown) {
    super(diagnostics.map((d) => d.message).join('\n'), cause === undefined ? undefined : { cause })
    this.name = 'CdpError'
    this.who = who
    this.diagnostics = diagnostics
  }
}

/** An error diagnostic; `at` and `fix` are left out where undefined. */
export function problem(code: Code, message: string, at?: At, fix?: string): Diagnostic {
  return { code, severity: 'error', message, ...(at && { at }), ...(fix && { fix }) }
}

/** A warning diagnostic: printed, never stops a command. */
export function warning(code: Code, message: string, at?: At, fix?: string): Diagnostic {
  return { ...problem(code, message, at, fix), severity: 'warning' }
}

/** A one-diagnostic failure. */
export function failure(who: Party, code: Code, message: string, fix?: string, cause?: unknown): CdpError {
  return new CdpError(who, [problem(code, message, undefined, fix)], cause)
}

/** Whatever was thrown as a CdpError: what nobody expected is a bug. */
export function asFailure(thrown: unknown): CdpError {
  if (thrown instanceof CdpError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return failure('bug', 'bug/unexpected', `Unexpected: ${message}`, undefined, thrown)
}

/** Marks code that the types say cannot run; throws a bug if it does. */
export function unreachable(value: never): never {
  throw failure('bug', 'bug/unexpected', `Unexpected value ${JSON.stringify(value)}.`)
}

/** The nearest of `names` to `word` within a third of its length in edits, or undefined: for "Did you mean". */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  let best: { name: string; distance: number } | undefined
  for (const name of names) {
    const distance = edits(word.toLowerCase(), name.toLowerCase())
    if (
      distance <= Math.max(1, Math.floor(Math.max(word.length, name.length) / 3)) &&
      (!best || distance < best.distance)
    )
      best = { name, distance }
  }
  return best?.name
}

/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function edits(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const cell = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + same)
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, cell(i - 2, j - 2) + 1)
      rows[i]?.push(least)
    }
  }
  return cell(a.length, b.length)
}
