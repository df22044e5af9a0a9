// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { sourceFile, wordsAt } from '../../../src/project/place.ts'
import { replaced } from '../../../src/project/scalar.ts'
import { child, type Dict, type Node, type Scalar } from '../../../src/project/tree.ts'
import { parseYaml } from '../../../src/project/yaml.ts'

function read(text: string): { root: Node | undefined; codes: readonly string[] } {
  const { root, diagnostics } = parseYaml(sourceFile('a.yaml', text))
  return { root, codes: diagnostics.map((one) => one.code) }
}

function scalarAt(text: string, ...path: readonly string[]): Scalar {
  let node = read(text).root
  for (const key of path) node = node?.kind === 'dict' ? child(node, key) : undefined
  if (node?.kind !== 'scalar') throw new Error(`no scalar in ${text}`)
  return node
}

describe('scalars keep their source text', () => {
  const plain = [
    '01000',
    '+33612345678',
    'no',
    'yes',
    'on',
    '1e3',
    '08',
    '0x1F',
    '1_000',
    '2026-01-01',
    '.5',
    'NaN',
    '1:30',
  ]
  test.each(plain)('%s arrives as written', (text) => {
    expect(scalarAt(`a: ${text}`, 'a').text).toBe(text)
    expect(scalarAt(`{ a: ${text} }`, 'a').text).toBe(text)
  })

  test.each(['', '~', 'null', 'Null'])('"%s" is null', (text) => {
    expect(scalarAt(`a: ${text}`, 'a').isNull).toBe(true)
  })

  test('a quoted null is text', () => {
    expect(scalarAt('a: "null"', 'a').isNull).toBe(false)
  })

  test('every text survives being written as YAML and read', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) => {
        fc.pre(!/[\ud800-\udfff](?![\udc00-\udfff])/.test(text))
        expect(scalarAt(stringify({ a: text }), 'a').text).toBe(text)
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

describe('characters know where they stand', () => {
  const cases: readonly [string, string, string][] = [
    ['plain', 'a: one two', 'two'],
    ['single quotes', "a: 'it''s two'", 'two'],
    ['double quotes', 'a: "one \\u00e9\\n two"', 'two'],
    ['a folded plain scalar', 'a: one\n  three\n  two', 'two'],
    ['a literal block', 'a: |\n  one\n  more two\nb: 1', 'two'],
    ['an indented literal block', 'a: |\n    one\n      two', 'two'],
    ['a folded block', 'a: >-\n  one\n  three\n\n  two x\n', 'two'],
    ['CRLF', 'a: |\r\n  one\r\n  two\r\n', 'two'],
    ['an escaped line break', 'a: "one \\\n  two"', 'two'],
  ]
  test.each(cases)('%s', (_, yaml, word) => {
    const scalar = scalarAt(yaml, 'a')
    const from = scalar.text.indexOf(word)
    const at = scalar.at(from, from + word.length)
    expect(wordsAt(at)).toBe(word)
    expect(at.line).toBe(yaml.slice(0, yaml.indexOf(word)).split('\n').length)
  })

  test('every visible character of a text that was written as YAML is found again', () => {
    const word = fc.stringMatching(/^[a-z'"\\ \n#:éß]{1,60}$/)
    fc.assert(
      fc.property(
        word,
        fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'),
        (text, type) => {
          const yaml = stringify({ k: { a: text } }, { defaultStringType: type as 'PLAIN', lineWidth: 30 })
          const scalar = scalarAt(yaml, 'k', 'a')
          // A block of blanks only is not written back by the library as it was.
          fc.pre(scalar.text === text)
          for (const [index, char] of [...text].entries())
            if (/[a-zéß#:]/.test(char)) expect(wordsAt(scalar.at(index, index + 1)), `${yaml} ${index}`).toBe(char)
        },
      ),
      { seed: 2, numRuns: 1000 },
    )
  })

  test('the whole of a quoted text is what stands inside the quotes', () => {
    expect(wordsAt(scalarAt('a: "one two"', 'a').at())).toBe('one two')
  })

  test('a place behind the last character is one character long', () => {
    const at = scalarAt('a: one', 'a').at(3, 3)
    expect(at).toMatchObject({ line: 1, column: 7, length: 1 })
  })

  test('a place inside a replaced part is that of the part', () => {
    const scalar = scalarAt('a: x > ${var:limit} and bad', 'a')
    const whole = replaced(scalar, [{ from: 4, to: 16, value: '500' }])
    expect(whole.text).toBe('x > 500 and bad')
    expect(wordsAt(whole.at(4, 7))).toBe('${var:limit}')
    expect(wordsAt(whole.at(5, 6))).toBe('${var:limit}')
    expect(wordsAt(whole.at(12, 15))).toBe('bad')
    expect(wordsAt(whole.at(0, 1))).toBe('x')
    expect(wordsAt(whole.at())).toBe('x > ${var:limit} and bad')
  })
})

describe('bombs are refused before they cost anything', () => {
  const laughs = ['a: &a0 [x, x]', ...Array.from({ length: 24 }, (_, i) => `a${i}: &a${i + 1} [*a${i}, *a${i}]`)].join(
    '\n',
  )
  const bombs: readonly [string, string, string][] = [
    ['billion laughs', laughs, 'yaml/too-many-aliases'],
    [
      'many aliases',
      `a: &a 1\n${Array.from({ length: 60 }, (_, i) => `b${i}: *a`).join('\n')}`,
      'yaml/too-many-aliases',
    ],
    ['merge keys', `a: &a { b: 1 }\nc:\n${'  <<: *a\n'.repeat(10_000)}`, 'yaml/too-many-aliases'],
    ['10,000 open brackets', '['.repeat(10_000), 'yaml/too-large'],
    ['a million open brackets', '['.repeat(1_000_000), 'yaml/too-large'],
    ['open braces', '{a: '.repeat(200_000), 'yaml/too-large'],
    ['dashes on one line', '- '.repeat(10_000), 'yaml/too-large'],
    ['question marks', '? '.repeat(10_000), 'yaml/too-large'],
    ['deep indentation', Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'yaml/too-large'],
  ]
  test.each(bombs)('%s', (_, yaml, code) => {
    const start = process.cpuUsage()
    const { codes } = read(yaml)
    // Time of this process alone: a busy machine is no bomb.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(200)
    expect(codes[0]).toBe(code)
  })

  test('40 levels are read', () => {
    const deep = Array.from({ length: 39 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
    expect(read(`${deep} 1`).codes).toEqual([])
    expect(read('['.repeat(39) + ']'.repeat(39)).codes).toEqual([])
  })

  test('an alias inside its own anchor is no endless tree', () => {
    expect(read('a: &a [*a]').codes).toEqual(['yaml/changed-value'])
  })
})

test.each(['__proto__', 'constructor', 'prototype', '<<'])('the key %s is refused', (key) => {
  expect(read(`a:\n  ${key}: { polluted: 1 }`).codes).toEqual(['yaml/forbidden-key'])
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})

test('an alias stands for what its anchor holds', () => {
  const { root } = read('a: &x { b: 1 }\nc: *x')
  expect((child(root as Dict, 'c') as Dict).entries[0]?.value).toMatchObject({ text: '1' })
})
