import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Column,
  clip,
  duration,
  number,
  paper,
  table,
  visible,
  widthOf,
  wrap,
} from '../../../src/commands/layout.ts'

describe('text of others', () => {
  test('cannot move the cursor, colour the screen or reverse what is read', () => {
    expect(visible('a\u001b[2Jb')).toBe('a\\x1b[2Jb')
    expect(visible('\u202efdp.exe')).toBe('\\u202efdp.exe')
    expect(visible('one\r\n  two\u0007')).toBe('one two\\x07')
  })

  test('holds no control character whatever it held before', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visible(text)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
        expect(stripVTControlCharacters(shown)).toBe(shown)
      }),
      { seed: 3 },
    )
  })
})

describe('lines', () => {
  test('are as wide as a terminal shows them', () => {
    expect(widthOf('abc')).toBe(3)
    expect(widthOf('e\u0301')).toBe(1)
    expect(widthOf('日本')).toBe(4)
  })

  test('are never wider than they may be, and lose no word when they are broken', () => {
    const words = fc.array(fc.stringMatching(/^[a-z日é]{1,30}$/), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(words, fc.integer({ min: 8, max: 60 }), (said, width) => {
        const lines = wrap(said.join(' '), width, '  ')
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width)
        expect(lines.join('').replaceAll(' ', '')).toBe(said.join(''))
        expect(widthOf(clip(said.join(' '), width))).toBeLessThanOrEqual(width)
      }),
      { seed: 3 },
    )
  })
})

describe('a table', () => {
  interface Row {
    readonly name: string
    readonly rows: number
  }
  const columns: readonly Column<Row>[] = [
    { title: 'name', value: ({ name }) => name },
    { title: 'kind', value: () => 'customers', optional: 1 },
    { title: 'rows', align: 'right', value: ({ rows }) => number(rows), style: () => 'red' },
  ]

  test('aligns its columns', () => {
    expect(
      table(
        columns,
        [
          { name: 'a', rows: 12_345 },
          { name: 'long', rows: 6 },
        ],
        paper(80, false),
      ),
    ).toEqual(['  name  kind         rows', '  a     customers  12,345', '  long  customers       6'])
  })

  test('leaves out what is optional, then cuts names, before a line gets too long', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: fc.string({ maxLength: 60 }).map(visible), rows: fc.nat() })),
        fc.integer({ min: 30, max: 120 }),
        fc.boolean(),
        (rows, width, colour) => {
          for (const line of table(columns, rows, paper(width, colour)))
            expect(widthOf(stripVTControlCharacters(line))).toBeLessThanOrEqual(width)
        },
      ),
      { seed: 3 },
    )
    expect(table(columns, [{ name: 'a name of thirty characters…', rows: 1 }], paper(30, false))).toEqual([
      '  name                    rows',
      '  a name of thirty char…     1',
    ])
  })
})

test('durations are said as people say them', () => {
  expect([340, 42_000, 185_000, 7_800_000, 300_000_000].map(duration)).toEqual([
    '0.3 s',
    '42 s',
    '3 min 5 s',
    '2 h 10 min',
    '3 days',
  ])
})
