import type { Sync } from '../project/project.ts'
import type { Context } from './context.ts'
import type { LedgerTables } from './ledger-tables.ts'

/** What the changes of a sync are compiled from. */
export interface ChangesOf {
  readonly context: Context
  readonly sync: Sync
  readonly tables: LedgerTables
  /** Fields by which the vendor finds a row: kept as last sent, so that an old value can be removed. */
  readonly matchFields: ReadonlySet<string>
  /** Those of them whose values the destination holds in a list, whoever has them: the list by field. */
  readonly lists?: ReadonlyMap<string, string> | undefined
  /** Does the destination take all rows whenever one changed? */
  readonly whole: boolean
  /** True where keys that differ in case only are one there. */
  readonly foldsKeys?: boolean | undefined
  /** The fields under which rows were acknowledged: those that still match under them are rebased, not sent. */
  readonly before?: Sync['fields'] | undefined
}
