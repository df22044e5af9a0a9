import { type Diagnostic, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { parseMoment } from './expression.ts'
import { isNumeric } from './fit.ts'
import type { Expression } from './language.ts'
import type { Scope } from './scope.ts'
import type { Node, Scalar } from './tree.ts'
import type { ExpectedValue, GivenValue } from './unit-test.ts'

/** A value of a row as the type of its column, or undefined where it cannot be that; then a problem was added. */
export function givenValue(
  node: Node,
  { name, type }: { readonly name: string; readonly type: ValueType },
  timezone: string,
  problems: Diagnostic[],
): GivenValue | undefined {
  if (node.kind === 'scalar' && node.isNull) return { kind: 'null' }
  if (type === 'list') return { kind: 'list', items: listOf(node, problems) ?? [] }
  if (node.kind !== 'scalar') {
    const what = node.kind === 'list' ? 'a list' : 'a map'
    problems.push(problem('project/wrong-type', `Column "${name}" takes one value, not ${what}.`, node.at()))
    return undefined
  }
  const wrong = (takes: string, fix: string) => {
    const message = `Column "${name}" takes ${takes}, and "${node.text}" is none.`
    problems.push(problem('project/wrong-type', message, node.at(), fix))
    return undefined
  }
  switch (type) {
    case 'integer':
      return /^[+-]?\d+$/.test(node.text) ? number(node) : wrong('a whole number', declare(name))
    case 'decimal':
    case 'float':
      return isNumeric(node.text) ? number(node) : wrong('a number', declare(name))
    case 'boolean':
      if (/^(true|false)$/i.test(node.text)) return { kind: 'boolean', value: node.text.toLowerCase() === 'true' }
      return wrong('true or false', declare(name))
    case 'date':
    case 'timestamp':
      return givenTime(node, timezone, problems)
    case 'text':
    case 'unknown':
      return { kind: 'text', value: node.text }
  }
}

/** What a trait must be, whose type is known when it was built. Undefined where it is no value; then a problem was added. */
export function expectedValue(node: Node, timezone: string, problems: Diagnostic[]): ExpectedValue | undefined {
  if (node.kind === 'scalar' && node.isNull) return { text: null, items: undefined, time: undefined }
  if (node.kind !== 'scalar') {
    const items = listOf(node, problems)
    return items && { text: JSON.stringify(items), items, time: undefined }
  }
  // Most values are no times, and nobody wants to hear of it.
  const time = parseMoment(node, nobody(timezone), [])
  return { text: node.text, items: undefined, time }
}

/** A time of a test, or undefined where it is none; then a problem was added. */
export function givenTime(written: Scalar, timezone: string, problems: Diagnostic[]): Expression | undefined {
  return parseMoment(written, nobody(timezone), problems)
}

function listOf(node: Node, problems: Diagnostic[]): readonly string[] | undefined {
  const items = node.kind === 'list' ? node.items : []
  const texts = items.flatMap((item) => (item.kind === 'scalar' && !item.isNull ? [item.text] : []))
  if (node.kind === 'list' && texts.length === items.length) return texts
  problems.push(problem('project/wrong-type', 'A list of texts is meant here.', node.at(), 'Write [a, b].'))
  return undefined
}

function number({ text }: Scalar): GivenValue {
  return { kind: 'number', value: text }
}

function declare(name: string): string {
  return `If the column is of another type, say so under \`columns: { ${name}: { type: … } }\` of the source.`
}

/** Values of rows speak of no names. */
function nobody(timezone: string): Scope {
  return {
    timezone,
    lookup: () => undefined,
    qualifies: () => false,
    qualified: () => undefined,
    names: () => [],
    complaint: (path) => ({
      code: 'expr/syntax',
      message: `Expected a time, found "${path.join('.')}".`,
      fix: 'Times are written 2026-01-01, 2026-01-01T08:00:00Z, now, today, 90 days ago, start of month.',
    }),
  }
}
