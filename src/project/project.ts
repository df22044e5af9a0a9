import type { LeaveAction, Mode } from '../connectors/connector.ts'
import type { At, Diagnostic } from '../error.ts'
import type { Normaliser, PassedUnit, Period, ValueType } from '../sql/dialect.ts'
import type { ConsentFeed } from './consent.ts'
import type { BASES } from './consent-shape.ts'
import type { DataTest } from './data-tests.ts'
import type { Condition, Duration, Expression, Target } from './language.ts'
import type { Relation } from './relation.ts'
import type { Score } from './score.ts'
import type { UnitTests } from './unit-test.ts'

/** A project after every name was resolved: what `compile` takes. Maps keep the order of the files, sorted by path. */
export interface Project {
  readonly name: string
  /** Absolute path of the folder that holds cdp.config.yaml. Never enters compiled text. */
  readonly directory: string
  readonly target: ChosenTarget
  readonly schemas: { readonly models: string; readonly state: string }
  /** IANA zone in which dates and `start of …` are meant. */
  readonly timezone: string
  /** ISO 3166 alpha-2 of phones without a country, where the project names one. */
  readonly phoneCountry: string | undefined
  /** ISO 8601 with zone; undefined = the warehouse's time at the start of the build. */
  readonly now: string | undefined
  /** How long ended memberships and the sizes of segments are remembered. */
  readonly history: Duration
  readonly sources: ReadonlyMap<string, Source>
  readonly entities: ReadonlyMap<string, Entity>
  readonly segments: ReadonlyMap<string, Segment>
  /** Why people may be contacted. */
  readonly purposes: ReadonlyMap<string, Purpose>
  readonly destinations: ReadonlyMap<string, Destination>
  readonly syncs: ReadonlyMap<string, Sync>
  readonly unitTests: UnitTests
  /** Those of sources first, then those of entities, in the order of the files. */
  readonly dataTests: readonly DataTest[]
  /** Warnings that did not stop the project. */
  readonly warnings: readonly Diagnostic[]
  /** Where the files name what only the warehouse knows, for `checkWarehouse`. */
  readonly places?: Places
}

/** Places of tables, files and columns; columns inside expressions carry their own. */
export interface Places {
  /** Source → where its table, file or select is named. */
  readonly relations: ReadonlyMap<string, At>
  readonly columns: readonly ColumnPlace[]
}

export interface ColumnPlace {
  readonly source: string
  readonly column: string
  readonly at: At
}

/** The warehouse that this command uses. */
export interface ChosenTarget {
  readonly name: string
  readonly type: string
  /** Validated by the warehouse's own schema; secrets not yet resolved: see `openTarget`. */
  readonly options: unknown
  /** References that stayed in `options`. */
  readonly secrets?: readonly SecretReference[]
}

/** A `${env:NAME}` or `${file:name}` that is resolved when an account is opened. */
export interface SecretReference {
  readonly kind: 'env' | 'file'
  readonly name: string
  /** The whole text that holds it. */
  readonly written: string
  readonly at: At
}

/** What everything that an analyst names has. */
export interface Named {
  readonly name: string
  readonly at: At
  readonly description: string | undefined
  readonly owner: string | undefined
  readonly tags: readonly string[]
}

/** Why people are contacted. */
export interface Purpose extends Named {
  readonly basis: (typeof BASES)[number]
  /** Where people say yes or no; undefined = the basis asks for no row. */
  readonly feed: ConsentFeed | undefined
}

export interface Source extends Named {
  readonly relation: Relation
  readonly category: 'profile' | 'event' | 'transaction' | 'product' | 'consent' | 'support'
  /** Column that identifies a row; undefined where the project names none. */
  readonly key: string | undefined
  /** When it happened. */
  readonly occurredAt: string | undefined
  /** When the row last changed. */
  readonly updatedAt: string | undefined
  /** When the row reached the warehouse. */
  readonly loadedAt: string | undefined
  /** Hours before the newest `loadedAt` from which rows are read again: how late a row may still arrive. */
  readonly overlapHours: number
  /** Rows never change and never go, so that what was added up of them is kept from build to build. */
  readonly appendOnly: boolean
  /** False: a build stops when a source that had rows has none. */
  readonly mayBeEmpty: boolean
  /** One entry per column that holds an identifier, in YAML order. */
  readonly identifiers: readonly SourceIdentifier[]
  /** Declared types by column. `at`, `updated_at` and `loaded_at` are timestamps unless declared; identifiers text. */
  readonly types: ReadonlyMap<string, ValueType>
  readonly pii: ReadonlyMap<string, string>
  /** Parent source → the column here that holds the parent's key. */
  readonly belongsTo: ReadonlyMap<string, string>
}

export interface SourceIdentifier {
  readonly type: string
  readonly column: string
  /** Column that holds the country of a phone, where there is one. */
  readonly country: string | undefined
}

export interface Entity extends Named {
  /** The entity whose profiles are its members; undefined = none: a household is `of: customer`. */
  readonly of: string | undefined
  /** Identifier types, strongest first. */
  readonly identifiers: readonly IdentifierType[]
  /**
   * Lists of identifiers that are, or never are, one profile, as sources whose rows name them. They are in no other
   * map: nothing else may name them.
   */
  readonly always: Source | undefined
  readonly never: Source | undefined
  readonly guard: IdentityGuard
  /** In YAML order; `resolve` has found that they form no cycle. */
  readonly traits: ReadonlyMap<string, Trait>
}

/** What stops an identity graph before it is published. */
export interface IdentityGuard {
  /** The most identifiers that one profile may have; undefined = no bound. */
  readonly maxProfileSize: number | undefined
  /** The share of the published profiles, 0 to 1, that may merge away in one build; undefined = no bound. */
  readonly maxMergeRate: number | undefined
  /** `quarantine`: of a profile that is too large, the weakest identifiers join nobody. `fail`: nothing is published. */
  readonly onViolation: 'fail' | 'quarantine'
}

export interface IdentifierType {
  readonly name: string
  readonly normalise: Normaliser | 'phone'
  /** False: kept on the profile, joins nobody. */
  readonly link: boolean
  /** A value seen with more than so many distinct values of one stronger type joins nobody. */
  readonly maxFanout: number | undefined
  /** The most distinct values of the type that one profile may have; undefined = no bound. */
  readonly limit: number | undefined
  /** Values (after normalising) that are no identifier: exact texts and `/regular expressions/`; defaults included. */
  readonly block: readonly Block[]
}

/** A value (in lower case, fits any case) or pattern that is no identifier. */
export type Block =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'pattern'; readonly pattern: string }

export interface Trait extends Named {
  readonly entity: string
  readonly type: ValueType
  readonly pii: string | undefined
  readonly definition: TraitDefinition
}

export type TraitDefinition =
  | {
      readonly kind: 'pick'
      readonly columns: readonly { readonly source: string; readonly column: string }[]
      readonly by: PickBy
      /** True: `<trait>__source` says from which source the value came. */
      readonly withSource: boolean
    }
  | {
      readonly kind: 'aggregate'
      readonly source: string
      readonly measure: Measure
      readonly where: Condition | undefined
      readonly within: Duration | undefined
    }
  /** Over the profiles of the entity that this one groups (`of:`): `measure` and `where` speak of their traits. */
  | { readonly kind: 'members'; readonly measure: Measure; readonly where: Condition | undefined }
  | { readonly kind: 'expression'; readonly expression: Expression }
  | { readonly kind: 'score'; readonly score: Score }
  /** One expression of the warehouse's own SQL over the other traits of the profile. */
  | { readonly kind: 'sql'; readonly text: string; readonly uses: readonly string[]; readonly at: At }

export type PickBy =
  | 'priority'
  | 'most_recent'
  | 'most_frequent'
  | 'first'
  | 'longest'
  | 'min'
  | 'max'
  | 'any_true'
  | 'concat_distinct'

/** What is taken of rows, or of members: from all of them at once, or from each calendar period of the project's zone. */
export type Measure = RowMeasure | PeriodMeasure

export type RowMeasure =
  | ComparedMeasure
  | { readonly kind: 'exists' }
  | { readonly kind: 'median' | 'most_frequent'; readonly of: Expression }
  /** `p` from 0 to 1; between two values there is a straight line. */
  | { readonly kind: 'percentile'; readonly of: Expression; readonly p: number }
  /** Of the rows, those on which the condition is true: 0 to 1. */
  | { readonly kind: 'share'; readonly on: Condition }
  | { readonly kind: 'first' | 'last'; readonly of: Expression; readonly by: RowOrder | undefined }
  /** Whole units from the first or last row to now. */
  | { readonly kind: 'since'; readonly which: 'first' | 'last'; readonly unit: PassedUnit }
  /** The different values as a sorted list of at most `limit`. */
  | { readonly kind: 'collect'; readonly of: Expression; readonly limit: number }

/** A measure whose values for several periods can be compared. */
export type ComparedMeasure =
  | { readonly kind: 'count' }
  | { readonly kind: 'count_distinct' | 'sum' | 'avg' | 'min' | 'max'; readonly of: Expression }

export type PeriodMeasure =
  | { readonly kind: 'periods' | 'streak' | 'longest_streak'; readonly period: Period }
  /** The measure for each period that has rows, then one value of these. */
  | { readonly kind: 'per'; readonly measure: ComparedMeasure; readonly period: Period; readonly take: Take }

/** What rows are put in order by instead of their time, or people instead of chance. */
export interface RowOrder {
  readonly of: Expression
  readonly descending: boolean
}

export type Take = 'max' | 'min' | 'avg' | 'median' | 'last'

export interface Segment extends Named {
  readonly entity: string
  /** Its former name: sides and history follow it. */
  readonly was: string | undefined
  /** Undefined only where `waterfall` alone says who is meant. */
  readonly where: Condition | undefined
  /** Segments whose members are left out. */
  readonly exclude: readonly string[]
  /** Segments by rank: everybody is in the variant of the first of which they are a member. Empty = no waterfall. */
  readonly waterfall: readonly string[]
  /** Undefined = nobody is held out. */
  /** Whoever may not be contacted for it is left out before split and limit. */
  readonly purpose: string | undefined
  readonly split: Split | undefined
  readonly limit: Limit | undefined
  /** The names of its variants in YAML order; empty where it has none. */
  readonly variants: readonly string[]
}

/** How people are divided by chance: each has a side in [0, 1), the same for ever. */
export interface Split {
  /** Each takes the sides from the end of the one before (at first 0) up to `end`. Empty for a holdout. */
  readonly variants: readonly { readonly name: string; readonly end: number }[]
  /** Sides from here on are held out; 1 = nobody is. */
  readonly end: number
}

/** The most members. */
export interface Limit {
  readonly rows: number
  /** Who comes first, ties by the id; empty: by a hash of the id, which is as good as chance and lasts. */
  readonly by: readonly RowOrder[]
  /** The column of the profile for each of whose values so many rows stay; null = a group of one's own. */
  readonly per: string | undefined
}

export interface Destination extends Named {
  readonly type: string
  /** As written, secrets still `${env:X}`; opened by `openAccount`. */
  readonly account: unknown
  /** References that stayed in `account`. */
  readonly secrets?: readonly SecretReference[]
  /** Its former name. */
  readonly was?: string | undefined
  /** Milliseconds; undefined = the connector's default. */
  readonly settlesWithin: number | undefined
  readonly allowPrivate: boolean
  /** Targets under which it is really written; undefined = all. */
  readonly targets: readonly string[] | undefined
  readonly exclude: readonly string[]
}

export interface Sync extends Named {
  /** Its former name: its ledger follows. */
  readonly was?: string | undefined
  readonly destination: string
  /** Validated by the connector's own schema. */
  readonly into: unknown
  /** Whose profiles are sent, or of rows: to whose profiles they belong; undefined = its rows belong to nobody. */
  readonly entity: string | undefined
  /** The rows that are sent in place of people; then neither `segment` nor `where` says anything. */
  readonly rows?: SyncRows | undefined
  /** The segment whose members are sent; undefined = every profile of the entity. */
  readonly segment: string | undefined
  /** The variant of it whose people are sent; undefined = those of all variants. */
  readonly variant: string | undefined
  readonly where: Condition | undefined
  /** Segments left out: of the sync, its destination and the project's defaults together. */
  readonly exclude: readonly string[]
  readonly mode: Mode
  /** A mirror that removes also what it never sent. */
  readonly owned?: true | undefined
  /** undefined = rows that leave are kept. */
  readonly onLeave: LeaveAction | undefined
  /** Why its people are contacted; undefined = only suppression keeps anybody back. */
  readonly purpose: string | undefined
  /** What is done with rows whose people may no longer be contacted; undefined = nothing can be done there. */
  readonly onWithdraw: LeaveAction | undefined
  /** Their name → our trait, of rows a column of `rows.columns`, in YAML order; at least one. */
  readonly key: readonly { readonly theirs: string; readonly trait: string }[]
  readonly fields: readonly SyncField[]
  readonly guard: SyncGuard
  /** What is done with rows that differ only because `fields:` was edited; undefined = ask: the sync is blocked. */
  readonly onMappingChange?: 'resync' | 'rebase' | undefined
  /** Syncs that must have ended before. */
  readonly after: readonly string[]
  /** Seconds that a run waits for jobs of the vendor that it started; undefined = the default of `sync/job.ts`. */
  readonly wait?: number | undefined
  /** Seconds between two runs, for `run --due`; undefined = it is always due. */
  readonly every?: number | undefined
}

/** What stops a sync before it sends. Shares are 0 to 1; undefined = the default that `sync/guard.ts` names. */
export interface SyncGuard {
  /** The share of known rows that may leave at once. */
  readonly maxRemoved?: number | undefined
  /** The share of known rows that may be updated or leave at once. */
  readonly maxChanged?: number | undefined
  /** The share of the audience that may have a null key, or one that others have too. */
  readonly maxInvalid?: number | undefined
  /** The most rows that may be created at once; no default. */
  readonly maxCreates?: number | undefined
  /** The share of the vendor's daily quota that the calls of one run may use, where a quota is known. */
  readonly maxCalls?: number | undefined
  /** Where too many rows would leave: nothing is sent (default), or everything but the removals. */
  readonly onMassRemove?: 'block' | 'hold' | undefined
}

/** The rows of a source that a sync sends. */
export interface SyncRows {
  readonly source: string
  /** On the columns of a row, of its parents, and the traits of the person to whom it belongs. */
  readonly where: Condition | undefined
  /** Rows that happened before are left out; undefined = none, `first_run` = the business time of the sync's first run. */
  readonly startAt: Expression | 'first_run' | undefined
  /** What key and fields are made of, by the name under which they, as traits, call it: see `rowColumn`. */
  readonly columns: ReadonlyMap<string, RowColumn>
}

export interface RowColumn {
  readonly to: Target
  readonly type: ValueType
}

export interface SyncField {
  readonly theirs: string
  readonly value: FieldValue
  readonly onNull: 'skip' | 'clear'
  /** if_empty: the engine leaves it out where the destination holds a value already. */
  readonly write: 'always' | 'on_create' | 'if_empty'
}

export type FieldValue =
  | { readonly kind: 'trait'; readonly trait: string; readonly type: ValueType }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  /** Text with `{{trait}}`: pieces of text and traits. A null trait gives empty text. */
  | {
      readonly kind: 'template'
      readonly pieces: readonly (string | { readonly trait: string; readonly type: ValueType })[]
    }
  | { readonly kind: 'expression'; readonly expression: Expression; readonly type: ValueType }

/** Built-in columns of every profile, which expressions may use like traits. */
export const BUILT_IN: ReadonlyMap<string, ValueType> = new Map<string, ValueType>([
  ['profile_id', 'text'],
  ['first_seen_at', 'timestamp'],
  ['last_seen_at', 'timestamp'],
])
