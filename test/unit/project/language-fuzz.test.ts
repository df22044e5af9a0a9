import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Diagnostic } from '../../../src/error.ts'
import { parseMoment } from '../../../src/project/expression.ts'
import type { Style } from '../../../src/project/reader.ts'
import { orders, people, readText, scalarOf } from '../../support/language.ts'

// Texts that look like the language reach further into the parser than random characters do.
const words = [
  ...[
    'country',
    'order_count',
    'customer.country',
    'orders.x',
    'is_vip',
    'last_order_at',
    'nothing',
    '"a b"',
    "'it''s'",
  ],
  ...['=', '!=', '>', '<=', '<>', '+', '-', '*', '/', '(', ')', '[', ']', ',', '.', "'", '"', '%'],
  ...['and', 'or', 'not', 'in', 'between', 'like', 'contains', 'starts with', 'matches', 'is', 'null', 'true'],
  ...['within', 'empty', 'contains any of [', 'all of', 'tags', 'household.size', 'all.email'],
  ...['case', 'when', 'then', 'else', 'end', 'lower(', 'coalesce(', 'date_trunc(', 'nope('],
  ...['now', 'today', '90 days ago', '7 days from now', 'start of month', '2026-01-01', '2026-13-01', '30 days'],
  ...['08', '1e3', '-5', 'FR', '\n', '\t', '\u00a0', '\ud83d', '😀', '\0'],
]

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(fc.constantFrom(...words), { maxLength: 14 })
    .chain((some) => fc.constantFrom(some.join(' '), some.join(''))),
)

test('any text gives a tree, or problems that point into the text', () => {
  fc.assert(
    fc.property(text, fc.constantFrom<Style>('where', 'expression'), fc.boolean(), (written, style, ofPeople) => {
      const { tree, problems } = readText(written, ofPeople ? people : orders, style)
      expectTreeOrPlaces(written, tree, problems)
    }),
    { seed: 1, numRuns: 6_000 },
  )
})

test('any text gives a time, or problems that point into the text', () => {
  fc.assert(
    fc.property(text, (written) => {
      const problems: Diagnostic[] = []
      expectTreeOrPlaces(written, parseMoment(scalarOf(written), people, problems), problems)
    }),
    { seed: 1, numRuns: 2_000 },
  )
})

function expectTreeOrPlaces(written: string, tree: unknown, problems: readonly Diagnostic[]): void {
  expect(tree === undefined).toBe(problems.length > 0)
  const lines = written.split('\n')
  for (const { at, message } of problems) {
    const line = lines[(at?.line ?? 0) - 1]
    if (at === undefined || line === undefined) throw new Error(`${message} is outside of ${JSON.stringify(written)}`)
    expect(at.column).toBeGreaterThanOrEqual(1)
    // A place on an empty line is one character long although nothing stands there.
    expect(at.column + at.length - 1).toBeLessThanOrEqual(Math.max(1, line.replace(/\r$/, '').length))
  }
}
