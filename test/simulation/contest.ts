import { leaveText } from '../../src/compile/changes.ts'
import type { ModelSync } from '../../src/sync/model-rows.ts'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'

/** What the processes that contend for one sync agree on. Milliseconds. */
export const CONTEST = {
  lease: 2_000,
  margin: 800,
  /** A request lands within this after it was sent. */
  settlesWithin: 300,
  /** A process that is stopped within a transaction keeps others out no longer. */
  idle: 700,
} as const

export const CONTESTED: ModelSync = {
  name: 'contested',
  mode: 'mirror',
  removes: true,
  withdraws: true,
  asks: false,
  whole: false,
  fields: [{ name: 'v', onNull: 'skip', write: 'always' }],
  matchFields: new Set(),
  leave: leaveText({ onLeave: { verb: 'remove' } }),
  withdraw: leaveText({ onLeave: { verb: 'withdraw' } }),
}

/** Where a contender finds everything. */
export interface Contest {
  readonly database: PostgresOptions
  readonly schema: string
  /** Address of the vendor. */
  readonly vendor: string
}

/** Asks a contender to run once. */
export interface Ask {
  readonly runId: string
  readonly holder: string
  readonly build: number
}

/** How a run ended. */
export interface Ended {
  readonly kind: 'ended'
  readonly runId: string
  readonly exit: number
  /** Requests. */
  readonly calls: number
  readonly said: readonly string[]
}

/** A request as the vendor sees it; a value of null removes. */
export interface Sent {
  readonly runId: string
  readonly changes: readonly { readonly key: string; readonly value: string | null }[]
}
