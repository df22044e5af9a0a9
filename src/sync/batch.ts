import { ACK_BLOCK } from '../compile/ledger-tables.ts'
import type { Change, Limit } from '../connectors/connector.ts'
import type { Ack } from './ledger.ts'

/** A change with what it weighs. */
export interface Weighed {
  readonly change: Change
  /** Bytes of key and fields as JSON in UTF-8: about what it takes in a request. */
  readonly bytes: number
}

/**
 * Rows of one kind as batches that may share a request: same partition, at most `rows` and `bytes`. Order is kept. A
 * row that is too large alone goes alone: the vendor decides.
 */
export function batches<W extends Weighed>(
  rows: readonly W[],
  limit: Pick<Limit, 'rows' | 'bytes'>,
  partition: (change: Change) => string = () => '',
): readonly (readonly W[])[] {
  const parts = new Map<string, W[]>()
  for (const row of rows) {
    const name = partition(row.change)
    const part = parts.get(name)
    if (part) part.push(row)
    else parts.set(name, [row])
  }
  return [...parts.values()].flatMap((part) => cut(part, limit))
}

function cut<W extends Weighed>(rows: readonly W[], limit: Pick<Limit, 'rows' | 'bytes'>): readonly (readonly W[])[] {
  const done: W[][] = []
  let open: W[] = []
  let bytes = 0
  for (const row of rows) {
    if (open.length > 0 && (open.length >= limit.rows || bytes + row.bytes > limit.bytes)) {
      done.push(open)
      open = []
      bytes = 0
    }
    open.push(row)
    bytes += row.bytes
  }
  return open.length > 0 ? [...done, open] : done
}

/** Acks as few ranges: neighbours that were told the same share one, and none crosses a block. */
export function ranges(told: readonly Ack[]): readonly Ack[] {
  const sorted = [...told].sort((a, b) => a.lo - b.lo)
  const acks: Ack[] = []
  for (const ack of sorted.flatMap(split)) {
    const last = acks.at(-1)
    if (last && last.hi + 1 === ack.lo && ack.lo % ACK_BLOCK !== 0 && last.hold === ack.hold && faredAlike(last, ack))
      acks[acks.length - 1] = { ...last, hi: ack.hi }
    else acks.push(ack)
  }
  return acks
}

/** Did the same become of both, times apart? */
export function faredAlike(a: Omit<Ack, 'lo' | 'hi' | 'hold'>, b: Omit<Ack, 'lo' | 'hi' | 'hold'>): boolean {
  return (
    a.outcome === b.outcome &&
    a.code === b.code &&
    a.message === b.message &&
    a.destinationId === b.destinationId &&
    a.job === b.job
  )
}

function split(ack: Ack): readonly Ack[] {
  const parts: Ack[] = []
  for (let lo = ack.lo; lo <= ack.hi; ) {
    const hi = Math.min(ack.hi, lo - (lo % ACK_BLOCK) + ACK_BLOCK - 1)
    parts.push({ ...ack, lo, hi })
    lo = hi + 1
  }
  return parts
}
