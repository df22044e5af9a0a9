import type { Diagnostic } from '../error.ts'

/** Whom a human has to take out of a destination. */
export interface ByHand {
  /** Personal values are hidden already. */
  readonly key: Readonly<Record<string, string>>
  readonly profile_id: string | null
  readonly why: 'suppressed' | 'consent'
}

/** `email [hidden], profile 12 (no consent)`. */
export function withdrawalText({ key, profile_id: id, why }: ByHand): string {
  const named = Object.entries(key).map(([name, value]) => `${name} ${value}`)
  const who = [...named, ...(id === null ? [] : [`profile ${id}`])].join(', ')
  return `${who} (${why === 'suppressed' ? 'suppressed' : 'no consent'})`
}

/** The diagnostics of an outcome, where they tell of withdrawals with the people by name. */
export function withNames(
  diagnostics: readonly Diagnostic[],
  people: readonly ByHand[],
  all: number,
): readonly Diagnostic[] {
  if (people.length === 0) return diagnostics
  const more = all > people.length ? [`and ${all - people.length} more: cdp log --outcome listed`] : []
  const names = [...people.map(withdrawalText), ...more].join('; ')
  return diagnostics.map((one) =>
    one.code === 'sync/withdrawn' ? { ...one, message: `${one.message} ${names}.` } : one,
  )
}
