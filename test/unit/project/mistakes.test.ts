import { describe, expect, test } from 'vitest'
import { CODES } from '../../../src/error.ts'
import { MISTAKES } from '../../fixtures/mistakes.ts'
import { diagnoseOnce, marks, placeOf, read } from '../../support/shop.ts'

test('the shop itself is right', async () => {
  const { project, diagnostics } = await read({})
  expect(diagnostics).toEqual([])
  expect(project?.syncs.size).toBe(1)
})

describe('a mistake is told where it is', () => {
  test.each(MISTAKES)('$name ($code)', async ({ code, files, says, severity = 'error' }) => {
    const found = await diagnoseOnce(files)
    const mine = found.filter((one) => one.code === code)
    const where = marks(files)
    expect(found.map((one) => [one.code, one.message, placeOf(one)])).toEqual(
      mine.map((one) => [one.code, one.message, placeOf(one)]),
    )
    expect(mine.map(placeOf)).toEqual(where.length > 0 ? where : [undefined])
    expect(mine.every((one) => one.severity === severity)).toBe(true)
    if (says)
      expect(
        mine
          .map((one) => `${one.message}\n${one.fix}`)
          .join('\n')
          .toLowerCase(),
      ).toContain(says.toLowerCase())
  })
})

test('messages are sentences', async () => {
  for (const { files } of MISTAKES)
    for (const { message, fix } of await diagnoseOnce(files)) {
      expect(message).toMatch(/^["`A-Z].*\.$/su)
      if (fix) expect(fix).toMatch(/^[A-Z].*[.?}]$/su)
    }
})

/** Codes of the project's areas that are not about its files, with the test that shows them. */
const ELSEWHERE = new Set(['project/missing-config', 'yaml/unreadable'])

test('every code of the project has a mistake that shows it', () => {
  const areas = ['yaml', 'project', 'ref', 'expr']
  const mine = CODES.filter(
    (code) => areas.includes(code.split('/')[0] ?? '') || /^sync\/(key|mode|leave|missing)|^sql\//.test(code),
  )
  const shown = new Set<string>([...MISTAKES.map((one) => one.code), ...ELSEWHERE])
  expect(mine.filter((code) => !shown.has(code))).toEqual([])
})
