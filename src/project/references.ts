import type { Event, Follower, PastMembership, Reference, Sequence } from './language.ts'

/** Every name that a condition or expression speaks of, in order, those inside events included. */
export function* referencesIn(tree: unknown): Generator<Reference> {
  for (const node of nodesIn(tree)) if (node.kind === 'reference') yield node as unknown as Reference
}

/** Every event of a condition, outermost first. */
export function* eventsIn(tree: unknown): Generator<Event> {
  for (const node of nodesIn(tree)) if (node.kind === 'did') yield (node as unknown as { event: Event }).event
}

/** Every sequence of a condition. */
export function* sequencesIn(tree: unknown): Generator<Sequence> {
  for (const node of nodesIn(tree))
    if (node.kind === 'sequence') yield (node as unknown as { sequence: Sequence }).sequence
}

/** Whose rows a sequence looks at, step by step. */
export function followersOf({ steps }: Sequence): readonly Follower[] {
  return steps.flatMap((step) => [step, ...step.without])
}

/** The segments that a condition asks membership of. */
export function* membershipsIn(tree: unknown): Generator<string> {
  for (const node of nodesIn(tree))
    if (node.kind === 'member_of') yield (node as unknown as { segment: string }).segment
}

/** What a condition asks about memberships of the past. */
export function* pastMembershipsIn(tree: unknown): Generator<PastMembership> {
  for (const node of nodesIn(tree))
    if (node.kind === 'was_member_of') yield (node as unknown as { membership: PastMembership }).membership
}

/** The segments of which a condition asks who is in a variant. */
export function* variantsIn(tree: unknown): Generator<string> {
  for (const node of nodesIn(tree))
    if (node.kind === 'member_of') {
      const { segment, variant } = node as unknown as { segment: string; variant?: string }
      if (variant !== undefined) yield segment
    }
}

/** Whether the value of an expression or condition changes with the business time alone. */
export function speaksOfNow(tree: unknown): boolean {
  return [...nodesIn(tree)].some(({ kind }) => kind === 'now' || kind === 'today' || kind === 'startOf')
}

/** Whether there is SQL of the warehouse's own in a condition. */
export function holdsSql(tree: unknown): boolean {
  return [...nodesIn(tree)].some(({ kind }) => kind === 'sql')
}

// The trees are plain data closed by `kind`, so one walk serves expressions, conditions and events alike.
function* nodesIn(tree: unknown): Generator<{ readonly kind: string }> {
  if (typeof tree !== 'object' || tree === null) return
  if ('kind' in tree && typeof tree.kind === 'string') yield tree as { readonly kind: string }
  for (const value of Object.values(tree)) yield* nodesIn(value)
}
