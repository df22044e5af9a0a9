import { appendFileSync } from 'node:fs'

/** Tells `scripts/reliability.mjs`, where it listens, how much of something was run and seen to hold. */
export function counted(part: string, counts: Readonly<Record<string, number>>): void {
  const file = process.env.RELIABILITY
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ part, counts })}\n`)
}
