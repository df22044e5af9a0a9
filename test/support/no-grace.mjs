// Loaded into a command before anything else (node --import): what is in flight at an interruption has no time at all.
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'

/** `GRACE` of src/sync/grace.ts: nothing else waits so long exactly. */
const GRACE = 25_000

const { setTimeout } = timers
timers.setTimeout = (ms, ...rest) => setTimeout(ms === GRACE ? 1 : ms, ...rest)
syncBuiltinESMExports()
