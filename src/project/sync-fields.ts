import type { Connector, Field, Mode } from '../connectors/connector.ts'
import { type Diagnostic, nearest, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { FieldValue, Sync, SyncField } from './project.ts'
import { type EntityScope, traitScope } from './resolve-segments.ts'
import type { Resolving } from './resolving.ts'
import { part } from './scalar.ts'
import type { SyncShape } from './schema.ts'
import type { Scope } from './scope.ts'
import { natural } from './shape.ts'
import type { Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression } from './where.ts'

/** Both sides of a sync: what the vendor knows, and what we have. */
export interface Sides {
  readonly context: Resolving
  readonly item: Item<SyncShape>
  readonly connector: Connector<unknown, unknown>
  /** Undefined where `into:` is broken: then nothing is known of the vendor's fields. */
  readonly into: unknown
  readonly ours: Ours
}

/** What key and fields may be made of: the traits of people, or the columns of rows. */
export interface Ours {
  readonly scope: Scope
  /** What a name stands for, by the name that it has where the audience is selected from. */
  named(written: Scalar): TraitRef | undefined
  /** The key where none is written; undefined = one must be. */
  readonly key?: Scalar | undefined
  /** What to do where there is none. */
  readonly noKey?: string
}

type Fields = NonNullable<SyncShape['fields']>
type Written = Extract<Fields[number]['value'], { readonly on_null?: unknown }>

/** Their name → our trait. `key: email` is short for `{ email: email }`. */
export function keysOf(sides: Sides): Sync['key'] {
  const key = sides.item.value.key ?? sides.ours.key
  const { problems } = sides.context
  if (key === undefined) {
    problems.push(
      problem('project/missing-key', `Sync "${sides.item.name}" needs "key".`, sides.item.key.at(), sides.ours.noKey),
    )
    return []
  }
  const pairs = 'kind' in key ? [{ key: key, value: key }] : key
  if (pairs.length === 0)
    problems.push(problem('project/missing-key', `Sync "${sides.item.name}" needs a key.`, sides.item.key.at()))
  const known = fieldsKnown(sides)?.known.filter((field) => field.key) ?? []
  return pairs.flatMap(({ key: theirs, value: ours }) => {
    if (known.length > 0 && !known.some((field) => field.name === theirs.text))
      problems.push(unknownField(sides, theirs, known, 'as a key'))
    const trait = sides.ours.named(ours)
    return trait ? [{ theirs: theirs.text, trait: trait.trait }] : []
  })
}

/** What is sent, in YAML order. */
export function fieldsOf(sides: Sides): readonly SyncField[] {
  return (sides.item.value.fields ?? []).flatMap(({ key: theirs, value }) => {
    const fields = fieldsKnown(sides)
    const known = fields?.known.find((field) => field.name === theirs.text)
    if (fields && !known && !fields.open) {
      sides.context.problems.push(unknownField(sides, theirs, fields.known, 'as a field'))
      return []
    }
    const field = 'kind' in value ? { value: textOf(sides, value) } : fieldValue(sides, theirs, value, known)
    if (!field.value) return []
    const more = 'kind' in value ? {} : value
    const { on_null: onNull = 'skip', write = 'always' } = more
    return [{ theirs: theirs.text, value: field.value, onNull, write }]
  })
}

/** Fields that the vendor demands. A mode that only updates finds them there already. */
export function missingFields(
  { context, item, connector, into }: Sides,
  mode: Mode,
  named: readonly { readonly theirs: string }[],
): void {
  if (mode === 'update') return
  const names = new Set(named.map((one) => one.theirs))
  for (const field of connector.fields(into).known) {
    if (!field.required || names.has(field.name)) continue
    const message = `Sync "${item.name}" does not send "${field.name}", which ${connector.title} demands.`
    const fix = `Add it under \`fields:\`: ${field.name}: <trait>.`
    context.problems.push(problem('sync/missing-field', message, item.key.at(), fix))
  }
}

function fieldsKnown({ connector, into }: Sides): { known: readonly Field[]; open: boolean } | undefined {
  return into === undefined ? undefined : connector.fields(into)
}

function unknownField(sides: Sides, theirs: Scalar, known: readonly Field[], how: string): Diagnostic {
  const names = known.map((field) => field.name)
  const close = nearest(theirs.text, names)
  const fix = `${close ? `Did you mean "${close}"? ` : ''}It knows: ${names.join(', ')}.`
  const message = `Connector "${sides.connector.name}" does not know "${theirs.text}" ${how}.`
  return problem('ref/unknown-field', message, theirs.at(), fix)
}

export interface TraitRef {
  readonly trait: string
  readonly type: ValueType
}

/** The traits of people, each by its name, or as `customer.name`. */
export function oursOfPeople(context: Resolving, people: EntityScope): Ours {
  const scope = traitScope(context, people)
  return { scope, named: (written) => traitOf(context, people, scope, written) }
}

function traitOf({ problems }: Resolving, people: EntityScope, scope: Scope, written: Scalar): TraitRef | undefined {
  const path = written.text.trim().split('.')
  const found = scope.lookup(path)
  const isListed = people.entity.identifiers.some(({ name }) => path.join('_') === `all_${name}`)
  if (found?.to.kind === 'trait' && !isListed) return { trait: found.to.trait, type: found.type }
  if (isListed || path[0] === 'all') problems.push(noLists(written))
  else {
    const { code, message, fix } = scope.complaint(path)
    problems.push(problem(code, message, written.at(), fix))
  }
  return undefined
}

export function noLists(written: Scalar): Diagnostic {
  const message = '`all.<identifier>` is planned; this version does not send lists.'
  return problem('project/not-supported', message, written.at())
}

/** A trait's name, or text with `{{trait}}`. */
function textOf(sides: Sides, written: Scalar): FieldValue | undefined {
  if (!/\{\{|\}\}/.test(written.text)) {
    const trait = sides.ours.named(written)
    return trait && { kind: 'trait', ...trait }
  }
  const before = sides.context.problems.length
  const pieces: (string | TraitRef)[] = []
  let done = 0
  for (const match of written.text.matchAll(/\{\{\s*([^{}]*?)\s*\}\}/g)) {
    pieces.push(...plain(sides, written, done, match.index))
    const from = match.index + match[0].indexOf(match[1] ?? '', 2)
    const trait = sides.ours.named(part(written, from, from + (match[1] ?? '').length))
    if (trait) pieces.push(trait)
    done = match.index + match[0].length
  }
  pieces.push(...plain(sides, written, done, written.text.length))
  return sides.context.problems.length > before ? undefined : { kind: 'template', pieces }
}

function plain(sides: Sides, written: Scalar, from: number, to: number): readonly string[] {
  const text = written.text.slice(from, to)
  const stray = /\{\{|\}\}/.exec(text)
  if (stray) {
    const at = written.at(from + stray.index, from + stray.index + 2)
    const fix = 'Only the name of a trait stands between {{ and }}.'
    sides.context.problems.push(problem('expr/syntax', `"${stray[0]}" has no other half.`, at, fix))
  }
  return text === '' ? [] : [text]
}

/** A map: one of `trait`, `value` and `expr`. */
function fieldValue(
  sides: Sides,
  theirs: Scalar,
  written: Written,
  known: Field | undefined,
): { value: FieldValue | undefined } {
  const { problems } = sides.context
  const given = [written.trait, written.value, written.expr].filter((one) => one !== undefined)
  if (given.length !== 1) {
    const message = `"${theirs.text}" needs one of "trait", "value" and "expr".`
    problems.push(problem('project/missing-key', message, given[1]?.at() ?? theirs.at()))
    return { value: undefined }
  }
  if (written.write === 'if_empty' && written.on_null === 'clear') {
    const message = `"${theirs.text}" is to be cleared, and to be written only where it is empty: that is nothing to do.`
    problems.push(problem('project/wrong-type', message, theirs.at(), 'Take `on_null: clear` away.'))
    return { value: undefined }
  }
  if (written.trait) {
    const trait = sides.ours.named(written.trait)
    return { value: trait && { kind: 'trait', ...trait } }
  }
  if (written.value) return { value: literalOf(sides, written.value, known) }
  const expression = written.expr && readExpression(written.expr, sides.ours.scope, problems)
  return { value: expression && { kind: 'expression', expression, type: typeOf(expression) } }
}

/** A value of the type that the vendor's field has; where that is not known, as it was written. */
function literalOf(sides: Sides, written: Scalar, known: Field | undefined): FieldValue | undefined {
  const fail = (what: string) => {
    const message = `"${known?.name}" takes ${what}, not "${written.text}".`
    sides.context.problems.push(problem('project/wrong-type', message, written.at()))
    return undefined
  }
  switch (known?.type) {
    case 'number':
      return /^[+-]?\d+(\.\d+)?$/.test(written.text)
        ? { kind: 'literal', value: Number(written.text) }
        : fail('a number')
    case 'boolean':
      return /^(true|false)$/.test(written.text)
        ? { kind: 'literal', value: written.text === 'true' }
        : fail('true or false')
    case undefined:
    case 'json':
      return { kind: 'literal', value: natural(written) ?? '' }
    default:
      return { kind: 'literal', value: written.text }
  }
}
