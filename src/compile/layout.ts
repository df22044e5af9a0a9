import type { Comparison } from '../project/language.ts'
import { join, lines, type Sql, sql, width } from '../sql/sql.ts'

/** How tightly a fragment binds: one that binds looser than its place asks for is put in parentheses. */
export const BINDS = { or: 1, and: 2, not: 3, comparison: 4, sum: 5, product: 6, sign: 7, closed: 8 } as const

/** A fragment and how tightly it binds. */
export interface Printed {
  readonly sql: Sql
  readonly binds: number
}

export function closed(fragment: Sql): Printed {
  return { sql: fragment, binds: BINDS.closed }
}

/** The fragment for a place that asks for something as tight as `binds`. */
export function within(printed: Printed, binds: number): Sql {
  return printed.binds >= binds ? printed.sql : block(sql`(`, printed.sql, sql`)`)
}

/** Operands joined by an operator, one a line where they are long. */
export function chain(operands: readonly Sql[], operator: string): Sql {
  const taken = operands.reduce((sum, operand) => sum + width(operand) + operator.length + 2, 0)
  return join(operands, ` ${operator} `, taken > LINE ? 0 : LINE)
}

/** A comparison, its right side on a line of its own where it is long. */
export function comparison(left: Sql, op: Comparison, right: Sql): Printed {
  return { sql: beside(left, sql`${OPERATORS[op]} ${right}`), binds: BINDS.comparison }
}

/** As SQL writes them. */
export const OPERATORS: Readonly<Record<Comparison, Sql>> = {
  '=': sql`=`,
  '!=': sql`<>`,
  '>': sql`>`,
  '>=': sql`>=`,
  '<': sql`<`,
  '<=': sql`<=`,
}

/** A call, its arguments one a line where they are long. */
export function call(name: Sql, args: readonly Sql[]): Sql {
  const oneLine = join(args, ', ', Number.POSITIVE_INFINITY)
  return block(sql`${name}(`, isLong(oneLine) ? lines(args) : oneLine, sql`)`)
}

/** Conditions that must hold all, or any. An `and` inside an `or` gets parentheses for the reader's sake. */
export function junction(kind: 'and' | 'or', items: readonly Printed[]): Printed {
  const asks = kind === 'and' ? BINDS.and : BINDS.not
  return {
    sql: chain(
      items.map((item) => within(item, asks)),
      kind,
    ),
    binds: BINDS[kind],
  }
}

export function negation(condition: Printed): Printed {
  return { sql: sql`not ${within(condition, BINDS.comparison + 1)}`, binds: BINDS.not }
}

/** `left in (values)`. */
export function listed(left: Sql, values: readonly Sql[], negated: boolean): Printed {
  const list = block(sql`(`, filled(values), sql`)`)
  const right = negated ? sql`not in ${list}` : sql`in ${list}`
  return { sql: isLong(left) || !hasLines(list) ? beside(left, right) : sql`${left} ${right}`, binds: BINDS.comparison }
}

/** Values separated by commas, as many a line as fit. */
function filled(values: readonly Sql[]): Sql {
  const rows: Sql[][] = []
  let room = 0
  for (const value of values) {
    const taken = width(value) + 2
    const row = rows.at(-1)
    if (row !== undefined && taken <= room) row.push(value)
    else rows.push([value])
    room = (row !== undefined && taken <= room ? room : LINE) - taken
  }
  return lines(rows.map((row) => join(row, ', ', Number.POSITIVE_INFINITY)))
}

/** `value between from and to`. */
export function ranged(given: { value: Sql; from: Sql; to: Sql; negated: boolean }): Printed {
  const { value, from, to, negated } = given
  const bounds = beside(from, sql`and ${to}`)
  return { sql: beside(value, negated ? sql`not between ${bounds}` : sql`between ${bounds}`), binds: BINDS.comparison }
}

/** Two parts of one phrase: the second on a line of its own where both are long. */
function beside(first: Sql, second: Sql): Sql {
  if (!hasLines(first) && !hasLines(second) && width(first) + width(second) < LINE) return sql`${first} ${second}`
  return sql`
    ${first}
      ${second}`
}

/** Something between brackets: on one line where it is short, else on lines of its own. */
export function block(open: Sql, inner: Sql, close: Sql): Sql {
  if (!isLong(inner)) return sql`${open}${inner}${close}`
  // Deep nesting is indented no further: lines stay within their width.
  if (indentation(inner) >= DEEPEST)
    return sql`
      ${open}
      ${inner}
      ${close}`
  return sql`
    ${open}
      ${inner}
    ${close}`
}

/** A fragment that shares its first and last line with others: a wide one is put on lines of its own. */
export function narrow(fragment: Sql, most: number): Sql {
  const widths = lineWidths(fragment)
  const [first = 0, last = 0] = [widths[0], widths.at(-1)]
  if (widths.length === 1 ? first <= most : Math.max(first, last) <= most / 2) return fragment
  return sql`
    (
      ${fragment}
    )`
}

function lineWidths(fragment: Sql): readonly number[] {
  const widths = [0]
  for (const part of fragment.parts) {
    const [first = '', ...more] = part.kind === 'code' ? part.text.split('\n') : []
    const taken = part.kind === 'code' ? first.length : width({ parts: [part] })
    widths.push((widths.pop() ?? 0) + taken, ...more.map((line) => line.length))
  }
  return widths
}

/** Lines are at most 120 wide; what a fragment is put into needs its share. */
export const LINE = 72
const DEEPEST = 30

/** Whether a fragment needs lines of its own. */
export function isLong(fragment: Sql): boolean {
  return hasLines(fragment) || width(fragment) > LINE
}

function hasLines(fragment: Sql): boolean {
  return fragment.parts.some((part) => part.kind === 'code' && part.text.includes('\n'))
}

function indentation(fragment: Sql): number {
  const found = fragment.parts.flatMap((part) => (part.kind === 'code' ? [...part.text.matchAll(/\n( *)/g)] : []))
  return found.reduce((most, match) => Math.max(most, match[1]?.length ?? 0), 0)
}
