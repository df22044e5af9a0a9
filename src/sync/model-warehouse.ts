import type { RunEvent } from './ledger.ts'
import type { ModelAck, ModelField, ModelPlanRow, ModelRow, ModelSnapshot } from './model-rows.ts'

/** What a warehouse would hold for one sync. Shared by all processes of a simulation. */
export interface ModelWarehouse {
  /** The warehouse's clock, milliseconds. */
  readonly now: () => number
  /** The audience at this moment. */
  readonly rows: () => readonly ModelRow[]
  /** Ids of profiles that were suppressed after the rows were read. */
  readonly suppressed: Set<string>
  /** What the source of consents says now; `refused`: ids of profiles without a yes that holds. */
  readonly feed: { isEmpty: boolean; isStale: boolean; readonly refused: Set<string> }
  lease: {
    fence: number
    holder: string | null
    until: number
    sendsEnd: number
    settledFence: number
  }
  /** The target for which the state was made. */
  target: string
  /** Fields that fingerprints cover, as rows were acknowledged under them. */
  noted: readonly ModelField[] | undefined
  readonly snapshot: Map<string, ModelSnapshot>
  readonly acks: ModelAck[]
  readonly plans: Map<number, readonly ModelPlanRow[]>
  /** Keys that the destination held when each plan was made. */
  readonly found: Map<number, readonly string[]>
  /** The audience of each plan: builds never change. */
  readonly builds: Map<number, readonly ModelRow[]>
  /** The plan that is sent later, and the audience that it was made of. */
  kept?: { readonly plan: readonly ModelPlanRow[]; readonly rows: readonly ModelRow[] }
  readonly events: {
    readonly runId: string
    readonly fence: number
    readonly event: string
    readonly at: number
    readonly detail?: string | undefined
    readonly counts?: RunEvent['counts']
  }[]
}

export function modelWarehouse(now: () => number, rows: () => readonly ModelRow[]): ModelWarehouse {
  return {
    now,
    rows,
    suppressed: new Set(),
    feed: { isEmpty: false, isStale: false, refused: new Set() },
    lease: { fence: 0, holder: null, until: 0, sendsEnd: 0, settledFence: 0 },
    target: TARGET,
    noted: undefined,
    snapshot: new Map(),
    acks: [],
    plans: new Map(),
    found: new Map(),
    builds: new Map(),
    events: [],
  }
}

/** The only target of the model: a state that names another one was copied. */
export const TARGET = 'model'
