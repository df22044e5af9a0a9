import { type Diagnostic, nearest, problem } from '../error.ts'
import { groupColumn } from './columns.ts'
import { keyPlace } from './key-place.ts'
import { readOrder } from './order.ts'
import type { Limit, Segment, Split } from './project.ts'
import type { Scope } from './scope.ts'
import type { SegmentShape } from './segment-shape.ts'
import { shareOf } from './share.ts'
import type { Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import { type Item, isName } from './validate.ts'

/** What people who are held out have in place of a variant. */
export const HELD_OUT = 'held_out'

/** The column that says in which variant of a segment somebody is: see `segmentsTable`. */
export function variantColumn(segment: string): string {
  return `${segment}__variant`
}

/** Whether a segment needs that column: where it has variants or holds people out. */
export function hasVariantColumn({ split, variants }: Pick<Segment, 'split' | 'variants'>): boolean {
  return split !== undefined || variants.length > 0
}

/** The variants of a segment as it is written, right or wrong. */
export function variantsOf({ split, waterfall }: SegmentShape): readonly string[] {
  return [...(split ?? []).map(({ key }) => key.text), ...(waterfall ?? []).map(({ text }) => text)]
}

/** How a segment divides its people by chance; undefined where it does not, and after a problem was added. */
export function splitOf(item: Item<SegmentShape>, problems: Diagnostic[]): Split | undefined {
  const { split, holdout, waterfall } = item.value
  const strange = (key: 'holdout' | 'split', beside: string, fix: string) =>
    problems.push(problem('project/unknown-key', `"${key}" does not go with "${beside}".`, keyOf(item, key), fix))
  if (split && waterfall) strange('split', 'waterfall', 'Split the segments that it names.')
  if (split && holdout) strange('holdout', 'split', 'What the shares leave of 100% is held out.')
  if (split) return variantShares(item, split, problems)
  return holdout && holdoutOf(holdout, problems)
}

type Written = NonNullable<SegmentShape['split']>

function variantShares(item: Item<SegmentShape>, split: Written, problems: Diagnostic[]): Split | undefined {
  const before = problems.length
  const variants: { name: string; end: number }[] = []
  if (split.length === 0)
    problems.push(problem('project/wrong-type', '"split" names no variant.', keyOf(item, 'split'), SPLIT))
  for (const { key, value } of split) {
    checkVariant(key, problems)
    const share = shareOf(problems, value, 'people')
    if (share === 0) {
      const message = `"${key.text}" takes a share of more than 0%, not "${value.text}".`
      problems.push(problem('project/wrong-type', message, value.at()))
    }
    const end = rounded((variants.at(-1)?.end ?? 0) + (share ?? 0))
    if (end > 1) {
      const message = `The shares of "split" come to ${rounded(end * 100)}%, and there are only 100%.`
      problems.push(problem('project/wrong-type', message, value.at()))
      return undefined
    }
    variants.push({ name: key.text, end })
  }
  const end = variants.at(-1)?.end ?? 0
  return problems.length > before ? undefined : { variants, end }
}

const SPLIT = 'Write split: { a: 50%, b: 50% }.'

// Sums of decimals are a little off in binary: 0.1 + 0.2.
function rounded(share: number): number {
  return Math.round(share * 1e12) / 1e12
}

function checkVariant(name: Scalar, problems: Diagnostic[]): void {
  if (!isName(name, problems) || name.text.toLowerCase() !== HELD_OUT) return
  const message = `"${name.text}" cannot be a variant: those who are in none are told by it.`
  problems.push(problem('project/bad-name', message, name.at(), 'Choose another name.'))
}

function holdoutOf(written: Scalar, problems: Diagnostic[]): Split | undefined {
  const share = shareOf(problems, written, 'people')
  if (share === undefined) return undefined
  if (share > 0 && share < 1) return { variants: [], end: rounded(1 - share) }
  const message = `"holdout" takes a share of more than 0% and less than 100%, not "${written.text}".`
  problems.push(problem('project/wrong-type', message, written.at()))
  return undefined
}

/** What `per` and `by` of a limit may name. */
export interface LimitScope {
  readonly entity: string
  readonly names: Scope
  /** The entities that group profiles of the entity. */
  readonly groups: readonly string[]
}

/** The limit of a segment; undefined where it has none, and after a problem was added. */
export function limitOf(item: Item<SegmentShape>, scope: LimitScope, problems: Diagnostic[]): Limit | undefined {
  const { limit } = item.value
  if (!limit) return undefined
  const by = (limit.by ?? []).map((one) => {
    const order = readOrder(one, scope.names, problems)
    if (order && typeOf(order.of) === 'list')
      problems.push(problem('expr/wrong-type', 'A list says nobody comes first.', one.at(), LENGTH))
    return order
  })
  const per = limit.per && columnOf(limit.per, scope, problems)
  return { rows: limit.rows, by: by.filter((one) => one !== undefined), per }
}

const LENGTH = 'Write length(list) desc.'

function columnOf(written: Scalar, scope: LimitScope, problems: Diagnostic[]): string | undefined {
  const { text } = written
  if (scope.groups.includes(text)) return groupColumn(text)
  const type = scope.names.lookup([text])?.type
  if (type === 'list') problems.push(problem('expr/wrong-type', `"per" takes one value, not a list.`, written.at()))
  if (type !== undefined) return text
  const close = nearest(text, [...scope.groups, ...scope.names.names()])
  const message = `"${text}" is neither a trait of entity "${scope.entity}" nor an entity that groups its profiles.`
  problems.push(problem('ref/unknown-trait', message, written.at(), close && `Did you mean "${close}"?`))
  return undefined
}

/** Complains of names that a waterfall cannot have. */
export function checkWaterfall(item: Item<SegmentShape>, problems: Diagnostic[]): void {
  const { waterfall } = item.value
  if (waterfall?.length === 0)
    problems.push(problem('project/wrong-type', '"waterfall" names no segment.', keyOf(item, 'waterfall')))
  const seen = new Set<string>()
  for (const one of waterfall ?? []) {
    if (seen.has(one.text))
      problems.push(problem('project/duplicate-name', `"${one.text}" stands twice in "waterfall".`, one.at()))
    else checkVariant(one, problems)
    seen.add(one.text)
  }
}

function keyOf(item: Item<SegmentShape>, key: string) {
  return keyPlace(item.node, key)
}
