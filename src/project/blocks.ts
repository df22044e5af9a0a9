import type { Block, IdentifierType } from './project.ts'

/**
 * What people and programs write where they know no value: such a value would join everybody who has it. Values are
 * in lower case and fit any; patterns fit what a normaliser leaves: e-mail addresses and text in lower case, phones as
 * +33…, exact values as they were.
 */
export function defaultBlocks(normalise: IdentifierType['normalise']): readonly Block[] {
  switch (normalise) {
    case 'email':
      return [...EMAILS.map(value), pattern(NOBODY_AT)]
    case 'phone':
      return [pattern(ONE_DIGIT)]
    case 'text':
    case 'exact':
      return [...[...WORDS, ...DEVICES].map(value), pattern(ONLY_ZEROS), pattern(ONLY_MARKS)]
  }
}

/** A block as an analyst wrote it: `/…/` is a pattern, everything else a value in any case. */
export function blockOf(written: string): Block {
  if (written.length > 2 && written.startsWith('/') && written.endsWith('/')) return pattern(written.slice(1, -1))
  return value(written.trim().toLowerCase())
}

// Some are what exports write for null: MySQL \N, Excel #N/A, Java's (null), JavaScript's [object Object].
const WORDS = [
  'null',
  '(null)',
  '<null>',
  '[null]',
  '\\n',
  'none',
  '(none)',
  'nil',
  'nan',
  'na',
  'n/a',
  'n.a.',
  '#n/a',
  'unknown',
  'undefined',
  'anonymous',
  'guest',
  'test',
  'deleted',
  'redacted',
  'true',
  'false',
  '-1',
  'not available',
  'not applicable',
  'not provided',
  'not set',
  '(not set)',
  '[object object]',
]

// What systems hand out in place of an address or id of a device: the Max UUID (RFC 9562), the MAC address that phones
// show for privacy, broadcast, this machine itself, and the ANDROID_ID that a whole series of phones shares.
const DEVICES = [
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '02:00:00:00:00:00',
  'ff:ff:ff:ff:ff:ff',
  '127.0.0.1',
  '::1',
  'localhost',
  '9774d56d682e549c',
]

// The all-zero advertising id, an unset MAC or IP address, a GUID in braces.
const ONLY_ZEROS = '^[{(]?[0:.-]+[)}]?$'

const ONLY_MARKS = '^[\\[\\](){}<>_.,:;?!*#/|"~=+ -]+$'

const EMAILS = [
  'test@test.com',
  'test@test.test',
  'test@test',
  'test@example.com',
  'user@example.com',
  'email@example.com',
  'example@example.com',
  'email@email.com',
  'none@none.com',
  'na@na.com',
  'no@no.com',
  'a@a.com',
  'a@a.a',
  'noemail@noemail.com',
  'no@email.com',
  'null@null.com',
]

const NOBODY_AT = '^(no[-_]?reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|deleted|n/?a)@'

const ONE_DIGIT = `(${[...'0123456789'].map((digit) => `${digit}{7}`).join('|')})$`

function value(text: string): Block {
  return { kind: 'value', value: text }
}

function pattern(text: string): Block {
  return { kind: 'pattern', pattern: text }
}
