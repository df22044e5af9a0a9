import type { z } from 'zod'
import { type At, type Diagnostic, nearest, problem } from '../error.ts'
import { wordsAt } from './place.ts'
import { markOf } from './shapes.ts'
import type { Node, Scalar } from './tree.ts'

export type Type = z.core.SomeType

/** What the reading of one thing needs. */
export interface Shaping {
  readonly problems: Diagnostic[]
  /** The thing in messages: `Source "orders"`. */
  readonly what: string
  /** Where the thing is named: the place of a key that is missing. */
  readonly at: At
  /** Where `${env:X}` and `${file:…}` may still stand: how they become values, and what happens to those that stay. */
  readonly references?: {
    fill(scalar: Scalar): Scalar
    /** Told of each scalar that keeps references: secrets, and texts with a reference that has no value yet. */
    keep(scalar: Scalar, isSecret: boolean): void
  }
}

/** Where each part of a value came from. */
export interface Trace {
  readonly node: Node
  readonly key: Scalar | undefined
  readonly type: Type
  readonly inner: Map<PropertyKey, Trace>
  /** True when its problem was reported already. */
  silent: boolean
  /** The alternative of a union that was meant. */
  chosen?: number
}

/** Turns what zod says into a diagnostic at its place. */
export function explain(issue: z.core.$ZodIssue, trace: Trace, shaping: Shaping): void {
  let here = trace
  for (const [index, step] of issue.path.entries()) {
    const inner = here.inner.get(step)
    if (here.silent) return
    if (!inner) {
      if (index === issue.path.length - 1 && isDict(here.node)) missing(String(step), here, shaping)
      return
    }
    here = inner
  }
  if (here.silent) return
  const branch = issue.code === 'invalid_union' ? issue.errors[here.chosen ?? -1] : undefined
  if (branch) {
    for (const inner of branch) explain(inner, here, shaping)
    return
  }
  shaping.problems.push(wrong(issue, here, shaping))
}

function isDict(node: Node): boolean {
  return node.kind === 'dict' || (node.kind === 'scalar' && node.isNull)
}

function missing(key: string, trace: Trace, shaping: Shaping): void {
  const message = `${nameOf(trace, shaping)} needs "${key}".`
  shaping.problems.push(problem('project/missing-key', message, trace.key?.at() ?? shaping.at))
}

function wrong(issue: z.core.$ZodIssue, trace: Trace, shaping: Shaping): Diagnostic {
  const name = nameOf(trace, shaping)
  const { node, key } = trace
  const type = bare(trace.type)
  if (node.kind === 'scalar' && node.isNull && !node.quoted)
    return problem('project/wrong-type', `${name} has no value.`, key?.at() ?? node.at())
  const own = markOf(type) === undefined && isOwnWords(issue)
  const bound = boundOf(issue)
  if (bound) return problem('project/wrong-type', `${name} is ${bound}.`, node.at())
  if (own) return problem('project/wrong-type', `${name}: ${issue.message.replace(/\.$/, '')}.`, node.at())
  const words = node.kind === 'scalar' ? `"${wordsAt(node.at())}"` : node.kind === 'list' ? 'a list' : 'a map'
  return problem('project/wrong-type', `${name} takes ${wordsFor(type)}, not ${words}.`, node.at(), fixFor(trace))
}

/** The type without what wraps it. */
function bare(type: Type): Type {
  const def = (type as z.core.$ZodTypes)._zod.def
  return 'innerType' in def ? bare(def.innerType) : def.type === 'pipe' ? bare(def.in) : type
}

/** How great a number or how long a text may be, in words. */
function boundOf(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return undefined
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const open = issue.code === 'too_small' ? 'more than' : 'less than'
  const closed = issue.code === 'too_small' ? 'at least' : 'at most'
  const words = `${issue.inclusive === false ? open : closed} ${limit}`
  if (issue.origin === 'number' || issue.origin === 'int') return `a number of ${words}`
  return `${issue.origin === 'string' ? 'a text' : 'a list'} of ${words} ${issue.origin === 'string' ? 'characters' : 'items'}`
}

/** Issues of which zod or the schema's author has said more than "another type". */
function isOwnWords(issue: z.core.$ZodIssue): boolean {
  return !['invalid_type', 'invalid_value', 'invalid_union', 'unrecognized_keys'].includes(issue.code)
}

function fixFor({ node, type }: Trace): string | undefined {
  if (node.kind !== 'scalar') return undefined
  const choices = choicesOf(type)
  if (choices.includes('true') && /^(yes|no|on|off|1|0)$/i.test(node.text)) return 'Write true or false.'
  const close = nearest(node.text, choices)
  return close === undefined ? undefined : `Did you mean "${close}"?`
}

function choicesOf(type: Type): readonly string[] {
  const def = (type as z.core.$ZodTypes)._zod.def
  if (def.type === 'enum') return Object.values(def.entries).map(String)
  if (def.type === 'literal') return def.values.map(String)
  if (def.type === 'boolean') return ['true', 'false']
  if (def.type === 'union') return def.options.flatMap(choicesOf)
  return 'innerType' in def ? choicesOf(def.innerType) : []
}

/** What a type takes, in words. */
function wordsFor(type: Type): string {
  const mark = markOf(type)
  if (mark && mark.node !== 'planned') return mark.node === 'entries' ? 'a map' : mark.words
  const def = (type as z.core.$ZodTypes)._zod.def
  const choices = choicesOf(type)
  if (def.type === 'boolean') return 'true or false'
  if (def.type === 'enum' || def.type === 'literal')
    return `${choices.length > 1 ? 'one of ' : ''}${choices.map((one) => `"${one}"`).join(', ')}`
  if (def.type === 'number') return 'a number'
  if (def.type === 'object' || def.type === 'record') return 'a map'
  if (def.type === 'array' || def.type === 'tuple') return 'a list'
  if (def.type === 'union') return [...new Set(def.options.map(wordsFor))].join(' or ')
  if ('innerType' in def) return wordsFor(def.innerType)
  if (def.type === 'pipe') return wordsFor(def.in)
  return 'text'
}

/** What is said of a key that the type does not know. */
export function unknownKey(key: Scalar, trace: Trace, known: readonly string[], shaping: Shaping): Diagnostic {
  const mark = markOf(trace.type)
  const planned = mark?.node === 'planned' ? mark.keys[key.text] : undefined
  if (planned) return problem('project/not-supported', `\`${key.text}\` is planned; this version ${planned}.`, key.at())
  const close = nearest(key.text, known)
  const fix = `${close ? `Did you mean "${close}"? ` : ''}Known keys: ${known.join(', ')}.`
  return problem('project/unknown-key', `${nameOf(trace, shaping)} has no key "${key.text}".`, key.at(), fix)
}

function nameOf(trace: Trace, shaping: Shaping): string {
  return trace.key ? `"${trace.key.text}"` : shaping.what
}
