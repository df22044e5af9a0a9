import { type At, type Code, type Diagnostic, nearest, problem } from '../error.ts'
import { nameOf } from './place.ts'
import type { Scope } from './scope.ts'
import type { Scalar } from './tree.ts'
import type { Items } from './validate.ts'

/** What is looked for, and what is said where it is not found. */
export interface Wanted {
  readonly code: Code
  /** `Source`, `Segment`, … */
  readonly what: string
  /** Where every name is defined, broken things included. */
  readonly names: ReadonlyMap<string, At>
  readonly disabled?: ReadonlyMap<string, At>
}

/**
 * What a name stands for among those that were resolved. A name that nobody defined is reported; one whose own
 * definition is broken is not, for that was reported where it is defined.
 */
export function find<T>(
  name: Scalar,
  resolved: ReadonlyMap<string, T>,
  wanted: Wanted,
  problems: Diagnostic[],
): T | undefined {
  const found = resolved.get(name.text)
  if (found === undefined && !wanted.names.has(name.text)) problems.push(unknown(name, wanted))
  return found
}

export function unknown(name: Scalar, { code, what, names, disabled }: Wanted): Diagnostic {
  const off = disabled?.get(name.text)
  if (off)
    return problem(
      code,
      `${what} "${name.text}" is switched off.`,
      name.at(),
      `See \`enabled: false\` at ${nameOf(off)}.`,
    )
  return problem(code, `${what} "${name.text}" is not defined.`, name.at(), didYouMean(name.text, names))
}

/** `Did you mean "orders"? It is defined at models/sources.yaml:3:3.` */
export function didYouMean(word: string, names: ReadonlyMap<string, At>): string | undefined {
  const close = nearest(word, names.keys())
  const at = close === undefined ? undefined : names.get(close)
  return at && `Did you mean "${close}"? It is defined at ${nameOf(at)}.`
}

/** The scope of an entity whose complaints of unknown traits say where the trait that was meant is defined. */
export function placed(scope: Scope, entity: string, traits: ReadonlyMap<string, At>): Scope {
  return {
    ...scope,
    complaint: (path) => {
      const complaint = scope.complaint(path)
      const isElsewhere = path.length > 1 && path[0] !== entity
      if (complaint.code !== 'ref/unknown-trait' || isElsewhere) return complaint
      const name = path[0] === entity && path.length > 1 ? path.slice(1).join('.') : path.join('.')
      return { ...complaint, fix: didYouMean(name, traits) ?? complaint.fix }
    },
  }
}

export function wantedIn(code: Code, what: string, items: Items<unknown>): Wanted {
  return { code, what, names: items.names, disabled: items.disabled }
}
