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
      return [...WORDS.map(value), pattern('^[0-]+$'), pattern('^[-_.?*#/ ]+$')]
  }
}

/** A block as an analyst wrote it: `/…/` is a pattern, everything else a value in any case. */
export function blockOf(written: string): Block {
  if (written.length > 2 && written.startsWith('/') && written.endsWith('/')) return pattern(written.slice(1, -1))
  return value(written.trim().toLowerCase())
}

const WORDS = [
  'null',
  'none',
  'nil',
  'nan',
  'na',
  'n/a',
  'unknown',
  'undefined',
  'anonymous',
  'guest',
  'test',
  'not available',
  'not set',
  '(not set)',
  '[object object]',
]

const EMAILS = [
  'test@test.com',
  'test@example.com',
  'example@example.com',
  'email@email.com',
  'none@none.com',
  'na@na.com',
  'no@no.com',
  'a@a.com',
  'noemail@noemail.com',
  'no@email.com',
  'null@null.com',
]

const NOBODY_AT = '^(no-?reply|no_reply|do-?not-?reply|nobody|no-?email|none|null|undefined|unknown|anonymous|n/?a)@'

const ONE_DIGIT = `(${[...'0123456789'].map((digit) => `${digit}{7}`).join('|')})$`

function value(text: string): Block {
  return { kind: 'value', value: text }
}

function pattern(text: string): Block {
  return { kind: 'pattern', pattern: text }
}
