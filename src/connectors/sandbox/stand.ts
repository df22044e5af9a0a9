import type { HttpRequest } from '../connector.ts'
import type { Vendor } from './emulator.ts'
import type { SandboxDestination } from './sandbox.ts'

/** How requests for one account are known, and what answers them. */
export interface Stand {
  /** Equal for destinations that share an account. */
  readonly identity: string
  isHost(url: URL): boolean
  /** Of several accounts at one host: does the request belong to this one? */
  claims(request: HttpRequest, url: URL): boolean
  /** The vendor as it is before the first request; it has what the places name. */
  vendor(places: readonly SandboxDestination['places'][number][]): Vendor
}

/** What stands in for an account, which is as the connector's `open` gets it. */
export type StandFor = (account: unknown) => Stand
