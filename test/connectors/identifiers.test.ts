import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  GOOGLE,
  type Identifier,
  identifier,
  type Kind,
  META,
  phoneIn,
  type Rules,
  sha256,
  VERSION,
} from '../../src/connectors/identifiers.ts'
import { GOOGLE_VECTORS } from './vectors/google.ts'
import { META_VECTORS } from './vectors/meta.ts'
import type { Vector } from './vectors/vector.ts'

const hash = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')
const NOWHERE = { country: undefined, hashed: false }

/** Kinds that each vendor wants plain. */
const PLAIN: ReadonlyMap<Rules, readonly Kind[]> = new Map([
  [GOOGLE, ['country', 'zip', 'mobile_ad_id']],
  [META, ['mobile_ad_id', 'external_id']],
])

function expected({ kind, form }: Vector, rules: Rules): Identifier {
  if (form === undefined) return { is: 'malformed' }
  if (form === null) return { is: 'absent' }
  return { is: 'value', value: PLAIN.get(rules)?.includes(kind) ? form : hash(form) }
}

async function made(rules: Rules, kind: Kind, raw: Vector['raw'], more: { phones?: string; country?: string } = {}) {
  const rule = rules[kind]
  if (rule === undefined) throw new Error(`no rule for ${kind}`)
  const country = more.country?.toLowerCase()
  return identifier(rule, raw, { phone: await phoneIn(more.phones), country, hashed: false })
}

describe('hashes that the vendors give as examples', () => {
  test.each([
    [GOOGLE, 'email', 'jane.doe@example.com', '86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d'],
    [META, 'email', 'jane.doe@example.com', '86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d'],
    [GOOGLE, 'email', 'Jane.Doe+news@gmail.com', 'd6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69'],
    [META, 'email', 'Jane.Doe+news@gmail.com', 'f41439c944a763c9812d700a779941cec169de13c9ccd13aaf9424ba5231620a'],
    [GOOGLE, 'phone', '+12125550123', '27e0fa5123e83b8d78af1156024ff01694f7ccf420aa0a3b0b1cbd2f0c40a33d'],
    [META, 'phone', '+12125550123', '53ed517fa8e01227bd3ebdc60c78b3f7a7f3a199decdf492af61584ed4ac608d'],
    [GOOGLE, 'first_name', 'jane', '81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2'],
    [META, 'first_name', 'jane', '81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2'],
    [GOOGLE, 'last_name', 'doe', '799ef92a11af918e3fb741df42934f3b568ed2d93ac1df74f1b8d41a27932a6f'],
    [META, 'last_name', 'doe', '799ef92a11af918e3fb741df42934f3b568ed2d93ac1df74f1b8d41a27932a6f'],
    [META, 'gender', 'f', '252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111'],
    [META, 'country', 'us', '79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621'],
    [META, 'zip', '10001', 'e443169117a184f91186b401133b20be670c7c0896f9886075e5d9b81e9d076b'],
    [GOOGLE, 'country', 'us', 'US'],
    [GOOGLE, 'zip', '10001', '10001'],
  ] as const)('%# %s', async (rules, kind, raw, value) => {
    expect(await made(rules, kind, raw)).toEqual({ is: 'value', value })
  })
})

describe.each([
  ['Google', GOOGLE, GOOGLE_VECTORS],
  ['Meta', META, META_VECTORS],
] as const)('what %s finds people by', (_, rules, vectors) => {
  test('is worked out for at least fifty values', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(50)
    expect(new Set(vectors.map(({ kind }) => kind))).toEqual(new Set(Object.keys(rules)))
  })

  test.each(vectors)('$kind $raw: $why', async (vector) => {
    expect(await made(rules, vector.kind, vector.raw, vector)).toEqual(expected(vector, rules))
  })

  test('the one form of a value is the form of itself', async () => {
    const how = { phone: await phoneIn('FR'), country: undefined }
    // A second title is part of the name, as Google's own formatter has it.
    const twice = /^\s*(mr|mrs|ms|dr)\.\s*(mr|mrs|ms|dr)\./i
    for (const [kind, rule] of Object.entries(rules))
      fc.assert(
        fc.property(anyText(), (raw) => {
          fc.pre(kind !== 'first_name' || !twice.test(raw))
          const text = raw.normalize('NFC').trim()
          const form = text === '' ? undefined : rule.form(text, how)
          if (form === undefined || form === '') return
          const again = rule.form(kind === 'phone' && rules === META ? `+${form}` : form, how)
          expect(again, `${kind} ${JSON.stringify(raw)}`).toBe(form)
        }),
        { numRuns: 150 },
      )
  })

  test('what is hashed shows nothing of what it was, and NFC and NFD are one', async () => {
    const how = { phone: await phoneIn('FR'), ...NOWHERE }
    for (const [kind, rule] of Object.entries(rules))
      fc.assert(
        fc.property(anyText(), (raw) => {
          const made = identifier(rule, raw, how)
          expect(identifier(rule, raw.normalize('NFD'), how), kind).toEqual(made)
          if (made.is !== 'value') return
          expect(made.value).not.toBe('')
          if (rule.hash) expect(made.value).toMatch(/^[0-9a-f]{64}$/)
          expect(made.value).not.toBe(hash(''))
        }),
        { numRuns: 150 },
      )
  })

  test('a value that is declared as hashed is put in lower case and checked, not hashed again', () => {
    const how = { phone: () => undefined, country: undefined, hashed: true }
    const rule = rules.email
    if (rule === undefined) throw new Error('no rule')
    const value = hash('jane.doe@example.com')
    expect(identifier(rule, ` ${value.toUpperCase()} `, how)).toEqual({ is: 'value', value })
    expect(identifier(rule, 'jane.doe@example.com', how)).toEqual({ is: 'malformed' })
    expect(identifier(rule, value.slice(1), how)).toEqual({ is: 'malformed' })
    expect(identifier(rule, '', how)).toEqual({ is: 'absent' })
  })

  test('a value that only looks like a hash is hashed as what it is', () => {
    const rule = rules.last_name
    if (rule === undefined) throw new Error('no rule')
    const looks = 'ab'.repeat(32)
    expect(identifier(rule, looks, { phone: () => undefined, ...NOWHERE })).toEqual({ is: 'value', value: hash(looks) })
  })
})

test('an empty text is never hashed', () => {
  expect(() => sha256('')).toThrow('no hash')
  expect(VERSION).toBe(1)
})

/** Text as people and programs leave it, often with what the rules look for. */
function anyText(): fc.Arbitrary<string> {
  const parts = [
    'Dr. ',
    ', Jr',
    ' III',
    '@',
    'gmail.com',
    '+',
    '.',
    ' ',
    '\u0301',
    'É',
    'ß',
    'İ',
    'Σ',
    '-',
    "'",
    '0612345678',
  ]
  const piece = fc.oneof(
    fc.constantFrom(...parts),
    fc.string({ unit: 'grapheme', maxLength: 5 }),
    fc.integer().map(String),
  )
  return fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
}
