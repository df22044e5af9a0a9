import { statement as named } from '../compile/context.ts'
import { type LedgerTables, ledgerTables } from '../compile/ledger-tables.ts'
import { type CdpError, failure } from '../error.ts'
import type { Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { from, parameter, type Sql, type Statement, sql, type Table } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** Where the ledger of a sync is. */
export interface Whereabouts {
  /** The name under which it is kept: the former one, of a sync that was renamed and has not run since. */
  readonly name: string
  /** The tables keep the name with which they were made, however often the sync was renamed. */
  readonly tables: LedgerTables
  /** Both names have a ledger, so that it cannot be known which is meant; `name` is the new one. */
  readonly isDouble: boolean
}

type Renamed = Pick<Sync, 'name' | 'was'>

/** Finds the ledger of a sync by its name, or else by its former one. Changes nothing. */
export async function findLedger(session: Session, schema: string, sync: Renamed): Promise<Whereabouts> {
  const tables = ledgerTables(schema, sync.name)
  const isBegun = (await session.columns(tables.sync)) !== undefined
  const statement = findStatement(session.dialect, tables)
  const values = { name: sync.name, former: sync.was ?? null }
  const row = isBegun ? await session.first({ statement, values }) : undefined
  const [own, former] = [row?.own ?? undefined, row?.former ?? undefined]
  const isFormer = own === undefined && former !== undefined
  return {
    name: isFormer ? (sync.was ?? sync.name) : sync.name,
    tables: ledgerTables(schema, sync.name, own ?? former),
    isDouble: own !== undefined && former !== undefined,
  }
}

/** The failure where both names have a ledger: what is known under one name would be forgotten under the other: somebody has to say which counts. */
export function ledgerTwice({ name, was = '' }: Renamed): CdpError {
  return failure(
    'project',
    'sync/renamed',
    `Both "${name}" and "${was}", its former name, have a ledger: which of the two says what the destination holds cannot be known.`,
    `To go on with that of "${name}", take \`was: ${was}\` away: what was sent as "${was}" alone then stays where it is. To go on with that of "${was}", call the sync so again.`,
  )
}

/** One row: what the tables of `$name` and of `$former` are called after; null where there is no such ledger. */
export function findStatement(dialect: Dialect, { sync }: Pick<LedgerTables, 'sync'>): Statement {
  return named(
    'find ledger',
    'a sync that was renamed keeps its tables',
    sql`
      select ${suffixOf(dialect, 'name')} as own, ${suffixOf(dialect, 'former')} as former
      from ${from(sync)}`,
  )
}

/** The same and the version of the state; fails where any table of the sync is missing. */
export function findMadeStatement(dialect: Dialect, { meta, sync, event, snapshot, ack }: LedgerTables): Statement {
  const none = (table: Table) => sql`(select count(*) from ${from(table)} where 1 = 0)`
  return named(
    'find whole ledger',
    'where all is there nothing needs to be made; where a table is missing this fails, which is no mistake',
    sql`
      select
        ${suffixOf(dialect, 'name')} as own,
        ${suffixOf(dialect, 'former')} as former,
        (select max(state_version) from ${from(meta)}) as state_version,
        ${none(event)} + ${none(snapshot)} + ${none(ack)} as absent
      from ${from(sync)}`,
  )
}

function suffixOf(dialect: Dialect, name: string): Sql {
  return sql`max(case when sync_id = ${dialect.cast(parameter(name), 'text')} then table_suffix end)`
}
