import type { Bound } from '../src/sql/sql.ts'

/** Milliseconds that work takes, and the most resident memory in bytes meanwhile above that at its start. */
export interface Measured<T> {
  readonly ms: number
  readonly peak: number
  readonly result: T
}

export async function measure<T>(work: () => Promise<T> | T): Promise<Measured<T>> {
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  const started = performance.now()
  try {
    const result = await work()
    const ms = performance.now() - started
    return { ms, peak: Math.max(most, process.memoryUsage().rss) - before, result }
  } finally {
    clearInterval(watch)
  }
}

/** The fastest of several measurements of the same work. */
export async function best<T>(times: number, work: () => Promise<T>): Promise<Measured<T>> {
  let fastest = await measure(work)
  for (let again = 1; again < times; again++) {
    const next = await measure(work)
    if (next.ms < fastest.ms) fastest = next
  }
  return fastest
}

/** `1.84 x (aim: at most 3 x)`. */
export function ratio(value: number, aim?: number): string {
  const shown = `${value.toFixed(2)} x`
  if (aim === undefined) return shown
  return `${shown} (aim: at most ${aim} x${value > aim ? ', MISSED' : ''})`
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** A statement of the benchmark's own. */
export function plain(text: string): Bound {
  return { statement: { name: 'bench', reason: 'bench', sql: { parts: [{ kind: 'code', text }] } } }
}
