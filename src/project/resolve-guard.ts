import { problem } from '../error.ts'
import { keyPlace } from './key-place.ts'
import type { IdentityGuard } from './project.ts'
import type { Resolving } from './resolving.ts'
import type { EntityShape } from './schema.ts'
import { shareOf } from './share.ts'
import type { Item } from './validate.ts'

/** What stops the identity graph of an entity; without `guard:` nothing does. */
export function guardOf(context: Resolving, item: Item<EntityShape>): IdentityGuard {
  const { max_profile_size: maxProfileSize, max_merge_rate: rate, on_violation: act } = item.value.guard ?? {}
  checkAct(context, item)
  return {
    maxProfileSize,
    maxMergeRate: rate && shareOf(context.problems, rate, 'profiles'),
    onViolation: act ?? 'fail',
  }
}

/** What is done on a violation needs a limit that can be violated. */
function checkAct({ problems }: Resolving, { node, value }: Item<EntityShape>): void {
  const { max_profile_size: size, max_merge_rate: rate, on_violation: act } = value.guard ?? {}
  if (act === undefined || size !== undefined) return
  const at = keyPlace(node, 'guard', 'on_violation')
  if (rate === undefined) {
    const fix = 'Name "max_profile_size" or "max_merge_rate" beside it.'
    problems.push(problem('project/missing-key', '"on_violation" needs a limit that can be violated.', at, fix))
  } else if (act === 'quarantine') {
    const fix = 'Name "max_profile_size" beside it, or leave "on_violation" out.'
    const message = '"quarantine" needs "max_profile_size": merges of too many profiles always fail.'
    problems.push(problem('project/missing-key', message, at, fix))
  }
}
