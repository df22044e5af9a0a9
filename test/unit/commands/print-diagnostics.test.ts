import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { paper, widthOf } from '../../../src/commands/layout.ts'
import { printDiagnostics, printFailure, tally } from '../../../src/commands/print-diagnostics.ts'
import { CdpError, type Diagnostic, problem, warning } from '../../../src/error.ts'

const VIP: Diagnostic = problem(
  'ref/unknown-trait',
  'Trait "lifetime_vlaue" is not defined on entity "customer".',
  { file: 'models/vip.yaml', line: 9, column: 5, length: 14, text: '  - lifetime_vlaue > 5' },
  'Did you mean "lifetime_value"?',
)

test('a diagnostic shows place, code, sentence, the guilty text and the mend', () => {
  expect(printDiagnostics([VIP], paper(80, false))).toEqual([
    'models/vip.yaml:9:5  ref/unknown-trait',
    '  Trait "lifetime_vlaue" is not defined on entity "customer".',
    '      9 |   - lifetime_vlaue > 5',
    '        |     ^^^^^^^^^^^^^^',
    '  Did you mean "lifetime_value"?',
    '',
  ])
})

test('diagnostics are sorted by file and line, those without a place first', () => {
  const at = (file: string, line: number) => ({ file, line, column: 1, length: 1, text: 'x' })
  const some = [
    problem('ref/cycle', 'Third.', at('b.yaml', 12)),
    problem('ref/cycle', 'Second.', at('b.yaml', 2)),
    warning('ref/cycle', 'First.', at('a.yaml', 30)),
    problem('ref/cycle', 'Zeroth.'),
  ]
  const said = printDiagnostics(some, paper(80, false)).filter((line) => line.endsWith('.'))
  expect(said).toEqual(['  Zeroth.', '  First.', '  Second.', '  Third.'])
  expect(tally(some)).toBe('3 errors, 1 warning')
})

test('no line is wider than the terminal, and the carets stand below the guilty text', () => {
  const places = fc
    .record({
      before: fc.string({ maxLength: 150 }),
      guilty: fc.stringMatching(/^[a-z]{1,20}$/),
      after: fc.string({ maxLength: 150 }),
    })
    .filter(({ before, after }) => !/[\r\n]/.test(before + after))
  fc.assert(
    fc.property(places, fc.integer({ min: 60, max: 140 }), ({ before, guilty, after }, width) => {
      const at = {
        file: 'a.yaml',
        line: 1,
        column: before.length + 1,
        length: guilty.length,
        text: before + guilty + after,
      }
      const lines = printDiagnostics([problem('expr/syntax', 'Wrong.', at)], paper(width, false))
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width)
      const [source = '', carets = ''] = lines.slice(2)
      const start = carets.indexOf('^')
      expect(source.slice(start, carets.length)).toBe(guilty)
    }),
    { seed: 4 },
  )
})

test('what others wrote reaches the terminal without its control characters', () => {
  const evil = problem('yaml/syntax', 'Found "\u001b[31mred".', {
    file: 'a.yaml',
    line: 1,
    column: 1,
    length: 3,
    text: '\u001b[2J x',
  })
  const text = printDiagnostics([evil], paper(80, true)).join('\n')
  expect(stripVTControlCharacters(text)).not.toMatch(/(?!\n)\p{Cc}/u)
  expect(text).toContain('\\x1b[31mred')
})

test('a failure of the warehouse repeats the words of the driver where they say more', () => {
  const cause = new Error('Binder Error: no such column')
  const failed = new CdpError('warehouse', [problem('warehouse/statement', 'The statement "x" failed.')], cause)
  expect(printFailure(failed, paper(80, false))).toContain('  Cause: Binder Error: no such column')
  const told = new CdpError(
    'warehouse',
    [problem('warehouse/statement', 'It failed: Binder Error: no such column')],
    cause,
  )
  expect(printFailure(told, paper(80, false)).filter((line) => line.includes('Binder'))).toHaveLength(1)
})

test('a bug says what to report, and that it is not the fault of the project', () => {
  const failed = new CdpError('bug', [problem('bug/unexpected', 'Unexpected: boom')], new Error('boom'))
  const text = printFailure(failed, paper(80, false)).join('\n')
  expect(text).toContain('not in your project')
  expect(text).toContain(`node ${process.version}`)
  expect(text).toContain('print-diagnostics.test.ts')
})
