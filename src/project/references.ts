import type { Event, Reference } from './language.ts'

/** Every name that a condition or expression speaks of, in order, those inside events included. */
export function* referencesIn(tree: unknown): Generator<Reference> {
  for (const node of nodesIn(tree)) if (node.kind === 'reference') yield node as unknown as Reference
}

/** Every event of a condition, outermost first. */
export function* eventsIn(tree: unknown): Generator<Event> {
  for (const node of nodesIn(tree)) if (node.kind === 'did') yield (node as unknown as { event: Event }).event
}

/** The segments that a condition asks membership of. */
export function* membershipsIn(tree: unknown): Generator<string> {
  for (const node of nodesIn(tree))
    if (node.kind === 'member_of') yield (node as unknown as { segment: string }).segment
}

// The trees are plain data closed by `kind`, so one walk serves expressions, conditions and events alike.
function* nodesIn(tree: unknown): Generator<{ readonly kind: string }> {
  if (typeof tree !== 'object' || tree === null) return
  if ('kind' in tree && typeof tree.kind === 'string') yield tree as { readonly kind: string }
  for (const value of Object.values(tree)) yield* nodesIn(value)
}
