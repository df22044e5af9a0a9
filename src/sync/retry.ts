import type { Ms } from '../connectors/connector.ts'

/** How often one row is tried in a run. */
export const ATTEMPTS = 5

/** Full jitter: anything from nothing to the doubled wait, at most a minute. `attempt` counts from 1. */
export function backoff(attempt: number, random: number, base: Ms = 500): Ms {
  return random * Math.min(60_000, base * 2 ** (attempt - 1))
}

/** Base of the wait after a throttle that did not say how long. */
export const THROTTLE_BASE: Ms = 1_000
