import { CdpError, problem } from '../error.ts'
import type { IdentityGuard } from '../project/project.ts'
import type { Row } from '../warehouses/warehouse.ts'

/**
 * Stops a build whose identity graph went wrong: throws CdpError `identity/guard` with every bound that was broken.
 * `counts` are those of the graph's summary. Nothing is published then.
 */
export function checkGuard(model: string, guard: IdentityGuard, counts: Row): void {
  const entity = model.slice(model.indexOf('/') + 1)
  const problems = [tooLarge(entity, guard, counts), tooManyMerges(entity, guard, counts)].flatMap((one) => one ?? [])
  if (problems.length > 0) throw new CdpError('warehouse', problems)
}

function tooLarge(entity: string, { maxProfileSize, onViolation }: IdentityGuard, counts: Row) {
  const largest = Number(counts.largest ?? 0)
  if (maxProfileSize === undefined || onViolation === 'quarantine' || largest <= maxProfileSize) return undefined
  const message = `Nothing was published: one profile of "${entity}" would have ${count(largest)} identifiers; guard max_profile_size allows ${count(maxProfileSize)}.`
  const fix =
    '`cdp identity diff` shows what holds it together. Block that value, or give its type `max_fanout:` or `limit:`.'
  return problem('identity/guard', message, undefined, fix)
}

function tooManyMerges(entity: string, { maxMergeRate }: IdentityGuard, counts: Row) {
  const before = Number(counts.profiles_before ?? 0)
  const merged = Number(counts.merged ?? 0)
  if (maxMergeRate === undefined || before === 0 || merged <= before * maxMergeRate) return undefined
  const message = `Nothing was published: ${count(merged)} of the ${count(before)} profiles of "${entity}" would merge into others; guard max_merge_rate allows ${percent(maxMergeRate)}.`
  const fix = '`cdp identity diff` shows who would merge with whom.'
  return problem('identity/guard', message, undefined, fix)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(4))}%`
}
