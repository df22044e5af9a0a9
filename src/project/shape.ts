import { z } from 'zod'
import { type At, type Diagnostic, problem } from '../error.ts'
import { isSecret } from '../secret.ts'
import { explain, type Shaping, type Trace, type Type, unknownKey } from './shape-problems.ts'
import { markOf } from './shapes.ts'
import type { Dict, Node, Scalar } from './tree.ts'

/**
 * A node as the value that a zod type describes, or undefined where it is none; then problems were added. Scalars take
 * the type that they meet: `08` is 8 for a number and "08" for a text. Keys that the type does not know are refused.
 */
export function shaped<T>(node: Node, type: z.ZodType<T>, shaping: Shaping): T | undefined {
  const before = shaping.problems.length
  const trace: Trace = { node, key: undefined, type, inner: new Map(), silent: false }
  const value = convert(trace, shaping)
  const parsed = type.safeParse(value)
  if (parsed.success && !hasErrors(shaping.problems, before)) return parsed.data
  for (const issue of parsed.error?.issues ?? []) explain(issue, trace, shaping)
  return undefined
}

function hasErrors(problems: readonly Diagnostic[], from: number): boolean {
  return problems.slice(from).some((one) => one.severity === 'error')
}

function convert(trace: Trace, shaping: Shaping): unknown {
  const { node, type } = trace
  const mark = markOf(type)
  const def = (type as z.core.$ZodTypes)._zod.def
  if (mark?.node === 'tree') return node
  if (mark?.node === 'entries') return node.kind === 'dict' ? entries(trace, node, mark.value, shaping) : native(node)
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return through(trace, def.innerType, shaping)
    case 'lazy':
      return through(trace, def.getter(), shaping)
    case 'pipe':
      return through(trace, def.in, shaping)
    case 'union':
      return alternative(trace, def.options, shaping)
    case 'object':
      return object(trace, def, shaping)
    case 'record':
      return node.kind === 'dict' ? record(trace, node, def.valueType, shaping) : native(node)
    case 'array':
      return node.kind === 'list' ? list(trace, node.items, def.element, shaping) : native(node)
    default:
      return node.kind === 'scalar' ? scalar(trace, node, mark?.node === 'scalar', shaping) : native(node)
  }
}

function through(trace: Trace, inner: Type, shaping: Shaping): unknown {
  const below: Trace = { ...trace, type: inner }
  const value = convert(below, shaping)
  trace.silent = below.silent
  if (below.chosen !== undefined) trace.chosen = below.chosen
  return value
}

function scalar(trace: Trace, node: Scalar, asNode: boolean, shaping: Shaping): unknown {
  if (isSecret(trace.type as z.core.$ZodType)) return secretOf(trace, node, shaping)
  const filled = shaping.references?.fill(node) ?? node
  if (filled.secret) return waiting(trace, filled, shaping)
  if (filled.isNull) return null
  return asNode ? filled : typed(filled, trace.type)
}

/** A text with a reference that has no value yet: whoever reads an account keeps it, nobody else can wait for it. */
function waiting(trace: Trace, node: Scalar, shaping: Shaping): unknown {
  trace.silent = true
  if (shaping.references) shaping.references.keep(node, false)
  else shaping.problems.push(problem('project/bad-reference', `"${node.text}" has no value here.`, node.at(), PLAIN))
  return node.text
}

const PLAIN = 'Write the value itself.'

/** Only a reference may stand where a secret belongs; a literal is refused and never shown. */
function secretOf(trace: Trace, node: Scalar, shaping: Shaping): unknown {
  if (/^\$\{(env|file):[^}]+\}$/.test(node.text)) {
    shaping.references?.keep(node, true)
    return node.text
  }
  if (node.isNull) return null
  trace.silent = true
  const name = trace.key?.text ?? 'secret'
  const fix = `Write ${name}: "\${env:${constant(name)}}" or "\${file:/run/secrets/${name}}".`
  const message = `"${name}" is a secret and may not stand in a file.`
  shaping.problems.push(problem('project/literal-secret', message, hidden(node), fix))
  return undefined
}

function constant(name: string): string {
  return name.replace(/\W+/g, '_').toUpperCase()
}

/** The place of a scalar with its text hidden. */
function hidden(node: Scalar): At {
  const at = node.at()
  const before = at.text.slice(0, at.column - 1)
  return { ...at, text: `${before}${'*'.repeat(at.length)}${at.text.slice(at.column - 1 + at.length)}` }
}

/** A scalar as the type that it meets. What does not fit stays text, which zod then refuses. */
function typed(node: Scalar, type: Type): unknown {
  const { text } = node
  const def = (type as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'literal':
      return def.values.find((value) => String(value) === text) ?? text
    case 'any':
    case 'unknown':
      return natural(node)
    default:
      return text
  }
}

/** A scalar where no type is known: true, false and numbers that print as they were written; else text. */
export function natural(node: Scalar): string | number | boolean | null {
  if (node.quoted) return node.text
  if (node.isNull) return null
  if (node.text === 'true' || node.text === 'false') return node.text === 'true'
  return String(Number(node.text)) === node.text && Number.isFinite(Number(node.text)) ? Number(node.text) : node.text
}

/** A node as plain data, where no type says more. */
export function native(node: Node): unknown {
  if (node.kind === 'scalar') return natural(node)
  if (node.kind === 'list') return node.items.map(native)
  return Object.fromEntries(node.entries.map(({ key, value }) => [key.text, native(value)]))
}

function list(trace: Trace, items: readonly Node[], type: Type, shaping: Shaping): unknown {
  return items.map((node, index) => below(trace, index, { node, key: undefined, type }, shaping))
}

function record(trace: Trace, node: Dict, type: Type, shaping: Shaping): unknown {
  return Object.fromEntries(
    node.entries.map(({ key, value }) => [key.text, below(trace, key.text, { node: value, key, type }, shaping)]),
  )
}

/** An ordered map, as a list of keys and values. */
function entries(trace: Trace, node: Dict, type: Type, shaping: Shaping): unknown {
  return node.entries.map(({ key, value }, index) => {
    const entry: Trace = { node, key, type, inner: new Map(), silent: false }
    trace.inner.set(index, entry)
    return { key, value: below(entry, 'value', { node: value, key, type }, shaping) }
  })
}

function below(trace: Trace, name: PropertyKey, part: Pick<Trace, 'node' | 'key' | 'type'>, shaping: Shaping): unknown {
  const inner: Trace = { ...part, inner: new Map(), silent: false }
  trace.inner.set(name, inner)
  return convert(inner, shaping)
}

function object(trace: Trace, def: z.core.$ZodObjectDef, shaping: Shaping): unknown {
  const { node } = trace
  // `crm_id:` with nothing behind it is a map of no keys.
  if (node.kind === 'scalar' && node.isNull && Object.values(def.shape).every(isOptional)) return {}
  if (node.kind !== 'dict') return native(node)
  const value: Record<string, unknown> = {}
  for (const { key, value: inner } of node.entries) {
    const type = Object.hasOwn(def.shape, key.text) ? def.shape[key.text] : def.catchall
    if (type && type._zod.def.type !== 'never')
      value[key.text] = below(trace, key.text, { node: inner, key, type }, shaping)
    else shaping.problems.push(unknownKey(key, trace, Object.keys(def.shape), shaping))
  }
  return value
}

function isOptional(type: Type): boolean {
  return type._zod.optin === 'optional'
}

/** Of several types the first that fits; where none does, the one that the writer most likely meant. */
function alternative(trace: Trace, options: readonly Type[], shaping: Shaping): unknown {
  const trials = options.flatMap((type, index) => {
    if (!accepts(type, trace.node)) return []
    const problems: Diagnostic[] = []
    const kept: [Scalar, boolean][] = []
    const references = shaping.references && {
      fill: shaping.references.fill,
      keep: (one: Scalar, isSecret: boolean) => void kept.push([one, isSecret]),
    }
    const attempt: Trace = { ...trace, type, inner: new Map(), silent: false }
    const value = convert(attempt, { ...shaping, problems, ...(references && { references }) })
    const fits = problems.length === 0 && z.safeParse(type as z.core.$ZodType, value).success
    return [{ index, attempt, value, problems, kept, fits, score: attempt.inner.size - problems.length }]
  })
  const best = trials.find((one) => one.fits) ?? trials.sort((a, b) => b.score - a.score)[0]
  if (!best) return native(trace.node)
  shaping.problems.push(...best.problems)
  for (const [one, isSecret] of best.kept) shaping.references?.keep(one, isSecret)
  for (const [name, inner] of best.attempt.inner) trace.inner.set(name, inner)
  trace.silent = best.attempt.silent
  trace.chosen = best.index
  return best.value
}

/** Could a node of this kind be of the type at all? */
function accepts(type: Type, node: Node): boolean {
  const mark = markOf(type)
  const def = (type as z.core.$ZodTypes)._zod.def
  if (mark?.node === 'tree' || def.type === 'any' || def.type === 'unknown') return true
  if (mark?.node === 'entries') return node.kind === 'dict'
  if ('innerType' in def) return accepts(def.innerType, node)
  if (def.type === 'union') return def.options.some((option) => accepts(option, node))
  if (def.type === 'object' || def.type === 'record') return node.kind === 'dict'
  if (def.type === 'array' || def.type === 'tuple') return node.kind === 'list'
  return node.kind === 'scalar'
}
