import pLimit from 'p-limit'
import { destinationFailure } from './destination-failure.ts'
import { lookAtWarehouse, type WarehouseLook } from './doctor/warehouse.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, type Diagnostic, warning } from './error.ts'
import { openAccounts } from './open.ts'
import type { Project, Sync } from './project/project.ts'
import { select } from './project/select.ts'
import { closing, read } from './stages.ts'

/** One thing that was looked at before anything depends on it. */
export type Checkup = {
  /** skipped: the destination is not for this target. */
  readonly status: 'ok' | 'failed' | 'skipped'
  readonly diagnostics: readonly Diagnostic[]
} & (
  | {
      readonly area: 'warehouse'
      readonly name: string
      readonly look: WarehouseLook
      /** In a few words. */
      readonly found: string | undefined
    }
  | { readonly area: 'sync'; readonly name: string; readonly destination: string }
)

/**
 * Looks whether the warehouse can be reached, has what the sources say and lets us do our part, and asks the destination of every selected
 * sync whether it would take what the sync sends. Changes nothing anywhere. The warehouse first, then the syncs as the
 * project has them. Throws CdpError only where the project itself cannot stand.
 */
export async function doctor(request: Request, environment: Environment): Promise<readonly Checkup[]> {
  const project = await read(request, environment)
  const { syncs } = select(project, request.select, request.exclude)
  const { name } = project.target
  const warehouse = (await lookAtWarehouse(project, request, environment)).map(({ look, found, diagnostics }) =>
    judged({ area: 'warehouse', name, look, found } as const, diagnostics),
  )
  // Emulated vendors of one project share a folder.
  const atOnce = pLimit(request.sandbox ? 1 : AT_ONCE)
  const wanted = [...project.syncs.values()].filter(({ name }) => syncs.has(name))
  const looked = wanted.map((sync) => atOnce(() => lookAtSync(project, sync, request, environment)))
  return [...warehouse, ...(await Promise.all(looked))]
}

/** How many destinations are asked at once. */
const AT_ONCE = 4

async function lookAtSync(project: Project, sync: Sync, request: Request, environment: Environment): Promise<Checkup> {
  const what = { area: 'sync', name: sync.name, destination: sync.destination } as const
  try {
    const accounts = await openAccounts(project, [sync], request, environment)
    return await closing(accounts, async () => {
      const [opened] = accounts.syncs
      if (opened === undefined) return { ...what, status: 'skipped', diagnostics: [] }
      await opened.channel.check(sync.into)
      return judged(
        what,
        [...opened.notes].map((sentence) => warning('destination/note', sentence)),
      )
    })
  } catch (thrown) {
    return judged(what, asFailure(destinationFailure(thrown, sync.destination)).diagnostics)
  }
}

function judged<W extends { readonly area: string }>(what: W, diagnostics: readonly Diagnostic[]) {
  const status = diagnostics.some(({ severity }) => severity === 'error') ? ('failed' as const) : ('ok' as const)
  return { ...what, status, diagnostics }
}
