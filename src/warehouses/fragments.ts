import type { OrderKey } from '../sql/dialect.ts'
import { join, lines, type Sql, sql, width } from '../sql/sql.ts'

// Pieces of which every dialect composes its fragments.

/** A fragment that may stand beside an operator: parenthesised unless it is one name, literal, call or parenthesis. */
export function operand(value: Sql): Sql {
  return isAtom(value) ? value : sql`(${value})`
}

/** Code that is no literal of a template: type names and keywords of this file only. */
export function code(text: string): Sql {
  return { parts: [{ kind: 'code', text }] }
}

/** A call with its arguments on one line, or one a line where that would be too long. */
export function call(name: string, args: readonly Sql[]): Sql {
  return fitting(
    sql`${code(name)}(${join(args, ', ', Number.POSITIVE_INFINITY)})`,
    sql`
    ${code(name)}(
      ${lines(args)}
    )`,
  )
}

/** What an `order by` says so that a row of one end comes first; a null key comes after all others, seen from either end. */
export function ordered(which: 'first' | 'last', keys: readonly OrderKey[]): readonly Sql[] {
  return keys.map(({ of, isDescending = false }) =>
    isDescending === (which === 'first') ? sql`${of} desc nulls last` : sql`${of} nulls last`,
  )
}

/** The first of two ways to print the same where it fits a line, else the second. */
export function fitting(oneLine: Sql, tall: Sql): Sql {
  const hasLines = oneLine.parts.some((part) => part.kind === 'code' && part.text.includes('\n'))
  return width(oneLine) <= 90 && !hasLines ? oneLine : tall
}

/**
 * An instant in ISO 8601 in the one form that every warehouse reads: with seconds and a zone. Throws an Error where it is
 * in no form.
 */
export function fullInstant(iso: string): string {
  const parts = /^(\d{4,}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)$/i.exec(iso)
  if (!parts) throw new Error(`${JSON.stringify(iso)} is not a time with a zone in ISO 8601`)
  return `${parts[1]}T${parts[2]}${parts[3] ?? ':00'}${parts[4]?.toUpperCase()}`
}

function isAtom(value: Sql): boolean {
  const shape = value.parts.map((part) => (part.kind === 'code' ? part.text : 'x')).join('')
  if (/^[\w.]+$/.test(shape) || /^'[^']*'$/.test(shape)) return true
  return /^\w*\(/.test(shape) && closesLast(shape)
}

/** True when the first parenthesis of a text is closed by its last character. Quotes make it unsure, hence false. */
function closesLast(shape: string): boolean {
  if (shape.includes("'") || shape.includes('--')) return false
  let depth = 0
  for (let at = 0; at < shape.length; at++) {
    if (shape[at] === '(') depth++
    if (shape[at] === ')' && --depth === 0) return at === shape.length - 1
  }
  return false
}
