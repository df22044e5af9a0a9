import { from, type Sql, sql } from '../../src/sql/sql.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { ALL } from './all.ts'
import { connectTo } from './postgres.ts'
import { openSmallMemory } from './warehouse.ts'

/** A kind of warehouse, and how one is opened. */
export interface Place {
  readonly type: 'duckdb' | 'postgres' | 'bigquery' | 'snowflake'
  readonly title: string
  /** A warehouse of this test alone. */
  start(): Promise<Started>
}

/** A kind of warehouse whose clock tests set, and into whose tables they look. */
export interface Engine extends Place {
  readonly type: 'duckdb' | 'postgres'
  /** Makes what `setClock` needs. */
  createClock(schema: string): readonly Sql[]
  /** From now on `clockOf(schema)()` gives this time. */
  setClock(schema: string, time: Sql): Sql
  /** All rows `t` as one JSON array; null for none. */
  readonly rowsAsJson: Sql
}

export interface Started {
  /** Its options as a project writes them. */
  readonly target: string
  /** A session on it; relative paths start at `directory`, by default where the tests run. */
  open(directory?: string): Promise<Session>
  stop(): Promise<void>
}

export const DUCKDB: Engine = {
  type: 'duckdb',
  title: 'DuckDB',
  async start() {
    return { target: '{ type: duckdb, path: ":memory:" }', open: openSmallMemory, stop: async () => undefined }
  },
  createClock: () => [],
  setClock: (schema, time) => sql`create or replace macro ${clockOf(schema)}() as ${time}`,
  rowsAsJson: sql`to_json(list(t))`,
}

export const POSTGRES: Engine = {
  type: 'postgres',
  title: 'Postgres',
  async start() {
    // Processes that contend know this engine, and not the runner of the tests.
    const { sharedPostgres } = await import('./shared-postgres.ts')
    const server = await sharedPostgres()
    const database = await server.database()
    const { host, user } = database
    const target = `{ type: postgres, host: ${host}, database: ${database.database}, user: ${user} }`
    return { target, open: () => connectTo(database), stop: async () => undefined }
  },
  createClock: (schema) => [
    sql`create table ${timeOf(schema)} as select timestamptz 'epoch' as at`,
    sql`
      create function ${clockOf(schema)}() returns timestamptz language sql stable
      return (select at from ${timeOf(schema)})`,
  ],
  setClock: (schema, time) => sql`update ${timeOf(schema)} set at = ${time}`,
  rowsAsJson: sql`json_agg(t)`,
}

/** Postgres with the server's own clock. */
export const POSTGRES_NOW: Engine = {
  ...POSTGRES,
  createClock: (schema) => [
    sql`
      create function ${clockOf(schema)}() returns timestamptz language sql stable
      return statement_timestamp()`,
  ],
  setClock: () => sql`select 1`,
}

export const ENGINES: readonly Engine[] = [DUCKDB, POSTGRES]

/** For beds that take long: Postgres with `npm run test:all` only. Shorter ones of the same run on it every time. */
export const ENGINES_OF_LONG_BEDS: readonly Engine[] = ALL ? ENGINES : [DUCKDB]

/** The function that tells the time of a schema. */
export function clockOf(schema: string): Sql {
  return from({ schema, name: ['clock'] })
}

function timeOf(schema: string): Sql {
  return from({ schema, name: ['clock_time'] })
}
