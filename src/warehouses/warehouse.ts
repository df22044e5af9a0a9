import type { z } from 'zod'
import type { Dialect, ValueType } from '../sql/dialect.ts'
import type { Bound, Sql, Table, Tokens } from '../sql/sql.ts'

/** A value that has left the warehouse: canonical text, or null. Payloads are JSON text. */
export type Cell = string | null

/** Rows by column: `columns[c][r]`. */
export interface Page {
  readonly rows: number
  readonly columns: readonly (readonly Cell[])[]
}

/** One small row by column name. */
export type Row = Readonly<Record<string, Cell>>

/** What a command may do with the warehouse, and where relative paths start. */
export interface Access {
  /** The project root; paths in SQL are relative to it. */
  readonly directory: string
  /**
   * `read` opens without any right to change, where the warehouse can do so; `look` the same, also where there is no
   * warehouse yet that could be opened.
   */
  readonly mode: 'read' | 'look' | 'write'
  /** Most threads to use, where the warehouse runs on this machine; before what the options say. */
  readonly threads?: number | undefined
}

/** A kind of warehouse: options as written in YAML, its SQL, and how to reach it. Drivers load in `connect`. */
export interface Warehouse<O> {
  readonly type: string
  readonly options: z.ZodType<O>
  readonly dialect: Dialect
  /** Opens a session. Throws a CdpError: `warehouse/locked` when another process holds it, `warehouse/connection` else. */
  connect(options: O, access: Access): Promise<Session>
  /** Whether a database, as others name it, is the one that the session is in. Default: no other is. */
  isOwnDatabase?(options: O, name: string): boolean
  /** A script of the warehouse's own SQL: what an administrator runs so that a role has the rights that a project needs. */
  grants(wanted: GrantsWanted<O>): string
}

/** For whom rights are written down, and of what. */
export interface GrantsWanted<O> {
  /** The name of the project, for a comment. */
  readonly project: string
  /** As `options` gives them; a text may still hold a reference that has no value, such as `${env:X}`. */
  readonly options: O
  readonly role: string
  /** Every table and view that the project names, each once, sorted. */
  readonly tables: readonly Table[]
  /** SQL models: they read tables by names that nobody but the warehouse understands. */
  readonly models: readonly string[]
  /** Schemas in which everything is the tool's own: published views, state, the state of `--sandbox`. */
  readonly schemas: { readonly models: string; readonly state: string; readonly sandbox: string }
}

/** What a warehouse tells of itself. */
export interface About {
  /** `18.4`; undefined where the service has none that anybody could choose. */
  readonly version: string | undefined
  /** The lowest version that this tool works with: `15`; undefined where it brings its own, or there are none. */
  readonly lowest: string | undefined
  /** As whom, and on what: `cdp on analytics`. */
  readonly place: string
  /** Names of what is loaded into it beyond its core; undefined where nothing depends on any. */
  readonly extensions?: readonly string[]
}

/** A connection to one warehouse, safe for concurrent calls. Failed statements throw CdpError `warehouse/statement`. */
export interface Session {
  readonly dialect: Dialect
  /** The columns of a table or view in order, or undefined where there is none. */
  columns(table: Table, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType> | undefined>
  /**
   * The columns that a query would return, in order, without running it. Throws CdpError `warehouse/statement` with
   * the warehouse's own words when the query cannot stand.
   */
  describe(query: Sql, tokens?: Tokens): Promise<ReadonlyMap<string, ValueType>>
  /**
   * Runs statements on one connection, in one transaction where the warehouse has them; all or nothing there.
   * Returns how many rows each statement wrote (for `create table … as`: the rows of the table).
   */
  script(statements: readonly Bound[]): Promise<readonly { rows: number }[]>
  /** The first row of a small query, or undefined when it has none. */
  first(query: Bound): Promise<Row | undefined>
  /**
   * Runs statements as `script` does, then a small query behind them, and returns its first row: one round trip where
   * the warehouse takes several statements at once.
   */
  ask(statements: readonly Bound[], query: Bound): Promise<Row | undefined>
  /**
   * Streams a finished table on a connection of its own, `page` rows at a time; the total is checked against the
   * table's count, so a result that was cut short throws instead of ending early. Ordered only when `orderBy` is given.
   */
  read(table: Table, columns: readonly string[], page: number, orderBy?: string, tokens?: Tokens): AsyncIterable<Page>
  /** Appends rows to an existing table, columns in the table's order. All of the page or nothing. */
  append(table: Table, rows: Page, tokens?: Tokens): Promise<void>
  /** How many bytes all statements so far have read; where the warehouse bills for them. */
  bytesRead?(): number
  /** For `cdp doctor`. */
  about?(): Promise<About>
  /**
   * Makes a schema (where there is none), a table, a row and a view in it, and takes it all back. Where that cannot be one
   * transaction, table and view are there for a moment, and a schema that is missing is not made: absent. Throws what a
   * statement throws.
   */
  tryCreate?(schema: string): Promise<'tried' | 'absent'>
  close(): Promise<void>
}

/** The known kinds of warehouse by type. */
export type Warehouses = ReadonlyMap<string, Warehouse<unknown>>
