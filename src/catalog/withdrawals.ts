import type { Context } from '../compile/context.ts'
import { type WithdrawalsOf, withdrawalsList } from '../compile/withdrawals.ts'
import type { Connectors } from '../connectors/connector.ts'
import type { Project, Sync } from '../project/project.ts'
import { tellsWho } from '../project/sync-columns.ts'
import { findLedger } from '../sync/find-ledger.ts'
import { listed } from '../sync/listed.ts'
import { isWhole, matchFields } from '../sync/statements.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** Somebody whom a destination must not contact any more, and whom only a human can take out there. */
export interface Withdrawal {
  /** As the destination names it; personal values hidden unless they were asked for. */
  readonly key: Readonly<Record<string, string>>
  readonly profile_id: string | null
  /** Suppressed, or without the consent that the purpose of the sync asks for. */
  readonly why: 'suppressed' | 'consent'
  readonly last_run_id: string | null
  readonly fence: number
  readonly first_synced_at: string | null
  readonly last_synced_at: string | null
}

export interface WithdrawalsRequest {
  /** The schema of the ledger. */
  readonly ledger: string
  /** The build whose people, consents and suppressions are asked. */
  readonly build: number
  readonly connectors: Connectors
  /** The most rows. */
  readonly most: number
  readonly showValues: boolean
}

/** Those of one sync, the newest rows first; none where the destination has an act for them. Reads only. */
export async function readWithdrawals(
  context: Context,
  session: Session,
  sync: Sync,
  request: WithdrawalsRequest,
): Promise<readonly Withdrawal[]> {
  const { project } = context
  const connector = request.connectors.get(project.destinations.get(sync.destination)?.type ?? '')
  if (connector === undefined || sync.onWithdraw !== undefined || sync.mode === 'append') return []
  if (isWhole({ connector, sync })) return []
  const { tables } = await findLedger(session, request.ledger, sync)
  if ((await session.columns(tables.snapshot)) === undefined) return []
  const matches = matchFields({ context, sync, schema: request.ledger, connector })
  const of: WithdrawalsOf = { context, sync, tables, matchFields: matches }
  const rows = await listed(session, withdrawalsList(of), { most: request.most }, { b: request.build })
  const sorted = [...rows].sort((a, b) => b.fence - a.fence || (a.key_json < b.key_json ? -1 : 1))
  return sorted.map(({ key_json: json, why, ...row }) => ({
    ...row,
    key: shownKey(project, sync.name, json, request.showValues),
    why: why === 'suppressed' ? 'suppressed' : 'consent',
  }))
}

/** The key of a row; what is personal, or of a sync that the project no longer has, is hidden. */
export function shownKey(
  project: Project,
  name: string,
  keyJson: string,
  open: boolean,
): Readonly<Record<string, string>> {
  const sync = project.syncs.get(name)
  const isOpen = (theirs: string) => {
    const trait = sync?.key.find((one) => one.theirs === theirs)?.trait
    return open || (sync !== undefined && trait !== undefined && !tellsWho(project, sync, trait))
  }
  const values = Object.entries(JSON.parse(keyJson) as Record<string, unknown>)
  return Object.fromEntries(values.map(([theirs, value]) => [theirs, isOpen(theirs) ? String(value) : '[hidden]']))
}
