import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wrapped } from '../../src/sql/wrap.ts'

const words = fc.stringMatching(/^[a-z_().,']{1,30}$/)
const pieces = fc.array(
  fc.record({ text: fc.array(words, { minLength: 1, maxLength: 30 }).map((all) => all.join(' ')), free: fc.boolean() }),
  { maxLength: 12 },
)

describe('long lines', () => {
  test('are broken at blanks only: the words stay what they were, in order', () => {
    fc.assert(
      fc.property(pieces, (given) => {
        const before = given.map(({ text }) => text).join('')
        expect(wrapped(given).split(/\s+/)).toEqual(before.split(/\s+/))
      }),
      { numRuns: 500 },
    )
  })

  test('are short afterwards wherever a blank allows it', () => {
    const line = `  where ${Array.from({ length: 60 }, (_, i) => `column_${i} = ${i}`).join(' and ')}`
    const lines = wrapped([{ text: line, free: true }]).split('\n')
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120)
    expect(lines.slice(1).every((one) => /^ {4}\S/.test(one))).toBe(true)
  })

  test('are short behind a comment with an apostrophe, too', () => {
    const line = `select ${Array.from({ length: 60 }, (_, i) => `column_${i},`).join(' ')} 1`
    const lines = wrapped([{ text: `-- the row's own columns\n${line}`, free: true }]).split('\n')
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120)
  })

  test('keep literals, names and SQL of users whole', () => {
    const literal = `'${'two words '.repeat(20)}'`
    const printed = wrapped([
      { text: `select 1 where a = ${literal} or b in (`, free: true },
      { text: literal, free: false },
      { text: ')', free: true },
    ])
    expect(printed.split(literal)).toHaveLength(3)
  })
})
