import { createHash } from 'node:crypto'
import type { ValueType } from '../sql/dialect.ts'
import type { Table } from '../sql/sql.ts'

/** The version of the state tables' shape; kept in `meta`. */
export const STATE_VERSION = 3

/** The tables that remember what destinations were sent. All lie in one schema; one per sync where rows are many. */
export interface LedgerTables {
  readonly schema: string
  /** What the tables of the sync are called after. */
  readonly suffix: string
  /** One row: version of the state, target. */
  readonly meta: Table
  /** One row a sync: its lease. */
  readonly sync: Table
  /** Append only: what each run did. */
  readonly event: Table
  /** One row a key that the destination holds, may hold, or once held. */
  readonly snapshot: Table
  /** Append only: what was about to be sent, and what became of it. */
  readonly ack: Table
  /** The changes of one fence; never changed, dropped once merged. */
  readonly plan: Table
  /** Every row of the audience, for destinations that take it whole. */
  readonly whole: Table
  /** Rows that wait for an asynchronous job. */
  readonly waiting: Table
  /** Keys that the destination holds, where a mirror owns its place. */
  readonly found: Table
}

/** `suffix`: where the tables are called after another name, because the sync was renamed. */
export function ledgerTables(schema: string, sync: string, suffix = tableSuffix(sync)): LedgerTables {
  const table = (...name: Table['name']): Table => ({ schema, name })
  const fence = { token: 'f', offset: 0 } as const
  return {
    schema,
    suffix,
    meta: table('meta'),
    sync: table('sync'),
    event: table('run_event'),
    snapshot: table(`snap_${suffix}`),
    ack: table(`ack_${suffix}`),
    plan: table(`plan_${suffix}_`, fence),
    whole: table(`whole_${suffix}_`, fence),
    waiting: table(`waiting_${suffix}_`, fence),
    found: table(`found_${suffix}_`, fence),
  }
}

/** Short, legal everywhere, the same on every machine, and different for different names. */
export function tableSuffix(sync: string): string {
  const plain = sync.toLowerCase().replace(/[^a-z0-9]+/g, '_')
  return `${plain.slice(0, 24)}_${createHash('sha256').update(sync).digest('hex').slice(0, 8)}`
}

type Columns = Readonly<Record<string, ValueType | 'bigint'>>

export const META_COLUMNS = {
  state_version: 'bigint',
  target: 'text',
  created_at: 'timestamp',
} as const satisfies Columns

export const SYNC_COLUMNS = {
  sync_id: 'text',
  /** What its tables are called after; they keep it when the sync is renamed. */
  table_suffix: 'text',
  fence: 'bigint',
  holder: 'text',
  lease_until: 'timestamp',
  /** No holder before the present one can have sent anything after this. */
  sends_end: 'timestamp',
  /** Plans of fences up to this one are merged and dropped. */
  settled_fence: 'bigint',
  active_run_id: 'text',
  updated_at: 'timestamp',
  /** Since version 2; null until a run has ended. What rows were acknowledged under: key, fields, and their hash. */
  key_spec: 'text',
  mapping: 'text',
  mapping_hash: 'text',
  /** Since version 3. Of a sync of rows that sends what happens from its first run on: the business time of that run. */
  starts_at: 'timestamp',
} as const satisfies Columns

export const EVENT_COLUMNS = {
  run_id: 'text',
  sync_id: 'text',
  fence: 'bigint',
  event: 'text',
  happened_at: 'timestamp',
  counts: 'text',
  detail: 'text',
} as const satisfies Columns

export const SNAPSHOT_COLUMNS = {
  /** First 32 hex digits of the SHA-256 of `key_json`. */
  key_hash: 'text',
  key_json: 'text',
  /** The profile that was last sent under this key. */
  profile_id: 'text',
  /** absent, synced, unknown, submitted, left, tomb: what the destination holds, as far as we were told. */
  state: 'text',
  /** Did the destination ever confirm that it holds the row, and nothing uncertain about its being there since? */
  known: 'boolean',
  /** Fingerprint of the acknowledged payload; null = must be sent again. */
  fp: 'text',
  /** Match keys that the destination may hold for the row: JSON objects, comma-separated, the acknowledged one first. */
  ident: 'text',
  dest_id: 'text',
  /** Counts acknowledged changes: part of idempotency keys. */
  rev: 'bigint',
  last_fence: 'bigint',
  last_run_id: 'text',
  /** Until then the key is not sent: an earlier request may still take effect. */
  hold_until: 'timestamp',
  /** What was refused last; sent again only when it differs, or when `next_retry_at` has come. */
  tried_fp: 'text',
  fail_count: 'bigint',
  next_retry_at: 'timestamp',
  err_class: 'text',
  err_code: 'text',
  err_message: 'text',
  /** While `submitted`: the job, the state before it, and what it will have written. */
  job_id: 'text',
  prior_state: 'text',
  pending_op: 'text',
  pending_fp: 'text',
  pending_tried: 'text',
  pending_rev: 'bigint',
  pending_ident: 'text',
  first_synced_at: 'timestamp',
  last_synced_at: 'timestamp',
} as const satisfies Columns

export type SnapshotColumn = keyof typeof SNAPSHOT_COLUMNS

export const ACK_COLUMNS = {
  run_id: 'text',
  fence: 'bigint',
  /** intent: up to `seq_hi` may be sent. ack: what became of a range. end: all is told. late, applied: confessions. */
  kind: 'text',
  seq_lo: 'bigint',
  seq_hi: 'bigint',
  /** `seq_lo` rounded down to a block; no range crosses one, so that ranges can be joined by equality. */
  block: 'bigint',
  outcome: 'text',
  code: 'text',
  message: 'text',
  dest_id: 'text',
  job_id: 'text',
  hold_until: 'timestamp',
  /** Of a confession only. */
  key_hash: 'text',
  key_json: 'text',
  profile_id: 'text',
  ident: 'text',
  acked_at: 'timestamp',
} as const satisfies Columns

/** How many seqs make a block of acks. */
export const ACK_BLOCK = 256

/** Waits after the first, second … refusal of the same payload, in seconds; after the last one none: quarantined. */
export const REFUSAL_WAITS: readonly number[] = [3_600, 21_600, 86_400, 259_200]

/** Refusals after which a row is quarantined: sent again only when its payload changes. */
export const QUARANTINED_AFTER = REFUSAL_WAITS.length + 1

/** Tombstones and acks are kept so long, in days. */
export const KEPT_DAYS = 30

/** The columns of a table as `createEmptyTable` takes them. */
export function columnList(columns: Columns): readonly { name: string; type: ValueType | 'bigint' }[] {
  return Object.entries(columns).map(([name, type]) => ({ name, type }))
}
