import type { At } from '../error.ts'
import type { DataTest } from '../project/data-tests.ts'
import type { IdentityGuard } from '../project/project.ts'
import type { Sql, Statement, Table } from '../sql/sql.ts'

/** One thing that a build makes: a source that was read, an identity graph, profiles, segments. */
export interface Model {
  /** Unique; the compiled file is `<name>.sql`. */
  readonly name: string
  readonly kind: 'setup' | 'source' | 'identity' | 'profile' | 'consent' | 'segments' | 'rows' | 'publish' | 'tests'
  /** Names of models whose tables this one reads. */
  readonly needs: readonly string[]
  readonly steps: readonly Step[]
  /** The table whose rows the report counts, where there is one. */
  readonly output: Table | undefined
  /** Parameters of its statements that are handed to a build, null where they are not. */
  readonly parameters?: readonly string[]
  /** One row of counts for the report, where there are any. */
  readonly summary?: Statement
  /** What the counts of an identity graph must not exceed. */
  readonly guard?: IdentityGuard
}

/** What a build does next, in order. */
export type Step =
  | StatementStep
  | { readonly kind: 'survey'; readonly survey: Survey }
  | { readonly kind: 'recall'; readonly recall: Recall }
  | { readonly kind: 'judge'; readonly judgement: Judgement }
  | { readonly kind: 'phones'; readonly phones: Phones }
  | { readonly kind: 'contract'; readonly contraction: Contraction }
  /** Where a test of severity `error` fails, the build ends. */
  | { readonly kind: 'tests'; readonly scans: readonly TestScan[] }

export interface StatementStep {
  readonly kind: 'statement'
  readonly statement: Statement
  readonly makes: Table | undefined
  /** Undefined = always. */
  readonly when?: When
}

/** In which builds a statement runs. */
export type When =
  /** Only in a build that solves the whole graph, or only in one that solves what changed. */
  | 'whole'
  | 'changes'
  /** Only where a parameter is null, or only where it is not. */
  | { readonly parameter: string; readonly isNull: boolean }

/** Whether what the last published build added up of an append-only source is still of use. */
export interface Recall {
  /** Everything in the source: what its columns are. */
  readonly rows: Sql
  /** Name of the parameter that says in one text what they are. */
  readonly shape: string
  /** One row: a column of the name `counted`. */
  readonly decide: Statement
  /** The parameter that holds its answer. */
  readonly counted: string
}

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
  /** Round 0: the distinct edges, in a build that solves the whole graph and in one that solves what changed. */
  readonly edges: { readonly whole: Statement; readonly changes: Statement }
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

/** What a build of an identity graph must read, and whether it solves the whole graph. */
export interface Survey {
  readonly entity: string
  /** The graph is solved whole when this differs from the last published build's. */
  readonly rules: string
  /** Values are compared with the block lists again when this differs. */
  readonly blocks: string
  /** Name of the parameter that says so. */
  readonly blocksChanged: string
  /** True: every build solves the whole graph. */
  readonly alwaysWhole: boolean
  /** Makes the table of how far each source is read. */
  readonly marks: Statement
  readonly makes: Table
  /**
   * One row: `rules` and `blocks` as they were published, and for each source `total_…` and `before_…` (rows now and
   * then), `after_…` (up to where it needs not be read; null: from the start) and `settled_…`.
   */
  readonly decide: Statement
  readonly sources: readonly SurveyedSource[]
}

export interface SurveyedSource {
  readonly name: string
  /** Names of the parameters that hold the answers. */
  readonly after: string
  readonly settled: string
  readonly mayBeEmpty: boolean
  readonly at: At
}

/** Clusters that break a rule: their edges are tried one by one, the most trusted first. See build/judge.ts. */
export interface Judgement {
  /** By kind of limited identifier: its type, and the most values of it that a profile may have. */
  readonly limits: readonly { readonly type: string; readonly most: number }[]
  /** The most identifiers of a profile under quarantine. */
  readonly maxSize: number | undefined
  /** (idx, node_id, cluster, kind), numbered from 0; kind is a position in `limits`, or -1. */
  readonly nodes: Table
  /** (seq, a, b, tier), a and b by idx. */
  readonly edges: Table
  /** (a, b) by idx: never in one profile. */
  readonly never: Table | undefined
  /** Makes the empty `verdicts` (node_id, part) and `refused` (a, b, reason, detail), which are filled here. */
  readonly create: readonly Statement[]
  readonly verdicts: Table
  readonly refused: Table
}

/** One statement that answers data tests; it gives one row and takes the token `b`. */
export interface TestScan {
  readonly statement: Statement
  /** The columns of the n-th test end in `_<n>`, counted from 1: see compile/data-tests.ts. */
  readonly tests: readonly AskedTest[]
}

export interface AskedTest {
  readonly test: DataTest
  /**
   * One row, `examples`: the keys of a few rows that fail, a JSON text a line; null for none. Undefined where rows have
   * no key, or one that says who somebody is. For failing tests only: those that pass cost nothing more.
   */
  readonly examples: Statement | undefined
}
