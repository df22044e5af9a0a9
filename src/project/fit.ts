import type { ValueType } from '../sql/dialect.ts'
import type { Expression } from './language.ts'
import type { Parsed, Reader, Span } from './reader.ts'
import { parseTime } from './time.ts'
import { isNumber, isTime, typeOf } from './types.ts'

/**
 * The trees of values that meet in one place (both sides of a comparison, the branches of a case), each literal
 * turned into the type of what it meets. Ends the reading where two of them can never meet.
 */
export function agree(reader: Reader, items: readonly Parsed[]): readonly Expression[] {
  const known = items.find((item) => !isLoose(item.tree) && kindOf(typeOf(item.tree)) !== 'unknown')
  if (known === undefined) return agreeLoosely(reader, items)
  const type = typeOf(known.tree)
  return items.map((item) => fit(reader, item, type, known))
}

/**
 * A value as the type that its place asks for. `beside` is what asks for it, for the message. Ends the reading where
 * the value can never be of that type.
 */
export function fit(reader: Reader, item: Parsed, type: ValueType, beside: Span): Expression {
  const fitted = isLoose(item.tree) ? fitLoose(reader, item, type) : fitOther(item.tree, type)
  return fitted ?? mismatch(reader, item, type, beside)
}

/** The value as a type that its place demands. `asker` says which place. Ends the reading where it can never be that. */
export function demand(
  reader: Reader,
  item: Parsed,
  place: { readonly type: ValueType; readonly asker: string; readonly fix?: string | undefined },
): Expression {
  const { type, asker, fix } = place
  const fitted = isLoose(item.tree) ? fitLoose(reader, item, type) : fitOther(item.tree, type)
  if (fitted !== undefined) return fitted
  const message = `${asker} takes ${noun(type)}, and "${reader.written(item)}" is ${nounOf(item.tree)}.`
  const isList = kindOf(typeOf(item.tree)) === 'list'
  return reader.stop(
    'expr/wrong-type',
    message,
    item,
    fix ?? (isList ? askList(reader, item) : mend(reader, item, type)),
  )
}

/** What to ask of a list instead. */
export function askList(reader: Reader, list: Span): string {
  const name = reader.written(list)
  return `Ask what it holds: ${name} contains a, ${name} contains any of [a, b], length(${name}) > 1.`
}

// A literal that takes its type from what it meets.
function isLoose(tree: Expression): boolean {
  switch (tree.kind) {
    case 'text':
    case 'number':
    case 'untyped':
    case 'boolean':
    case 'null':
    case 'date':
    case 'instant':
      return true
    case 'now':
      return tree.amount === 0
    default:
      return tree.kind === 'today'
  }
}

/** Only literals and unknown types: times make the others times, else numbers and texts must be of one kind. */
function agreeLoosely(reader: Reader, items: readonly Parsed[]): readonly Expression[] {
  const time = items.find((item) => isTime(typeOf(fitUnknown(reader, item))))
  if (time !== undefined) return items.map((item) => fit(reader, item, 'timestamp', time))
  if (items.some((item) => !isLoose(item.tree))) return items.map((item) => fitUnknown(reader, item))
  const first = items.find((item) => kindOf(typeOf(item.tree)) !== 'unknown')
  return first === undefined
    ? items.map((item) => item.tree)
    : items.map((item) => fit(reader, item, typeOf(first.tree), first))
}

function fitUnknown(reader: Reader, { tree }: Parsed): Expression {
  if (tree.kind === 'number') return { kind: 'untyped', value: tree.value }
  if (tree.kind !== 'text' && tree.kind !== 'untyped') return tree
  const time = parseTime(tree.value, reader.scope.timezone)
  return typeof time === 'object' ? time : { kind: 'untyped', value: tree.value }
}

function fitOther(tree: Expression, type: ValueType): Expression | undefined {
  const [own, wanted] = [kindOf(typeOf(tree)), kindOf(type)]
  return own === wanted || own === 'unknown' || wanted === 'unknown' ? tree : undefined
}

/** A value that stands for itself, as a literal of a type; undefined where it can never be one. */
export function literalAs(value: string, type: ValueType, timezone: string): Expression | undefined {
  return fitLiteral({ kind: 'untyped', value }, type, { timezone, written: value })
}

function fitLoose(reader: Reader, item: Parsed, type: ValueType): Expression | undefined {
  const { timezone } = reader.scope
  return fitLiteral(item.tree, type, { timezone, written: reader.text.slice(item.from, item.to) })
}

function fitLiteral(
  tree: Expression,
  type: ValueType,
  { timezone, written }: { readonly timezone: string; readonly written: string },
): Expression | undefined {
  if (tree.kind === 'null' || type === 'unknown') return tree
  switch (kindOf(type)) {
    case 'number':
      return numberFrom(tree)
    case 'boolean':
      return booleanFrom(tree)
    case 'time':
      return timeFrom(tree, timezone)
    case 'text':
      return textFrom(tree, written)
    default:
      return undefined
  }
}

function numberFrom(tree: Expression): Expression | undefined {
  if (tree.kind === 'number') return tree
  if (tree.kind !== 'untyped' && tree.kind !== 'text') return undefined
  return isNumeric(tree.value) ? { kind: 'number', value: tree.value } : undefined
}

function booleanFrom(tree: Expression): Expression | undefined {
  if (tree.kind === 'boolean') return tree
  if (tree.kind !== 'untyped' && tree.kind !== 'text') return undefined
  const word = tree.value.toLowerCase()
  return word === 'true' || word === 'false' ? { kind: 'boolean', value: word === 'true' } : undefined
}

function timeFrom(tree: Expression, timezone: string): Expression | undefined {
  if (isTime(typeOf(tree))) return tree
  const time = tree.kind === 'untyped' || tree.kind === 'text' ? parseTime(tree.value, timezone) : undefined
  return typeof time === 'object' ? time : undefined
}

// A text column may hold `2026-01-01`, `now` or `true` as text.
function textFrom(tree: Expression, written: string): Expression {
  const isPlain = tree.kind === 'text' || tree.kind === 'untyped' || tree.kind === 'number'
  return { kind: 'text', value: isPlain ? tree.value : written }
}

/** True for a finite decimal number, with or without an exponent: `08`, `-1.5`, `1e3`. */
export function isNumeric(text: string): boolean {
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
}

function mismatch(reader: Reader, item: Parsed, type: ValueType, beside: Span): never {
  const own = isLoose(item.tree) && kindOf(type) !== 'text' ? 'not' : nounOf(item.tree)
  const message = `"${reader.written(beside)}" is ${noun(type)}, and "${reader.written(item)}" is ${own}.`
  return reader.stop('expr/wrong-type', message, item, mend(reader, item, type))
}

function mend(reader: Reader, item: Parsed, type: ValueType): string | undefined {
  const meant = item.tree.kind === 'untyped' ? nameMeant(reader, item.tree.value) : undefined
  if (meant !== undefined) return meant
  switch (kindOf(type)) {
    case 'boolean':
      return 'Write true or false.'
    case 'time':
      return 'Times are written 2026-01-01, 2026-01-01T08:00:00Z, now, today, 90 days ago, 7 days from now, start of month.'
    case 'list':
      return 'Ask what the list holds with contains.'
    default:
      return undefined
  }
}

/** What to write instead of a bare word that was read as text and is a name. */
export function nameMeant(reader: Reader, word: string): string | undefined {
  const qualified = reader.scope.qualified(word)
  return qualified && `Right of an operator a bare word is text; the name is written ${qualified}.`
}

type Kind = 'text' | 'number' | 'boolean' | 'time' | 'list' | 'unknown'

function kindOf(type: ValueType): Kind {
  if (isNumber(type)) return 'number'
  if (isTime(type)) return 'time'
  return type === 'text' || type === 'boolean' || type === 'list' ? type : 'unknown'
}

function nounOf(tree: Expression): string {
  return tree.kind === 'untyped' ? 'text' : noun(typeOf(tree))
}

/** A type as messages name it: `a number`. */
export function noun(type: ValueType): string {
  switch (kindOf(type)) {
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    case 'time':
      return 'a time'
    case 'list':
      return 'a list'
    case 'text':
      return 'text'
    case 'unknown':
      return 'of an unknown type'
  }
}
