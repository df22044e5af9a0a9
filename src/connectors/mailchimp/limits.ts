import type { Limit, Ms, Volume } from '../connector.ts'
import type { Into } from './place.ts'

// No rate is published: 10 simultaneous connections a key are all that counts
// (https://mailchimp.com/developer/marketing/docs/fundamentals/#throttling). The times are ours, from nothing better than
// that a call is answered in a fraction of a second and one with 500 contacts in about a second.

/** Requests of one batch at once: two batches stay below the ten connections that a key may hold. */
export const REQUESTS_EACH = 4

/** What a call about many contacts takes, and one about a single contact. */
export const TAKES: { readonly many: Ms; readonly one: Ms } = { many: 1_000, one: 250 }

const LIMIT: Limit = { rows: 500, bytes: 4 * 1024 * 1024, calls: 100, perMs: 1_000, inFlight: 2 }

/** New contacts go 500 a call; those who are known, and those who leave, take a call each. */
export function limitsOf(
  { segment }: Pick<Into, 'segment'>,
  volume: Volume,
): { readonly upsert: Limit; readonly remove: Limit } {
  const isSegment = segment !== undefined
  const { upsert, remove, updates = 0 } = volume
  // Who is known has the tag, or is in the segment, unless somebody has taken them out there.
  const together = updates < upsert || upsert === 0 ? (isSegment ? 2 : 1) : 0
  const apart = updates / batchesOf(upsert, LIMIT.rows)
  const leaving = isSegment ? 500 : 100
  return {
    upsert: { ...LIMIT, ...costOf(together, apart) },
    // A segment takes 500 addresses back in one call, after a short one that looks for it.
    remove: {
      ...LIMIT,
      rows: leaving,
      ...(isSegment ? { requests: 2, takes: TAKES.many } : costOf(0, Math.ceil(remove / batchesOf(remove, leaving)))),
    },
  }
}

function batchesOf(volume: number, rows: number): number {
  return Math.max(1, Math.ceil(volume / rows))
}

/** Calls of one batch, one after the other and `REQUESTS_EACH` at once. */
function costOf(together: number, apart: number): Pick<Limit, 'requests' | 'takes'> {
  const takes = together * TAKES.many + (apart / REQUESTS_EACH) * TAKES.one
  return { requests: Math.max(1, together + apart), takes: Math.max(TAKES.one, takes) }
}
