import { setTimeout } from 'node:timers/promises'

/** How long to wait before another attempt; attempts are counted from 1. */
export type Pause = (attempt: number) => Promise<unknown>

/** Longer from attempt to attempt, 10 s at most, and never the same for two that collide. */
export const A_WHILE: Pause = (attempt) => setTimeout(Math.min(200 * 2 ** attempt, 10_000) * (0.5 + Math.random() / 2))
