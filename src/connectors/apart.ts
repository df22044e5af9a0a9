import pLimit from 'p-limit'
import { againOf, receiptOf } from './answer.ts'
import { type Change, DestinationError, type Receipt } from './connector.ts'

/** A refusal in our own words. */
export interface Words {
  readonly code: string
  readonly message: string
}

/** Why a change has no request of its own. */
export interface TwinWords {
  /** It does not say whom it is about. */
  readonly nameless: Words
  /** An earlier one is about the same. */
  readonly twin: Words
}

/**
 * Receipts of the changes that cannot stand in one batch with the others: all but the first of those that are one thing
 * for the vendor, and those without a name. `nameOf`: by which the vendor knows it, in the form in which it compares.
 */
export function twins(
  batch: readonly Change[],
  nameOf: (change: Change) => string,
  { nameless, twin }: TwinWords,
): [Change, Receipt][] {
  const seen = new Set<string>()
  return batch.flatMap((change): [Change, Receipt][] => {
    const name = nameOf(change)
    if (name === '') return [[change, refused(nameless)]]
    if (seen.has(name)) return [[change, refused(twin)]]
    seen.add(name)
    return []
  })
}

function refused(words: Words): Receipt {
  return { outcome: 'refused', kind: 'row', ...words }
}

export interface Apart {
  /** Was anything of the batch answered before? */
  readonly settled: boolean
  /** Changes that are sent side by side. */
  readonly atOnce: number
  /**
   * Where no request was answered and one may have been applied: that is thrown, as of a vendor who is not there, or told
   * of its change alone.
   */
  readonly silence: 'thrown' | 'told'
}

/**
 * Makes a request or more for each change. After an error that concerns them all nothing more is sent: it is thrown if
 * no change was settled, else the rest comes again, and the next batch meets the error at its start.
 */
export async function eachApart(
  batch: readonly Change[],
  { settled, atOnce, silence }: Apart,
  act: (change: Change) => Promise<Receipt>,
): Promise<Map<Change, Receipt>> {
  const limit = pLimit(atOnce)
  const receipts = new Map<Change, Receipt>()
  let stop: DestinationError | undefined
  let answered = settled
  const one = async (change: Change) => {
    if (stop) return
    try {
      receipts.set(change, await act(change))
      answered = true
    } catch (error) {
      if (!(error instanceof DestinationError)) throw error
      if (error.kind === 'batch') answered = true
      else stop ??= error
      if (error.kind === 'batch' || error.applied === 'maybe') receipts.set(change, receiptOf(error))
    }
  }
  await Promise.all(batch.map((change) => limit(one, change)))
  // What may have been applied must not be lost behind an error that was not.
  const isSilent = receipts.size === 0 || (silence === 'thrown' && stop?.applied === 'maybe')
  if (stop && !answered && isSilent) throw stop
  const rest = stop && againOf(stop, 'no')
  if (rest) for (const change of batch) if (!receipts.has(change)) receipts.set(change, rest)
  return receipts
}
