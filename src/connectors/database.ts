export type DatabaseClient = 'postgres' | 'mysql' | 'sqlserver'

/** Which SQL is understood. The sandbox's DuckDB takes the statements of Postgres; only its types and catalog differ. */
export type DatabaseDialect = DatabaseClient | 'duckdb'

/** How a database is reached: what a destination declares, with its secrets. */
export interface DatabaseServer {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string | undefined
  /** `on`: encrypted, with a certificate that is valid for the host; `unverified`: encrypted, whoever answers. */
  readonly ssl: 'on' | 'unverified' | 'off'
  /** Certificates in PEM that are trusted besides the well-known ones. */
  readonly ca: string | undefined
  /** Most connections at once. */
  readonly connections: number
}

/** Numbers beyond 2^53 come as bigint or text. */
export type DatabaseValue = string | number | bigint | boolean | null

/** A statement with `?` where each of its values belongs. */
export interface DatabaseStatement {
  readonly sql: string
  readonly values: readonly DatabaseValue[]
}

/** Cells are text as the server or its driver writes it. */
export interface DatabaseResult {
  readonly rows: readonly Readonly<Record<string, string | null>>[]
  /** Rows that were written or found by a statement that returns none. */
  readonly count: number
}

export type RunStatement = (statement: DatabaseStatement) => Promise<DatabaseResult>

/** A database that is connected to when the first transaction begins. Safe for concurrent calls. */
export interface Database {
  readonly dialect: DatabaseDialect
  /**
   * Does work in one transaction on one connection, which is committed when the work's promise is fulfilled and rolled
   * back when it is rejected. `read` changes nothing; servers that know such transactions enforce it. Throws
   * DatabaseError, or what the work throws of its own.
   */
  transaction<T>(mode: 'read' | 'write', work: (run: RunStatement) => Promise<T>): Promise<T>
}

/** What a statement failed of. It carries no value of any row. */
export class DatabaseError extends Error {
  /** SQLSTATE of Postgres, the number of MySQL or SQL Server, or of a failure below them the driver's own word. */
  readonly code: string
  /** Where the transaction stood. After a failed commit only an answer tells that nothing was written. */
  readonly during: 'connect' | 'statement' | 'commit'
  /** The server itself said so; else the connection was lost or never made. */
  readonly answered: boolean
  /** The names of constraint, column or table of which the server spoke, or what was said of a login. */
  readonly about: string
  constructor(code: string, during: DatabaseError['during'], answered: boolean, about = '') {
    // The driver's own error is no cause of it: that one shows values.
    super(`database error ${code}`)
    this.name = 'DatabaseError'
    this.code = code
    this.during = during
    this.answered = answered
    this.about = about
  }
}

/** Opens the database that an account declares; `end` closes its connections. */
export type OpenDatabase = (
  client: DatabaseClient,
  server: () => DatabaseServer,
  options: { readonly signal?: AbortSignal | undefined },
) => Database & { end(): Promise<void> }
