import type { ValueType } from '../sql/dialect.ts'
import type { Condition, Duration, Expression, Reference } from './language.ts'

/** A trait that judges profiles: by their rows in one source, or against all others. */
export type Score = RfmScore | WeightedScore | ValueScore

/** The rows of a source that a score counts. Those without a time, or after the business time, never do. */
export interface ScoredRows {
  readonly source: string
  /** What a row is worth; one that is no number (NaN, infinity, beyond 1e100) is worth nothing, and its row still counts. */
  readonly amount: Expression
  readonly where: Condition | undefined
  readonly within: Duration | undefined
}

/** How recent, how frequent and how much: each as a tile from 1 (the lowest) to `tiles`. */
export interface RfmScore extends ScoredRows {
  readonly kind: 'rfm'
  readonly tiles: number
  /** The first that holds names the profile's cell; conditions on the columns of `PARTS`. Empty: no cells. */
  readonly cells: readonly { readonly name: string; readonly when: Condition }[]
}

/** The weighted mean of the places that a profile takes among all others, from 0 to 100. */
export interface WeightedScore {
  readonly kind: 'weighted'
  readonly weights: readonly { readonly trait: Reference; readonly weight: number }[]
}

/** The amount that is to be expected over a horizon. */
export interface ValueScore extends ScoredRows {
  readonly kind: 'value'
  /** In days. */
  readonly horizon: number
}

/** What an RFM score tells apart: each is a column `<trait>__<part>` of the profile. */
export const PARTS = ['recency', 'frequency', 'monetary'] as const

/** Where a profile says which tile it is in, or (`cell`) what its cell is called. */
export function partColumn(trait: string, part: (typeof PARTS)[number] | 'cell'): string {
  return `${trait}__${part}`
}

/** The columns that an RFM score adds beside its own. */
export function rfmColumns(trait: string, hasCells: boolean): readonly { name: string; type: ValueType }[] {
  return [
    ...PARTS.map((part) => ({ name: partColumn(trait, part), type: 'integer' as const })),
    ...(hasCells ? [{ name: partColumn(trait, 'cell'), type: 'text' as const }] : []),
  ]
}

export const DEFAULT_TILES = 5

/**
 * The cells of an RFM score of five tiles, as an analyst would write them: the first condition that holds wins, and for
 * every profile one does.
 */
export const DEFAULT_CELLS: Readonly<Record<string, string>> = {
  champions: 'recency >= 4 and frequency + monetary >= 8',
  loyal: 'recency >= 3 and frequency + monetary >= 7',
  potential_loyalists: 'recency >= 4 and frequency + monetary >= 5',
  new: 'recency = 5',
  promising: 'recency = 4',
  need_attention: 'recency = 3 and frequency + monetary >= 5',
  about_to_sleep: 'recency = 3',
  cannot_lose: 'frequency + monetary >= 9',
  at_risk: 'frequency + monetary >= 5',
  hibernating: 'recency = 2',
  lost: 'recency = 1',
}
