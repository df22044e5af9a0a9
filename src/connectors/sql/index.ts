import {
  type Channel,
  DestinationError,
  defineConnector,
  type Io,
  type LeaveVerb,
  type Limit,
  type Receipt,
} from '../connector.ts'
import { DatabaseError } from '../database.ts'
import { type Account, account, databaseName, type Into, into, loginOf, serverOf } from './options.ts'
import { readRows } from './read.ts'
import type { Columns } from './statements.ts'
import { checkTable, lookUp, noTable, type Place, placeOf, tableFor } from './table.ts'
import { checkAct, removeRows, writeRows } from './write.ts'

// What is made of it:
// - Postgres and the sandbox's DuckDB: `insert … on conflict (key) do update`. It cannot touch one row twice in a
//   statement (SQLSTATE 21000), and needs a unique constraint on exactly the key (42P10).
//   https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
// - MySQL, MariaDB: `insert … on duplicate key update c = values(c)`, which MariaDB knows, too. It names no key: a row
//   with an equal value in any other unique key would be overwritten, so such a table is refused.
//   https://dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html
// - SQL Server: `merge … with (holdlock)`: without it two at once would both insert.
//   https://learn.microsoft.com/en-us/sql/t-sql/statements/merge-transact-sql
// - A statement is all or nothing: nobody says which row was wrong. The engine halves the batch.
// - A connection that is lost before its commit leaves nothing; one that is lost during the commit leaves it open.

const LEAVES: readonly LeaveVerb[] = [
  verb('set', 'Gives a column a value: `{ set: status = gone }`.', { takes: 'text' }),
  verb('clear', 'Empties columns: `{ clear: "email, phone" }`.', { takes: 'text' }),
  verb('soft_delete', 'Marks the row as gone in the column that `soft_delete` names.', {
    stopsContact: true,
    takesAway: true,
  }),
  verb('delete', 'Deletes the row, with what others keep in it.', {
    stopsContact: true,
    deletes: true,
    takesAway: true,
  }),
]

function verb(name: string, description: string, more: Partial<LeaveVerb>): LeaveVerb {
  return { verb: name, description, takes: 'nothing', stopsContact: false, deletes: false, ...more }
}

/** One batch is one transaction; it is cut into statements where they have too many values. */
const LIMIT: Omit<Limit, 'inFlight'> = { rows: 1_000, bytes: 8 * 1024 * 1024, calls: 1_000, perMs: 1_000 }

/** The rows of a table in a database of the customer's own. */
export const sql = defineConnector<Account, Into>({
  name: 'sql',
  title: 'SQL table (Postgres, MySQL, SQL Server)',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror', 'append'],
  leaves: LEAVES,
  erase: 'remove',
  // A commit that was sent is done or lost as soon as the server notices that nobody is there.
  settlesWithin: 60_000,
  delivers: () => 'changes',
  reads: () => true,
  limits: ({ client, connections }) => {
    const limit = { ...LIMIT, inFlight: client === 'sqlserver' ? 1 : connections }
    return { upsert: limit, remove: limit }
  },
  fields: () => ({ known: [], open: true }),
  place: (account, into) => `sql ${databaseName(account)} ${account.schema ?? ''}.${into.table}`,
  open: openTable,
})

function openTable(account: Account, io: Io): Channel<Into> {
  const opened = once(() => {
    const database = io.database?.(account.client, () => serverOf(account))
    if (database === undefined) throw new DestinationError('config', 'no_database', 'No database can be reached here.')
    return database
  })
  const where = { schema: account.schema, ...loginOf(account) }
  const place = async (into: Into) => placeOf(opened(), where, into, io)
  // Looked up once for all batches of a run; after a failure, again.
  let table: Promise<{ readonly place: Place; readonly columns: Columns }> | undefined
  const ready = (into: Into) => {
    table ??= prepare(place(into)).catch((error: unknown) => {
      table = undefined
      throw error
    })
    return table
  }
  return {
    check: async (into) => check(await place(into), io),
    send: async (batch, into): Promise<readonly Receipt[]> => {
      if (batch.length === 0) return []
      const { place, columns } = await ready(into)
      try {
        return await (batch[0]?.op === 'remove' ? removeRows : writeRows)(place, columns, batch)
      } catch (error) {
        if (!isOfDatabase(error)) throw error
        // The table is no longer what it was: what it lacks now is said better than by the database.
        table = undefined
        await check(place, io)
        throw error
      }
    },
    read: (keys, into) => readAt(place(into), keys, io),
  }
}

/** Did the database itself say that the statement cannot be? */
function isOfDatabase(error: unknown): boolean {
  return error instanceof DestinationError && error.kind === 'config' && error.cause instanceof DatabaseError
}

async function check(place: Place, io: Io): Promise<void> {
  const found = await lookUp(place)
  if (found === undefined && !place.into.create) throw noTable(place)
  if (found === undefined) return
  checkTable(place, found)
  for (const act of io.acts ?? []) checkAct(place, found.columns, act)
}

async function prepare(opening: Promise<Place>): Promise<{ readonly place: Place; readonly columns: Columns }> {
  const place = await opening
  return { place, columns: await tableFor(place) }
}

async function* readAt(opening: Promise<Place>, keys: Parameters<typeof readRows>[1], io: Io) {
  yield* readRows(await opening, keys, io)
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
