import { problem } from '../error.ts'
import { keyPlace } from './key-place.ts'
import type { SyncGuard } from './project.ts'
import type { Resolving } from './resolving.ts'
import type { SyncShape } from './schema.ts'
import { shareOf } from './share.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'

/** What stops a sync before it sends, as its `guard:` says; what that leaves out has the defaults of `sync/guard.ts`. */
export function syncGuardOf({ problems }: Resolving, { value }: Item<SyncShape>): SyncGuard {
  const written = value.guard ?? {}
  const share = (one: Scalar | undefined, of: string) => one && shareOf(problems, one, of)
  const {
    max_removed: removed,
    max_changed: changed,
    max_invalid: invalid,
    max_calls: calls,
    max_creates: maxCreates,
    on_mass_remove: onMassRemove,
  } = written
  return {
    ...(removed && { maxRemoved: share(removed, 'rows') }),
    ...(changed && { maxChanged: share(changed, 'rows') }),
    ...(invalid && { maxInvalid: share(invalid, 'audience') }),
    ...(calls && { maxCalls: share(calls, 'quota') }),
    ...(maxCreates !== undefined && { maxCreates }),
    ...(onMassRemove !== undefined && { onMassRemove }),
  }
}

/** Removals cannot be held back from a place that takes all rows at once: those that left are not among them. */
export function refuseHold({ problems }: Resolving, item: Item<SyncShape>, delivers: 'changes' | 'whole'): void {
  if (item.value.guard?.on_mass_remove !== 'hold' || delivers === 'changes') return
  const at = keyPlace(item.node, 'guard', 'on_mass_remove')
  const message = `"on_mass_remove: hold" cannot be kept: sync "${item.name}" rewrites all rows at once.`
  problems.push(problem('sync/mode', message, at, 'Leave it out: the sync is blocked then.'))
}
