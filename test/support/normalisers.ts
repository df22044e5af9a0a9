import type { Normaliser } from '../../src/sql/dialect.ts'

/** The normalisers in plain TypeScript: what every dialect's SQL must agree with. */
export const normalisers: Readonly<Record<Normaliser, (value: string) => string | null>> = {
  email: (value) => {
    const folded = fold(collapse(value))
    return /^[^@ ]+@[^@ ]+$/.test(folded) ? folded : null
  },
  text: (value) => fold(collapse(value)) || null,
  exact: (value) => value.replace(new RegExp(`^${BLANK}+|${BLANK}+$`, 'gu'), '') || null,
}

/** Separators, control characters and zero-width marks; not the joiners that hold emoji and Persian words together. */
const BLANK = '[\\p{Z}\\p{Cc}\\u200b\\u2060\\ufeff]'

function collapse(value: string): string {
  return value.replace(new RegExp(`${BLANK}+`, 'gu'), ' ').replace(/^ | $/g, '')
}

function fold(value: string): string {
  return lower(value.normalize('NFC')).normalize('NFC')
}

/** One character at a time, as databases do: no final sigma, and a dotted capital I becomes a plain i. */
function lower(value: string): string {
  return [...value].map((character) => (character === 'İ' ? 'i' : character.toLowerCase())).join('')
}
