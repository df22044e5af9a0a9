import type { Fetch } from '../../world.ts'
import type { Files, Io, Json, Ms } from '../connector.ts'
import type { Database } from '../database.ts'

/** A request as an emulator received it. */
export interface Seen {
  /** From 1 since the emulator was opened. */
  readonly number: number
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** How many requests were being answered when this one came, itself included. */
  readonly atOnce: number
}

/** What an emulated vendor answers. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; text is sent as it is; left out = no body. */
  readonly body?: Json
}

/** What one place inside an emulated vendor holds. */
export interface Holding {
  readonly place: string
  readonly rows: readonly Readonly<Record<string, Json>>[]
}

/** What goes wrong with one request. With `effect` the vendor applied it first. */
export type Fault =
  | ({ readonly kind: 'answer'; readonly effect?: boolean } & Answer)
  | { readonly kind: 'silence' | 'reset'; readonly effect: boolean }
  /** Applied and answered, but the answer's second half is lost. */
  | { readonly kind: 'truncated' }
  /** Applied, and answered once the promise is fulfilled. */
  | { readonly kind: 'late'; readonly until: Promise<void> }
  /** Applied and answered, with notice that the connection closes. */
  | { readonly kind: 'last' }

/** Does the vendor apply what it was asked, in spite of the fault? */
export function hasEffect(fault: Fault): boolean {
  switch (fault.kind) {
    case 'truncated':
    case 'late':
    case 'last':
      return true
    case 'answer':
    case 'silence':
    case 'reset':
      return fault.effect === true
  }
}

export type Point = 'received' | 'applied' | 'answered'

/** A destination as the sandbox stands in for it. */
export interface SandboxDestination {
  readonly name: string
  /** Its former name: what the emulated vendor remembers follows. */
  readonly was?: string | undefined
  readonly type: string
  /** As the connector's `open` gets it. */
  readonly account: unknown
  /** What syncs write there: the vendor has lists, merge fields and custom fields of these names from the start. */
  readonly places: readonly { readonly into: unknown; readonly columns: Io['columns'] }[]
}

export interface SandboxOptions {
  /** `.cdp/sandbox/<target>`: holds everything that the emulated vendors remember. */
  readonly directory: string
  readonly destinations: readonly SandboxDestination[]
  /** The vendors' wall clock; default: the machine's. */
  readonly now?: () => Ms
  readonly fault?: (destination: string, request: Seen) => Fault | undefined
  /** Called at each point of each request; `applied` comes after the journal and before the answer. */
  readonly observe?: (destination: string, point: Point, request: Seen) => void
}

/** Emulated vendors in place of every destination. */
export interface Sandbox {
  /** No emulated vendor remembered anything: the folder is new. A ledger of an older sandbox does not belong to it. */
  readonly fresh: boolean
  /** Maps the vendors' real hosts to the emulators and refuses every other host. */
  readonly fetch: Fetch
  /** Stands in for the folder of a file destination. */
  files(destination: string): Files
  /** Stands in for the database of a destination that writes tables. */
  database(destination: string): Database
  /** What each destination now holds, in the order of the destinations. */
  contents(): Promise<readonly { readonly destination: string; readonly holdings: readonly Holding[] }[]>
  /** Requests, or transactions, that each destination got since the sandbox was opened. Files get none. */
  counters(): ReadonlyMap<string, { readonly calls: number; readonly writes: number }>
  /** From now on the sandbox is not fresh: its vendors and a ledger belong together. Before that nothing may be sent. */
  accept(): Promise<void>
  /** Makes every vendor forget everything: for a sandbox whose ledger is gone. */
  reset(): Promise<void>
  close(): Promise<void>
}
