import type { Cell } from './warehouse.ts'

// Canonical text of what servers print, as every dialect's `json` prints it.

/** A decimal number without trailing zeros; null for what is none. */
export function decimal(text: string): Cell {
  if (!/^-?\d/.test(text)) return null
  return text.includes('.') ? text.replace(/^-(0)\.0+$|\.0+$|(\.\d*[1-9])0+$/, '$1$2') : text
}

/** A float in as few digits as tell it from every other; null for what is no number. */
export function float(text: string): Cell {
  const value = Number(text)
  if (!Number.isFinite(value)) return null
  return Object.is(value, -0) ? '0' : String(value).replace('e+', 'e')
}
