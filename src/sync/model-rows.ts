import { createHash } from 'node:crypto'
import type { SnapshotColumn } from '../compile/ledger-tables.ts'
import type { Json, Key, Mode } from '../connectors/connector.ts'
import type { Act, Op, Outcome } from './ledger.ts'

/** One profile of the audience, or one row of a source, as the model's warehouse holds it. */
export interface ModelRow {
  /** Whose row it is, for rows of a source null where it is nobody's; of a person all rows are excluded and barred alike. */
  readonly profileId: string | null
  /** Undefined where any part is null. */
  readonly key: Key | undefined
  /** Values of the fields by their name; missing = null. */
  readonly values: Readonly<Record<string, Json>>
  readonly excluded?: boolean
  /** Why the person may not be contacted. */
  readonly barred?: 'consent' | 'suppressed'
}

export interface ModelField {
  readonly name: string
  /** The value that is sent under the name; undefined = the one of the same name. */
  readonly from?: string
  readonly onNull: 'skip' | 'clear'
  readonly write: 'always' | 'on_create' | 'if_empty'
}

/** A sync in the model: what its SQL has compiled in. */
export interface ModelSync {
  readonly name: string
  readonly mode: Mode
  /** Are rows removed that were never sent? */
  readonly owned?: boolean
  /** Are keys that differ in case only one? */
  readonly foldsKeys?: boolean
  /** Are rows that leave removed? */
  readonly removes: boolean
  /** Can rows be removed whose people may not be contacted? */
  readonly withdraws: boolean
  /** Does its purpose ask people? */
  readonly asks: boolean
  /** Does it send rows of a source? Of one person there may be several then, and some are nobody's. */
  readonly rows?: boolean
  /** Does the destination take all rows at once? */
  readonly whole: boolean
  readonly fields: readonly ModelField[]
  readonly matchFields: ReadonlySet<string>
  /** Those of them whose values the destination holds in a list, whoever has them: the list by field. */
  readonly lists?: ReadonlyMap<string, string>
  /** The leave action as text: part of what makes a removal equal to one that was refused. */
  readonly leave: string
  /** The same of the act for those who may not be contacted. */
  readonly withdraw: string
}

/** A snapshot row: the columns of the table, times in milliseconds. */
export interface ModelSnapshot extends Record<SnapshotColumn, string | number | boolean | null> {
  readonly key_hash: string
  readonly key_json: string
  readonly profile_id: string | null
  readonly state: string
  readonly known: boolean
  readonly fp: string | null
  readonly ident: string | null
  readonly dest_id: string | null
  readonly rev: number
  readonly last_fence: number
  readonly hold_until: number | null
  readonly tried_fp: string | null
  readonly fail_count: number
  readonly next_retry_at: number | null
  readonly job_id: string | null
  readonly prior_state: string | null
  readonly pending_op: string | null
  readonly pending_fp: string | null
  readonly pending_tried: string | null
  readonly pending_rev: number | null
  readonly pending_ident: string | null
  readonly first_synced_at: number | null
}

export type Verdict =
  | Op
  | 'left'
  | 'returned'
  | 'forgotten'
  | 'rebased'
  | 'held'
  | 'waiting'
  | 'duplicate'
  | 'nameless'
  | 'pending'
  | 'listed'
  | 'owed'

/** A plan row of the model. */
export interface ModelPlanRow {
  readonly seq: number
  readonly verdict: Verdict
  /** The change that it is or would be. */
  readonly op: Op | undefined
  readonly act: Act | undefined
  readonly inAudience: boolean
  /** Profiles that have the key, and those among them who may be contacted. */
  readonly copies: number
  readonly claims: number
  readonly keyHash: string
  readonly keyJson: string
  readonly profileId: string | null
  readonly fp: string | null
  readonly tried: string | null
  readonly rev: number
  readonly ident: string | null
  readonly payload: string
  readonly before: string | null
  readonly destinationId: string | null
  readonly idempotencyKey: string
}

/** An ack row of the model: the columns of the table that matter, times in milliseconds. */
export interface ModelAck {
  readonly run_id: string
  readonly fence: number
  readonly kind: 'intent' | 'ack' | 'end' | 'late' | 'applied'
  readonly seq_lo: number | null
  readonly seq_hi: number | null
  readonly outcome: Outcome | null
  readonly code: string | null
  readonly message: string | null
  readonly dest_id: string | null
  readonly job_id: string | null
  readonly hold_until: number | null
  readonly key_json: string | null
  readonly profile_id: string | null
  readonly ident: string | null
  readonly acked_at: number
}

const UNIT = '\u001f'

/** Hex MD5 over the canonical parts of what fields send. */
export function fingerprint(
  fields: readonly Pick<ModelField, 'name' | 'from'>[],
  values: Readonly<Record<string, Json>>,
): string {
  return digest('md5', fields.map((field) => canonical(field.name, valueSent(field, values))).join(UNIT))
}

export function keyHash(keyJson: string): string {
  return digest('sha256', keyJson).slice(0, 32)
}

export function idempotencyKey(parts: readonly (string | number)[]): string {
  return digest('sha256', parts.join(UNIT)).slice(0, 32)
}

/** The JSON text of named values in order; nulls are left out where their field says so. */
export function payloadText(fields: readonly ModelField[], values: Readonly<Record<string, Json>>): string {
  const sent = fields.filter((field) => field.onNull === 'clear' || valueSent(field, values) !== null)
  return JSON.stringify(Object.fromEntries(sent.map((field) => [field.name, valueSent(field, values)])))
}

function valueSent(
  { name, from = name }: Pick<ModelField, 'name' | 'from'>,
  values: Readonly<Record<string, Json>>,
): Json {
  return values[from] ?? null
}

function canonical(name: string, value: Json): string {
  if (value === null) return `${name}~`
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
}

// A simulation hashes the same few texts over and over.
const digests = { md5: new Map<string, string>(), sha256: new Map<string, string>() }

function digest(kind: 'md5' | 'sha256', text: string): string {
  const known = digests[kind].get(text)
  if (known !== undefined) return known
  if (digests[kind].size > 100_000) digests[kind].clear()
  const made = createHash(kind).update(text).digest('hex')
  digests[kind].set(text, made)
  return made
}
