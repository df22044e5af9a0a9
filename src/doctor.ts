import pLimit from 'p-limit'
import { destinationFailure } from './destination-failure.ts'
import type { Environment, Request } from './environment.ts'
import { asFailure, type Diagnostic, warning } from './error.ts'
import { openAccounts } from './open.ts'
import { checkWarehouse } from './project/check.ts'
import type { Project, Sync } from './project/project.ts'
import { select } from './project/select.ts'
import { closing, connect, read } from './stages.ts'

/** One thing that was looked at before anything depends on it. */
export type Checkup = {
  /** skipped: the destination is not for this target. */
  readonly status: 'ok' | 'failed' | 'skipped'
  readonly diagnostics: readonly Diagnostic[]
} & (
  | { readonly area: 'warehouse'; readonly name: string }
  | { readonly area: 'sync'; readonly name: string; readonly destination: string }
)

/**
 * Looks whether the warehouse can be reached and has what the sources say, and asks the destination of every selected
 * sync whether it would take what the sync sends. Changes nothing anywhere. The warehouse first, then the syncs as the
 * project has them. Throws CdpError only where the project itself cannot stand.
 */
export async function doctor(request: Request, environment: Environment): Promise<readonly Checkup[]> {
  const project = await read(request, environment)
  const { syncs } = select(project, request.select, request.exclude)
  const warehouse = await lookAtWarehouse(project, request, environment)
  // Emulated vendors of one project share a folder.
  const atOnce = pLimit(request.sandbox ? 1 : AT_ONCE)
  const wanted = [...project.syncs.values()].filter(({ name }) => syncs.has(name))
  const looked = wanted.map((sync) => atOnce(() => lookAtSync(project, sync, request, environment)))
  return [warehouse, ...(await Promise.all(looked))]
}

/** How many destinations are asked at once. */
const AT_ONCE = 4

async function lookAtWarehouse(project: Project, request: Request, environment: Environment): Promise<Checkup> {
  const what = { area: 'warehouse', name: project.target.name } as const
  try {
    const session = await connect(project, request, environment, 'write')
    const found = await closing(session, () => checkWarehouse(project, session))
    return judged(what, found)
  } catch (thrown) {
    return judged(what, asFailure(thrown).diagnostics)
  }
}

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
