import { unreachable } from '../error.ts'
import type { Condition } from '../project/language.ts'
import { type Sql, sql, verbatim } from '../sql/sql.ts'
import { print } from './expression.ts'
import { closed, junction, negation, type Printed } from './layout.ts'
import type { PrintContext } from './print-context.ts'

/**
 * A condition as SQL, in its three-valued logic: a comparison with null is null, so is its negation. `did`, `did_not`
 * and memberships are never null, because `context.event`, `context.sequence`, `context.member` and `wasMember` are
 * not. Beside an operator of the caller it needs parentheses.
 */
export function printCondition(condition: Condition, context: PrintContext): Sql {
  return printed(condition, context).sql
}

function printed(condition: Condition, context: PrintContext): Printed {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return several(condition, context)
    case 'not':
      return negation(printed(condition.of, context))
    case 'test':
      return print(condition.expression, context)
    case 'did': {
      const event = closed(context.event(condition.event))
      return condition.negated ? negation(event) : event
    }
    case 'sequence': {
      const sequence = closed(context.sequence(condition.sequence))
      return condition.negated ? negation(sequence) : sequence
    }
    case 'member_of':
      return closed(context.member(condition.segment, condition.variant))
    case 'was_member_of':
      return closed(context.wasMember(condition.membership))
    case 'sql':
      return closed(ownSql(condition.text))
    default:
      return unreachable(condition)
  }
}

function several({ kind, of }: Extract<Condition, { kind: 'all' | 'any' }>, context: PrintContext): Printed {
  const items = of.map((one) => printed(one, context))
  const [only] = items
  return items.length === 1 && only ? only : junction(kind === 'all' ? 'and' : 'or', items)
}

// A comment at the end of the user's text must not take the closing bracket with it.
function ownSql(text: string): Sql {
  if (!text.includes('--') && !text.includes('\n')) return sql`(${verbatim(text)})`
  return sql`
    (
      ${verbatim(text)}
    )`
}
