import { type Diagnostic, nearest, problem } from '../error.ts'
import type { Condition } from './language.ts'
import type { Scope } from './scope.ts'
import type { Dict, Node, Scalar } from './tree.ts'
import { unknownVariant } from './variants.ts'
import { readTimes } from './window.ts'

/** A segment that a condition may name: whom it is of, and its variants. */
export interface NamedSegment {
  readonly entity: string
  readonly variants?: readonly string[] | undefined
}

/** What conditions on membership are read with. */
export interface MembershipGiven {
  readonly segments: ReadonlyMap<string, NamedSegment>
  readonly names: Scope
  /** The entity whose profiles are judged. */
  readonly entity: string | undefined
  readonly problems: Diagnostic[]
}

/** The tree of a `member_of`, of a segment or of one of its variants; undefined after a problem was added. */
export function readMemberOf(value: Node, given: MembershipGiven): Condition | undefined {
  const found = segmentAt('member_of', value, given)
  return found && { kind: 'member_of', ...found, at: value.at() }
}

/** The tree of a `was_member_of` with its window; undefined after a problem was added. */
export function readWasMemberOf(dict: Dict, value: Node, given: MembershipGiven): Condition | undefined {
  const before = given.problems.length
  const found = segmentAt('was_member_of', value, given)
  const window = readTimes(dict, given.names, given.problems)
  if (found?.variant !== undefined) {
    const fix = `Write was_member_of: ${found.segment}.`
    const message = 'The history of a segment does not say in which variant somebody was.'
    given.problems.push(problem('expr/syntax', message, value.at(), fix))
  }
  if (found === undefined || given.problems.length > before) return undefined
  return { kind: 'was_member_of', membership: { segment: found.segment, ...window }, at: value.at() }
}

interface Named {
  readonly segment: string
  readonly variant?: string
}

/** `segment` or `segment.variant`. */
function segmentAt(asker: string, value: Node, given: MembershipGiven): Named | undefined {
  const { segments, entity, problems } = given
  if (value.kind !== 'scalar') {
    problems.push(problem('project/wrong-type', `"${asker}" takes the name of one segment.`, value.at()))
    return undefined
  }
  const dot = segments.has(value.text) ? -1 : value.text.indexOf('.')
  const name = dot === -1 ? value.text : value.text.slice(0, dot)
  const segment = segments.get(name)
  if (segment === undefined) return unknownSegment(value, given)
  if (entity !== undefined && segment.entity !== entity) {
    const message = `Segment "${name}" is of entity "${segment.entity}", not of "${entity}".`
    problems.push(problem('ref/unknown-segment', message, value.at()))
    return undefined
  }
  if (dot === -1) return { segment: name }
  return variantAt(value, { name, variants: segment.variants ?? [], dot }, problems)
}

function variantAt(
  value: Scalar,
  segment: { readonly name: string; readonly variants: readonly string[]; readonly dot: number },
  problems: Diagnostic[],
): Named | undefined {
  const variant = value.text.slice(segment.dot + 1)
  if (segment.variants.includes(variant)) return { segment: segment.name, variant }
  problems.push(unknownVariant({ ...value, text: variant }, segment))
  return undefined
}

function unknownSegment(value: Scalar, { segments, problems }: MembershipGiven): undefined {
  const close = nearest(value.text, segments.keys())
  const fix = close === undefined ? undefined : `Did you mean "${close}"?`
  problems.push(problem('ref/unknown-segment', `Segment "${value.text}" is not defined.`, value.at(), fix))
  return undefined
}
