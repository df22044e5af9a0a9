import fc from 'fast-check'

export type Truth = boolean | null

/** Columns n, m, f (numbers), s, t (texts), l, k (lists), b, c, at, seen (instants, ISO), day, born (dates), and answers. */
export interface Row {
  readonly n: number | null
  readonly m: number | null
  readonly f: number | null
  readonly s: string | null
  readonly t: string | null
  readonly l: readonly string[] | null
  readonly k: readonly string[] | null
  readonly b: Truth
  readonly c: Truth
  readonly at: string | null
  readonly seen: string | null
  readonly day: string | null
  readonly born: string | null
  readonly did: boolean
  readonly member: boolean
  readonly was_member: boolean
}

/** A part of a condition: how it is written, and what it is on a row. */
export interface Term<T> {
  readonly text: string
  of(row: Row): T | null
}

// Texts that a careless printer would break on, close enough to one another to be equal now and then.
export const word = fc.constantFrom('', 'a', 'A', 'ab', "a'b", 'a%', 'b_', 'ba', '01', '1', 'null', ' a', 'é')

// Around midnight in Paris, where UTC has another day, on both sides of summer time.
export const instant = fc
  .tuple(
    fc.constantFrom('2026-03-28', '2026-03-29', '2026-03-31', '2026-04-01', '2026-01-31', '2025-12-31'),
    fc.constantFrom('00:00:00', '21:59:59', '22:00:00', '22:30:00', '23:00:00', '23:59:59', '12:00:00'),
  )
  .map(([day, time]) => `${day}T${time}.000Z`)

export const date = fc.constantFrom('2026-03-28', '2026-03-29', '2026-03-31', '2026-04-01', '2026-01-31', '2026-01-01')

const number = fc.integer({ min: -3, max: 4 })

const often = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4, nil: null })

export const row: fc.Arbitrary<Row> = fc.record({
  n: often(number),
  m: often(number),
  f: often(number.map((value) => value / 4)),
  s: often(word),
  t: often(word),
  l: often(fc.uniqueArray(word, { maxLength: 4 })),
  k: often(fc.uniqueArray(word, { maxLength: 4 })),
  b: often(fc.boolean()),
  c: often(fc.boolean()),
  at: often(instant),
  seen: often(instant),
  day: often(date),
  born: often(date),
  did: fc.boolean(),
  member: fc.boolean(),
  was_member: fc.boolean(),
})

export function and(a: Truth, b: Truth): Truth {
  if (a === false || b === false) return false
  return a === null || b === null ? null : true
}

export function not(a: Truth): Truth {
  return a === null ? null : !a
}

export function or(a: Truth, b: Truth): Truth {
  return not(and(not(a), not(b)))
}

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>='

export const operator = fc.constantFrom<Operator>('=', '!=', '<', '<=', '>', '>=')

export function compare<T extends string | number>(op: Operator, a: T | null, b: T | null): Truth {
  if (a === null || b === null) return null
  const answers = { '=': a === b, '!=': a !== b, '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }
  return answers[op]
}

/** Null where one of the two is. */
export function both<A, T, B = A>(a: A | null, b: B | null, of: (a: A, b: B) => T | null): T | null {
  return a === null || b === null ? null : of(a, b)
}
