import type { z } from 'zod'
import type { Database, DatabaseClient, DatabaseServer } from './database.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Milliseconds. */
export type Ms = number

export type Mode = 'upsert' | 'update' | 'insert' | 'mirror' | 'append'

/** Something a connector can do to a row that leaves. Connectors list theirs mildest first; `keep` is always possible. */
export interface LeaveVerb {
  readonly verb: string
  readonly description: string
  /** What is written after the verb: `on_leave: { add_tag: lapsed }` takes text, `on_leave: archive` takes none. */
  readonly takes: 'nothing' | 'text'
  /** Does the person stop being contacted from there? Only such verbs serve a withdrawn consent. */
  readonly stopsContact: boolean
  /** Does the vendor lose data that cannot be put back? Never a default. */
  readonly deletes: boolean
  /** Is it more than leaving asks for, so that it is no default then? A withdrawn consent may still be met by it. */
  readonly onRequest?: true
  /** Is the row no longer there for `read` after that? Only such verbs serve a mirror that owns its place. */
  readonly takesAway?: true
}

/** A leave verb with its argument, as one sync uses it. */
export interface LeaveAction {
  readonly verb: string
  readonly argument?: string
}

/** The most that one request or one second may carry. */
export interface Limit {
  readonly rows: number
  readonly bytes: number
  /** At most `calls` batches start in any `perMs`. */
  readonly calls: number
  readonly perMs: Ms
  readonly inFlight: number
  /** Requests that one batch makes, on average of the volume for which it was asked; default 1. */
  readonly requests?: number
  /** How long a full batch usually takes there, on average of the volume; default 1 s. For what a plan foresees only. */
  readonly takes?: Ms
  /** The calls of a whole day, where that is known: the guard `max_calls` looks at it. */
  readonly perDay?: number
}

/** How much a sync is to send. */
export interface Volume {
  /** Rows to create or to update. */
  readonly upsert: number
  readonly remove: number
  /** How many of `upsert` are there already, which some vendors take one by one; left out = none. */
  readonly updates?: number
  /** Left out = upsert. */
  readonly mode?: Mode
}

/** What an answer says about the account's rate, besides what became of its rows. */
export type PaceHint =
  /** The calls of a short time are used up: none starts before so long. */
  | { readonly kind: 'pause'; readonly for: Ms }
  /** What is left of a long quota is not ours: this run sends no more. `why` is a sentence. */
  | { readonly kind: 'stop'; readonly why: string }

/** A field that the vendor knows. */
export interface Field {
  readonly name: string
  readonly description?: string
  readonly required?: boolean
  /** A sync's `key:` may name it. */
  readonly key?: boolean
  /** The vendor finds people by it, and only by its old value what was told under that: the ledger keeps it. */
  readonly match?: boolean
  /** The vendor holds values, not rows: what somebody else of the sync has, in a field of the same list, stays when a row leaves. */
  readonly list?: string
  readonly type: 'text' | 'number' | 'boolean' | 'date' | 'timestamp' | 'json'
  readonly normalise?: 'email' | 'phone'
}

/** Does the vendor find rows by it? */
export function isMatchField({ key, match, normalise }: Field): boolean {
  return key === true || match === true || normalise !== undefined
}

/** What a connector knows how to do for one kind of vendor: plain description, and `open`, its only way to act. */
export interface Connector<A, T> {
  readonly name: string
  readonly title: string
  /** The options of a destination in YAML. Secret fields are `secret()`; resolved text when `open` gets them. */
  readonly account: z.ZodType<A>
  /** The options of `into:` in a sync. */
  readonly into: z.ZodType<T>
  /** The account with what the project says of all its data, where the account says nothing itself. */
  inherit?(account: A, project: { readonly phoneCountry: string | undefined }): A
  readonly modes: readonly Mode[]
  readonly leaves: readonly LeaveVerb[]
  /** Those of `leaves` that a place has, where that depends on the place. Left out = all. */
  leavesOf?(into: T): readonly LeaveVerb[]
  readonly erase: 'permanent' | 'remove' | 'suppress' | 'none'
  /** Default of `settles_within`: how long a request may still take effect after it was sent. */
  readonly settlesWithin: Ms
  /** `changes` = send() gets the difference; `whole` = replace() gets every row whenever one changed. */
  delivers(mode: Mode, into: T): 'changes' | 'whole'
  /** Can what it holds be read back (`Channel.read`)? Left out = it cannot. */
  reads?(mode: Mode, into: T): boolean
  /** True where keys that differ in case only are one: a row that is read back may have another case. */
  readonly foldsKeys?: boolean
  /** Limits while so much is sent. */
  limits(account: A, into: T, volume: Volume): { readonly upsert: Limit; readonly remove: Limit }
  /** The fields that are known beforehand; `open` means that others may be named too. */
  fields(into: T): { readonly known: readonly Field[]; readonly open: boolean }
  /**
   * The identity of the place that a sync writes, as text without secrets: two syncs into one place must agree on the
   * key. Undefined where syncs share nothing (messages).
   */
  place(account: A, into: T): string | undefined
  /**
   * What authenticates the account, and at whom: destinations of one type for which it is equal share one rate. Kept as
   * a hash only. Left out = all options of the account.
   */
  credential?(account: A): string
  /** What any answer of the vendor, whatever its status, says about the account's rate; `now` is the wall clock. */
  pace?(account: A, response: HttpResponse, now: Ms): PaceHint | undefined
  /** The folder that `Io.files` must reach, from the project root. Left out by connectors that write no files. */
  folder?(account: A): string
  open(account: A, io: Io): Channel<T>
}

/** What a connector may use of the world. */
export interface Io {
  /** Sends one request. Redirects are not followed. Throws NetworkError when there is no complete answer. */
  fetch(request: HttpRequest): Promise<HttpResponse>
  /**
   * Makes a request that changes nothing, again where it failed for the moment, at the pace of the account. For `read`
   * only: what is sent is repeated by the engine. Undefined = once.
   */
  patiently?<T>(ask: () => Promise<T>): Promise<T>
  /**
   * Says in the report what no receipt can, as a sentence without values: "The audience has fewer than 100 people and is
   * not shown to anybody." The same is said once. Left out = nobody listens.
   */
  note?(sentence: string): void
  /** Wall clock, milliseconds since 1970: for signatures and token expiry only. */
  now(): Ms
  readonly files: Files
  /**
   * The database that the account declares; nothing is connected before its first transaction, and `server` is not asked
   * where something stands in for it. Left out where none can be reached.
   */
  database?(client: DatabaseClient, server: () => DatabaseServer): Database
  /** The sync's name: bodies and messages may say it. */
  readonly sync: string
  readonly mode: Mode
  /** What the sync does to rows that leave or are withdrawn, as far as it says or implies so: for `check`. */
  readonly acts?: readonly LeaveAction[]
  /** Their names of everything that the sync sends, in YAML order; a single change may hold fewer. */
  readonly columns: { readonly key: readonly string[]; readonly fields: readonly string[] }
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Default 60 s. */
  readonly timeout?: Ms
}

export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * No complete answer came. `sent` tells whether any byte of the request may have reached the other side, `timedOut`
 * whether the time was up: such a server is slow rather than gone.
 */
export class NetworkError extends Error {
  readonly sent: boolean
  readonly timedOut: boolean
  constructor(message: string, sent: boolean, more: { readonly timedOut?: boolean; readonly cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'NetworkError'
    this.sent = sent
    this.timedOut = more.timedOut ?? false
  }
}

/** Files below the one folder that a destination declared; a path that leaves it is refused. */
export interface Files {
  /** Writes beside the final name, flushes, and renames: a reader sees the old file or the new one, never a half. */
  write(path: string, chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>): Promise<void>
  read(path: string): Promise<string | undefined>
  /** Writes rows as a Parquet file with the same promise as `write`; all columns are text or null. */
  writeParquet(path: string, columns: readonly string[], rows: AsyncIterable<readonly (string | null)[]>): Promise<void>
  exists(path: string): Promise<boolean>
  /** Throws DestinationError where the file could not be written; changes nothing. */
  check(path: string): Promise<void>
}

/** An opened account. */
export interface Channel<T> {
  /** Changes nothing; throws DestinationError naming what is missing (credential, permission, list). */
  check(into: T): Promise<void>
  /** Sends one batch of one kind (creates and updates, or removes). One receipt per change, in the same order. */
  send(batch: readonly Change[], into: T, slot: Slot): Promise<readonly Receipt[]>
  /** Changes whose requests cannot be shared get different partitions. */
  partition?(change: Change, into: T): string
  /**
   * What the destination holds for the given keys, or all of it, in no order; what it does not hold is left out. Changes
   * nothing. Values may come in the vendor's own form (a number as text, null as empty text).
   */
  read?(keys: readonly Key[] | 'all', into: T): AsyncIterable<HeldRow>
  /** Replaces everything at the place by these rows (`delivers` = whole). */
  replace?(
    rows: AsyncIterable<{ readonly key: Key; readonly fields: Readonly<Record<string, Json>> }>,
    into: T,
  ): Promise<Receipt>
  poll?(job: JobId, into: T): Promise<JobState>
}

/** A row as the destination holds it, its key and fields named as the sync names them. */
export interface HeldRow {
  readonly key: Key
  readonly fields: Readonly<Record<string, Json>>
}

/** Where a batch stands in its run. A batch that is tried again keeps its slot, so what is named after it is rewritten. */
export interface Slot {
  readonly run: string
  /** From 0 in the run. */
  readonly window: number
  /** From 0 in the window. */
  readonly batch: number
}

export type JobId = string

export type JobState =
  | { readonly state: 'running'; readonly after: Ms }
  | {
      readonly state: 'done'
      readonly receipts: AsyncIterable<{ readonly key: Key; readonly receipt: Receipt }>
      readonly rest: Receipt
    }
  | { readonly state: 'lost' }
  /** It failed as a whole, and what it left undone goes another way in the next run, which asks for it first. */
  | { readonly state: 'failed'; readonly message: string }

/** A key as the destination names it: their field → value, in YAML order. `key: email` is `{ email: … }`. */
export type Key = Readonly<Record<string, Json>>

/** One row to create, update or remove. */
export interface Change {
  readonly seq: number
  readonly op: 'create' | 'update' | 'remove'
  readonly key: Key
  /** Mapped fields in YAML order; empty for a removal. A field with null is to be cleared. */
  readonly fields: Readonly<Record<string, Json>>
  /**
   * Match fields under which the destination may hold the row, the acknowledged ones first; more than one where it is not
   * known which of several requests took effect. Empty for a new row, and where the connector has no match fields.
   */
  readonly before: readonly Readonly<Record<string, Json>>[]
  /** The vendor's own id, where an earlier receipt gave one. */
  readonly destinationId: string | undefined
  readonly leave: LeaveAction | undefined
  /** Equal across retries and re-runs of the same change. */
  readonly idempotencyKey: string
}

/** What became of one change. The engine, not the connector, decides what to do about it. */
export type Receipt =
  | { readonly outcome: 'written'; readonly id?: string }
  | { readonly outcome: 'accepted'; readonly job: JobId }
  | {
      readonly outcome: 'refused'
      readonly kind: 'row' | 'compliance'
      readonly code: string
      readonly message: string
    }
  | {
      readonly outcome: 'again'
      readonly code: string
      readonly applied: 'no' | 'maybe'
      /** How long the vendor asks to wait, however long that is. */
      readonly after?: Ms
      /** It is the account that is too fast, not this row that is not ready. */
      readonly throttled?: true
    }

/**
 * The only error that `send`, `replace`, `check` and `poll` throw on purpose.
 * auth, config: the sync stops and no row is marked. batch: refused as a whole for an unnamed row: the engine bisects.
 * transient: try the same batch again, `applied` tells whether it may have taken effect. throttle: the whole account pauses.
 */
export class DestinationError extends Error {
  readonly kind: 'auth' | 'config' | 'batch' | 'transient' | 'throttle'
  readonly code: string
  readonly applied: 'no' | 'maybe'
  /** How long the vendor asks to wait, however long that is; Infinity = nobody knows, but not in this run. */
  readonly after: Ms | undefined
  constructor(
    kind: DestinationError['kind'],
    code: string,
    message: string,
    more: { readonly applied?: 'no' | 'maybe'; readonly after?: Ms; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'DestinationError'
    this.kind = kind
    this.code = code
    this.applied = more.applied ?? 'no'
    this.after = more.after
  }
}

/**
 * What stands for a secret or variable that is not set while the sandbox runs; two of them are two accounts. Its form
 * serves as a key with a data centre, as an address and as a domain alike; `.invalid` names no host (RFC 2606).
 */
export function standIn(name: string): string {
  return `${NOWHERE}${encodeURIComponent(name)}${END}`
}

/** Is this what stands for something that is not set? */
export function isStandIn(text: string | undefined): boolean {
  return text?.startsWith(NOWHERE) === true && text.endsWith(END)
}

const NOWHERE = 'https://sandbox.invalid/'
const END = '-us1'

/** The known connectors by name. */
export type Connectors = ReadonlyMap<string, Connector<unknown, unknown>>

/** Returns the connector as it is; checks that its parts agree on the types of account and place. */
export function defineConnector<A, T>(connector: Connector<A, T>): Connector<A, T> {
  return connector
}
