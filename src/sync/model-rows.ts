import { createHash } from 'node:crypto'
import type { SnapshotColumn } from '../compile/ledger-tables.ts'
import type { Json, Key, Mode } from '../connectors/connector.ts'
import type { Op, Outcome } from './ledger.ts'

/** One profile of the audience, as the model's warehouse holds it. */
export interface ModelRow {
  readonly profileId: string
  /** Undefined where any part is null. */
  readonly key: Key | undefined
  /** Values of the fields by their name; missing = null. */
  readonly values: Readonly<Record<string, Json>>
  readonly excluded?: boolean
}

export interface ModelField {
  readonly name: string
  readonly onNull: 'skip' | 'clear'
  readonly write: 'always' | 'on_create'
}

/** A sync in the model: what its SQL has compiled in. */
export interface ModelSync {
  readonly name: string
  readonly mode: Mode
  /** Are rows that leave removed? */
  readonly removes: boolean
  /** Does the destination take all rows at once? */
  readonly whole: boolean
  readonly fields: readonly ModelField[]
  readonly matchFields: ReadonlySet<string>
  /** The leave action as text: part of what makes a removal equal to one that was refused. */
  readonly leave: string
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
  | 'held'
  | 'waiting'
  | 'duplicate'
  | 'nameless'
  | 'pending'
  | 'owed'

/** A plan row of the model. */
export interface ModelPlanRow {
  readonly seq: number
  readonly verdict: Verdict
  /** The change that it is or would be. */
  readonly op: Op | undefined
  readonly inAudience: boolean
  readonly copies: number
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

/** Hex MD5 over the canonical parts of named values. */
export function fingerprint(names: readonly string[], values: Readonly<Record<string, Json>>): string {
  return digest('md5', names.map((name) => canonical(name, values[name] ?? null)).join(UNIT))
}

export function keyHash(keyJson: string): string {
  return digest('sha256', keyJson).slice(0, 32)
}

export function idempotencyKey(parts: readonly (string | number)[]): string {
  return digest('sha256', parts.join(UNIT)).slice(0, 32)
}

/** The JSON text of named values in order; nulls are left out where their field says so. */
export function payloadText(fields: readonly ModelField[], values: Readonly<Record<string, Json>>): string {
  const sent = fields.filter((field) => field.onNull === 'clear' || (values[field.name] ?? null) !== null)
  return JSON.stringify(Object.fromEntries(sent.map((field) => [field.name, values[field.name] ?? null])))
}

function canonical(name: string, value: Json): string {
  if (value === null) return `${name}~`
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
}

// A simulation hashes the same few texts over and over.
const digests = new Map<string, string>()

function digest(kind: 'md5' | 'sha256', text: string): string {
  const known = digests.get(`${kind} ${text}`)
  if (known !== undefined) return known
  if (digests.size > 100_000) digests.clear()
  const made = createHash(kind).update(text).digest('hex')
  digests.set(`${kind} ${text}`, made)
  return made
}
