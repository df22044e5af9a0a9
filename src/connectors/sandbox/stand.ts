import type { HttpRequest, Ms } from '../connector.ts'
import type { Database } from '../database.ts'
import type { Vendor } from './emulator.ts'
import type { Fault, Holding, Point, SandboxDestination, Seen } from './sandbox.ts'

/** How requests for one account are known, and what answers them. */
export interface Stand {
  /** Equal for destinations that share an account. */
  readonly identity: string
  isHost(url: URL): boolean
  /** Of several accounts at one host: does the request belong to this one? */
  claims(request: HttpRequest, url: URL): boolean
  /** The vendor as it is before the first request; it has what the places name. `now` is its wall clock. */
  vendor(places: readonly SandboxDestination['places'][number][], now: () => Ms): Vendor
}

/** What stands in for an account, which is as the connector's `open` gets it. */
export type StandFor = (account: unknown) => Stand

/** A database in place of that of a destination. */
export interface Tables {
  readonly database: Database
  contents(): Promise<readonly Holding[]>
  counters(): { readonly calls: number; readonly writes: number }
  /** Forgets every table. */
  reset(): Promise<void>
  close(): Promise<void>
}

export interface TablesOptions {
  /** The file that holds the tables; made when first used. */
  readonly file: string
  /** What syncs write: tables with the columns that they name are there from the start. */
  readonly places: readonly (SandboxDestination['places'][number] & { readonly account: unknown })[]
  /** Asked of each transaction, with `POST` for one that writes. `reset` loses the connection during the commit. */
  readonly fault?: (request: Seen) => Fault | undefined
  readonly observe?: (point: Point, request: Seen) => void
}

/** Which database an account is, and tables that stand in for it. Accounts of one identity share them. */
export interface TablesFor {
  identity(account: unknown): string
  open(options: TablesOptions): Tables
}
