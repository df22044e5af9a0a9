// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type At, type Diagnostic, nearest, problem } from '../error.ts'
import { type Replacement, replaced } from './scalar.ts'
import type { Node, Scalar } from './tree.ts'

/** Where the values of `${env:X}` and `${file:path}` come from. */
export interface Values {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly files: SecretFiles
}

/** Reads a small file for `${file:path}`: its text without a line break at the end, or undefined. */
export type SecretFiles = (path: string) => string | undefined

/** Files of the machine; relative paths start at the project root. A secret of more than 64 kB is none. */
export function secretFiles(directory: string): SecretFiles {
  return (path) => {
    try {
      const full = resolve(directory, path)
      return statSync(full).size > 65_536 ? undefined : readFileSync(full, 'utf8').replace(/\r?\n$/, '')
    } catch {
      return undefined
    }
  }
}

/** One `${kind:name}` and where it stands in its text. */
export interface Found {
  readonly from: number
  readonly to: number
  readonly kind: string
  readonly name: string
}

/** Every `${kind:name}` of a text. */
export function referencesOf(text: string): readonly Found[] {
  return [...text.matchAll(/\$\{([A-Za-z_]+)(?::([^}]*))?\}/g)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
    kind: match[1] ?? '',
    name: (match[2] ?? '').trim(),
  }))
}

/** Replaces `${var:x}` everywhere below a node; other references stay, and their scalars are marked `secret`. */
export function withVars(node: Node, vars: ReadonlyMap<string, string>, problems: Diagnostic[]): Node {
  return mapScalars(node, (scalar) => replaceVars(scalar, vars, problems))
}

/** Replaces `${env:X}` and `${file:path}` everywhere below a node that holds no secrets. */
export function withValues(node: Node, values: Values, problems: Diagnostic[]): Node {
  return mapScalars(node, (scalar) => withValue(scalar, values, problems))
}

/** Replaces `${env:X}` and `${file:path}` in one scalar; what is unset stays, and is reported at its place. */
export function withValue(scalar: Scalar, values: Values, problems?: Diagnostic[]): Scalar {
  if (!scalar.secret) return scalar
  const found = referencesOf(scalar.text)
  const parts = found.flatMap((one): readonly Replacement[] => {
    const value = referred(one, values)
    if (value !== undefined) return [{ from: one.from, to: one.to, value }]
    problems?.push(unset(scalar, one))
    return []
  })
  return replaced(scalar, parts, parts.length < found.length)
}

/** The value of a reference, or undefined where it has none. */
export function referred(reference: Pick<Found, 'kind' | 'name'>, values: Values): string | undefined {
  return reference.kind === 'env' ? values.env[reference.name] : values.files(reference.name)
}

/** What is said of a reference that has no value. The value of others is never said. */
export function unset(scalar: Scalar, one: Found): Diagnostic {
  return unsetReference(one, scalar.at(one.from, one.to))
}

export function unsetReference({ kind, name }: Pick<Found, 'kind' | 'name'>, at: At): Diagnostic {
  return kind === 'env'
    ? problem('project/unset-variable', `The environment variable "${name}" is not set.`, at)
    : problem('project/unset-variable', `The file "${name}" cannot be read.`, at)
}

/** The node with every scalar below it that holds a reference changed, keys included. */
export function mapScalars(node: Node, change: (scalar: Scalar) => Scalar): Node {
  if (node.kind === 'scalar') return node.text.includes('${') ? change(node) : node
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => mapScalars(item, change)) }
  return {
    ...node,
    entries: node.entries.map(({ key, value }) => ({ key: change(key), value: mapScalars(value, change) })),
  }
}

function replaceVars(scalar: Scalar, vars: ReadonlyMap<string, string>, problems: Diagnostic[]): Scalar {
  const found = referencesOf(scalar.text)
  const parts = found.flatMap((one): readonly Replacement[] => {
    const value = one.kind === 'var' ? vars.get(one.name) : undefined
    if (value !== undefined) return [{ from: one.from, to: one.to, value }]
    if (one.kind !== 'env' && one.kind !== 'file') problems.push(badReference(scalar, one, vars))
    return []
  })
  const secret = found.some((one) => one.kind === 'env' || one.kind === 'file')
  return parts.length > 0 || secret ? replaced(scalar, parts, secret) : scalar
}

const EACH = 'Write for_each: [{ country: FR }] beside it: segments, destinations and syncs take it.'

function badReference(scalar: Scalar, one: Found, vars: ReadonlyMap<string, string>): Diagnostic {
  const at = scalar.at(one.from, one.to)
  if (one.kind === 'var') {
    const close = nearest(one.name, vars.keys())
    const fix = close ? `Did you mean "${close}"?` : 'Set it under `vars:` in cdp.config.yaml, or with --vars.'
    return problem('project/unset-variable', `The variable "${one.name}" is not set.`, at, fix)
  }
  const known = 'Write ${var:name}, ${env:NAME} or ${file:path}.'
  if (one.kind === 'each')
    return problem('project/bad-reference', `"${one.name}" is a key of no "for_each" that stands here.`, at, EACH)
  return problem('project/bad-reference', `"${scalar.text.slice(one.from, one.to)}" refers to nothing.`, at, known)
}
