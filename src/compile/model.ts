import type { Statement, Table } from '../sql/sql.ts'

/** One thing that a build makes: a source that was read, an identity graph, profiles, segments. */
export interface Model {
  /** Unique; the compiled file is `<name>.sql`. */
  readonly name: string
  readonly kind: 'setup' | 'source' | 'identity' | 'profile' | 'segments' | 'publish'
  /** Names of models whose tables this one reads. */
  readonly needs: readonly string[]
  readonly steps: readonly Step[]
  /** The table whose rows the report counts, where there is one. */
  readonly output: Table | undefined
  /** One row of counts for the report, where there are any. */
  readonly summary?: Statement
}

/** What a build does next, in order. */
export type Step =
  | { readonly kind: 'statement'; readonly statement: Statement; readonly makes: Table | undefined }
  | { readonly kind: 'phones'; readonly phones: Phones }
  | { readonly kind: 'contract'; readonly contraction: Contraction }

/** Phones that no build has parsed yet: collected in the warehouse, parsed here, kept in the warehouse. */
export interface Phones {
  /** Makes `missing(raw, region)`. */
  readonly collect: Statement
  readonly missing: Table
  /** The lookup table `(raw, region, e164, version)`. */
  readonly lookup: Table
  readonly version: string
}

/**
 * The rounds of an identity graph, from its edges to the smallest name of every component: see identity.ts. The
 * number of rounds is known only while they run, so a round is a set of statements with round tokens in their names.
 */
export interface Contraction {
  /** Round 0: the distinct edges. */
  readonly edges: Statement
  /** Every vertex takes the name of its smallest neighbour, two hops at once. */
  readonly hook: Statement
  /** One more doubling of the names of this round; repeated until `settled` says 0 when a round did not halve. */
  readonly jump: Statement
  /** Moves the result of a jump to where the round's names are looked for. */
  readonly keep: readonly Statement[]
  /** One row, `open`: how many names of this round still change by one more hop. */
  readonly settled: Statement
  /** The edges between the new names. */
  readonly rename: Statement
  /** From the last round back: names of the last round as they are, … */
  readonly last: Statement
  /** … and of each round before through the next one. */
  readonly compose: Statement
  /** Where there is no edge at all. */
  readonly none: Statement
  /** What the rounds leave behind is dropped, all but the result. */
  readonly dropEdges: Statement
  readonly dropNames: Statement
  readonly dropComposed: Statement
  /** (v, r): every vertex with an edge and the smallest vertex of its component. */
  readonly result: Table
}
