import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleaned } from '../../src/connectors/answer.ts'
import { cases } from '../support/cases.ts'

const RUNS = { seed: 3, numRuns: cases(1_000) }

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const word = (alphabet: string, min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max })

/** Phone numbers as people and vendors write them, with at least eight digits. */
const phone = fc
  .tuple(
    fc.constantFrom('+33 ', '0', '(555) ', '+1-', '00', ''),
    fc.array(word('0123456789', 2, 4), { minLength: 4, maxLength: 5 }),
    fc.constantFrom(' ', '-', '.', '', '/', '\u00a0', '\u2011'),
  )
  .map(([prefix, groups, gap]) => `${prefix}${groups.join(gap)}`)

const base64url = `${LETTERS}0123456789-_`
/** The forms in which vendors' keys come. */
const token = fc.oneof(
  fc
    .tuple(word(base64url, 10, 40), word(base64url, 10, 60), word(base64url, 20, 43))
    .map(([head, body, signature]) => `eyJ${head}.eyJ${body}.${signature}`),
  fc
    .tuple(
      fc.constantFrom('sk_live_', 'pk_test_', 'ghp_', 'xoxb-', 'shpat_', 'whsec_'),
      word(`${LETTERS}0123456789`, 16, 40),
    )
    .map(([prefix, rest]) => `${prefix}${rest}`),
  fc.tuple(word('0123456789abcdef', 31, 31), fc.nat(20)).map(([hex, centre]) => `a${hex}-us${centre}`),
  fc.tuple(word(LETTERS, 14, 20), word('0123456789', 4, 9), word(LETTERS, 14, 20)).map((parts) => parts.join('')),
)

/** How a vendor's sentence holds a value. */
const around = fc.constantFrom<(value: string) => string>(
  (value) => `"${value}" is not valid`,
  (value) => `Invalid value: ${value}.`,
  (value) => `{"errors":[{"value":"${value}","code":12}]}`,
  (value) => `duplicate of <${value}> (id 17)`,
  (value) => `see https://vendor.example/people?q=${encodeURIComponent(value)}&page=2`,
  (value) => `field=${value};status=3`,
  (value) => `${value}\n\u001b[31m${value}`,
)

const noise = fc.string({ maxLength: 40 })

function expectLost(text: string, parts: readonly string[], secrets: readonly string[] = []): void {
  const shown = cleaned(text, secrets)
  for (const part of parts) expect(shown).not.toContain(part)
  expect(shown.length).toBeLessThanOrEqual(200)
}

test('no mail address comes through, however it is written', () => {
  const email = fc.emailAddress()
  fc.assert(
    fc.property(noise, email, around, noise, (before, value, holds, after) => {
      expectLost(`${before} ${holds(value)} ${after}`, [value, encodeURIComponent(value)])
    }),
    RUNS,
  )
})

test('no phone number comes through, with whatever between its digits', () => {
  fc.assert(
    fc.property(noise, phone, around, noise, (before, value, holds, after) => {
      // The digits themselves, without prefix and gaps, must not be there either.
      const digits = value.replace(/\D/g, '')
      const shown = cleaned(`${before} ${holds(value)} ${after}`, [])
      expect(shown).not.toContain(value)
      expect(shown.replace(/[\s()./\u2010-\u2015-]/g, '')).not.toContain(digits)
    }),
    RUNS,
  )
})

test('no token comes through, of ours or of others', () => {
  const ours = fc.string({ minLength: 6, maxLength: 30 }).filter((one) => one.trim().length >= 6)
  fc.assert(
    fc.property(noise, token, ours, around, (before, value, secret, holds) => {
      expectLost(`${before} ${holds(value)}`, [value])
      expectLost(`${before} Authorization: Bearer ${value}`, [value])
      const shown = cleaned(`${before} ${holds(secret)}`, [secret])
      if (!'[secret]<email><token><number>…'.includes(secret.trim())) expect(shown).not.toContain(secret)
    }),
    RUNS,
  )
})

test.each([
  'FIELD_CUSTOM_VALIDATION_EXCEPTION: Very_Long_Name_Of_A_Field_2__c is required (0035g00000AbCdEAAV)',
  'Answered 400: merge field PLZ must have at most 10 characters; see error 1402317',
  'Basic information is missing; the token is not valid here',
])('what helps to mend a row stays: %s', (text) => {
  expect(cleaned(text, [])).toBe(text)
})

test('a text of many megabytes is read in no time', () => {
  const began = performance.now()
  for (const part of ['a', '1', '1(', 'eyJ', 'a%4', ' ', 'token=']) cleaned(part.repeat(8 * 1024 * 1024), ['secret'])
  expect(performance.now() - began).toBeLessThan(5_000)
})
