import { type Context, statement as named } from '../compile/context.ts'
import { makeStateTable } from '../compile/identity/state.ts'
import {
  ACK_COLUMNS,
  columnList,
  EVENT_COLUMNS,
  type LedgerTables,
  META_COLUMNS,
  SNAPSHOT_COLUMNS,
  STATE_VERSION,
  SYNC_COLUMNS,
  tableSuffix,
} from '../compile/ledger-tables.ts'
import type { Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, type Statement, sql, type Table, text } from '../sql/sql.ts'
import { findMadeStatement, findStatement } from './find-ledger.ts'

type Renamed = Pick<Sync, 'name' | 'was'>

/** What makes the ledger of a sync: the tables of all syncs, where to find its own, these, and what a rename moves. */
export function creation(context: Context, sync: Renamed, tables: LedgerTables) {
  return {
    create: sharedCreation(context, sync, tables),
    version: named(
      'state version',
      'state of a newer version is not understood',
      sql`select max(state_version) as state_version from ${from(tables.meta)}`,
    ),
    find: findStatement(context.dialect, tables),
    findWhole: findMadeStatement(context.dialect, tables),
    createOwn: ownCreation(context, tables),
    rename: renaming(sync, tables),
  }
}

function sharedCreation({ dialect, project }: Context, sync: Renamed, tables: LedgerTables): readonly Statement[] {
  return [
    named('create ledger schema', 'what destinations acknowledged', dialect.createSchema(tables.schema)),
    creating(dialect, 'meta', 'the version of the state', { table: tables.meta, columns: META_COLUMNS }),
    creating(dialect, 'sync', 'one row a sync: its lease', { table: tables.sync, columns: SYNC_COLUMNS }),
    creating(dialect, 'run_event', 'what each run did', {
      table: tables.event,
      columns: EVENT_COLUMNS,
      by: ['sync_id'],
    }),
    named(
      'begin state',
      'written once',
      sql`
        ${dialect.holdWriters(tables.meta)}
        insert into ${from(tables.meta)} (state_version, target, created_at)
        select ${STATE_VERSION}, ${text(project.target.name)}, ${dialect.clock()}
        from (select 1 as one) as once
        where not exists (select 1 from ${from(tables.meta)})`,
    ),
    beginSync(dialect, sync, tables),
  ]
}

function beginSync(dialect: Dialect, sync: Renamed, tables: LedgerTables): Statement {
  const suffix = tableSuffix(sync.name)
  // Rows of syncs are never dropped, so that no two syncs ever get the same number.
  const numbered = dialect.concat([text(`${suffix}_`), dialect.cast(sql`count(*) + 1`, 'text')])
  const isTaken = sql`table_suffix = ${text(suffix)} and sync_id <> ${text(sync.name)}`
  const unlessRenamed =
    sync.was === undefined
      ? sql``
      : sql`

          where not exists (
            select 1
            from ${from(tables.sync)}
            where sync_id = ${text(sync.was)}
          )`
  return named(
    'begin sync',
    'a fence is never used twice, even where this row was lost; nor are tables of a sync that had the name before',
    sql`
      ${dialect.holdWriters(tables.sync)}
      merge into ${from(tables.sync)} as held
      using (
        select begun.sync_id, begun.fence, called.suffix
        from (
          select ${text(sync.name)} as sync_id, coalesce(max(fence), 0) as fence
          from ${from(tables.event)}
          where sync_id = ${text(sync.name)}
        ) as begun
        cross join (
          select
            case when ${dialect.anyRow(isTaken)} then ${numbered} else ${text(suffix)} end as suffix
          from ${from(tables.sync)}
        ) as called${unlessRenamed}
      ) as news
      on news.sync_id = held.sync_id
      when not matched then insert (sync_id, table_suffix, fence, settled_fence, updated_at)
      values (news.sync_id, news.suffix, news.fence, news.fence, ${dialect.clock()})`,
  )
}

/** The tables of this sync alone. */
function ownCreation({ dialect }: Context, tables: LedgerTables): readonly Statement[] {
  const reason = 'what was about to be sent, and what became of it'
  return [
    createSnapshot(dialect, tables),
    creating(dialect, 'ack', reason, { table: tables.ack, columns: ACK_COLUMNS, by: ['fence', 'kind'] }),
  ]
}

function creating(
  dialect: Dialect,
  name: string,
  reason: string,
  {
    table,
    columns,
    by,
  }: {
    readonly table: Table
    readonly columns: Parameters<typeof columnList>[0]
    /** By which columns rows are looked up, where they are many. */
    readonly by?: readonly string[]
  },
): Statement {
  return named(`create ${name}`, reason, makeStateTable(dialect, { table, columns: columnList(columns), by }))
}

/** What runs did under the former name is theirs of the new one. Changes nothing before a claim, or a second time. */
function renaming(sync: Renamed, tables: LedgerTables): readonly Statement[] {
  if (sync.was === undefined) return []
  const isKnown = (name: string) => sql`
    exists (
          select 1
          from ${from(tables.sync)}
          where sync_id = ${text(name)}
        )`
  return [
    named(
      'rename events',
      'what runs did under the former name follows the new one',
      sql`
        update ${from(tables.event)}
        set sync_id = ${text(sync.name)}
        where sync_id = ${text(sync.was)}
          and ${isKnown(sync.name)}
          and not ${isKnown(sync.was)}`,
    ),
  ]
}

/** Makes the table of what a destination holds, where it is missing. */
export function createSnapshot(dialect: Dialect, { snapshot }: Pick<LedgerTables, 'snapshot'>): Statement {
  const wanted = { table: snapshot, columns: SNAPSHOT_COLUMNS, by: ['key_hash'] }
  return creating(dialect, 'snapshot', 'what the destination holds', wanted)
}
