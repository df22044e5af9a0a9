import type { Diagnostic } from '../error.ts'
import type { RowOrder } from './project.ts'
import { part } from './scalar.ts'
import type { Scope } from './scope.ts'
import type { Scalar } from './tree.ts'
import { readExpression } from './where.ts'

/** `lifetime_value desc`: an expression, then asc (the default) or desc. Undefined after a problem was added. */
export function readOrder(written: Scalar, scope: Scope, problems: Diagnostic[]): RowOrder | undefined {
  const [, before = written.text, direction = 'asc'] = /^(.*\S)\s+(asc|desc)\s*$/is.exec(written.text) ?? []
  const of = readExpression(part(written, 0, before.length), scope, problems)
  return of && { of, descending: direction.toLowerCase() === 'desc' }
}
