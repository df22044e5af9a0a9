import type { HttpRequest, HttpResponse, Ms } from './connectors/connector.ts'

/** Time as the engine sees it. Tests hand in a clock of their own; nothing in `sync/` reads the machine's. */
export interface Clock {
  /** Monotonic milliseconds: for deadlines and pacing. */
  now(): Ms
  /** Wall time: for audit rows and signatures. */
  wall(): Date
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: Ms, signal?: AbortSignal): Promise<void>
}

/** Sends one request without following redirects; throws NetworkError when no complete answer came. */
export type Fetch = (
  request: HttpRequest,
  options: {
    readonly allowPrivate: boolean
    /** Aborts the request; once aborted, none starts. */
    readonly signal?: AbortSignal | undefined
  },
) => Promise<HttpResponse>

/** Everything outside the process that the engine may use, besides the warehouse. */
export interface World {
  readonly clock: Clock
  /** In [0, 1). */
  random(): number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fetch: Fetch
}
