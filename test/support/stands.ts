import { expect, onTestFinished } from 'vitest'
import type { Context } from '../../src/compile/context.ts'
import type { Connector } from '../../src/connectors/connector.ts'
import { print, type Statement, type Tokens, type Values } from '../../src/sql/sql.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import { BigquerySession } from '../../src/warehouses/bigquery-session.ts'
import { pieces } from '../../src/warehouses/pieces.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import type { Place } from './engines.ts'
import { inline } from './inline.ts'
import { written } from './written.ts'

/** A golden case and what it needs. */
export interface Standing {
  readonly files: Readonly<Record<string, string>>
  /** Tables of the sources, as statements that every engine takes. */
  readonly tables: readonly string[]
  statements(context: Context): readonly Statement[]
  /** Makes what else the statements read, after a build was published. */
  prepare?(context: Context, session: Session): Promise<void>
}

/** The numbers of the one build of a case, and of the one plan of each sync. */
const TOKENS: Tokens = { b: 1, p: 1, f: 1, r: 1 }

/** What stands before the query of a table or view. */
const MADE = /^create (or replace )?(table|view) \S+ as\n/

/**
 * Fails unless a warehouse can plan every statement of a golden case, with null or a blank for every parameter. The tables are those
 * that a real build of the project has made, whose own `create` and `drop` have been executed by it.
 */
export async function expectStands(engine: Place, { files, tables, statements, prepare }: Standing): Promise<void> {
  const made = await inline(files, engine)
  onTestFinished(() => made.close())
  const { session } = made
  const typed = (table: string) => (engine.type === 'bigquery' ? inGoogleSql(table) : table)
  await session.script(['create schema raw', ...tables.map(typed)].map(written))
  await made.run()
  const context = { project: made.project, dialect: session.dialect }
  await prepare?.(context, session)
  const refused: string[] = []
  const all = statements(context)
  for (const { name, sql } of all)
    for (const piece of pieces(sql))
      await planOf(session, { name, reason: '', sql: piece })?.catch((error: Error) => {
        refused.push(`${name}: ${error.message}\n${print(piece, session.dialect, TOKENS)}`)
      })
  expect(refused).toEqual([])
  expect(all.length).toBeGreaterThan(3)
}

/** Has the warehouse plan a statement; undefined for what is no query there. */
function planOf(session: Session, statement: Statement): Promise<unknown> | undefined {
  // A dry run where no statement explains another.
  if (session instanceof BigquerySession) return session.cost({ statement, values: blanks(statement), tokens: TOKENS })
  const text = print(statement.sql, { ...session.dialect, parameter: () => 'null' }, TOKENS).replace(MADE, '')
  if (!/^\s*(with|select|insert|update|delete|merge)\b/.test(text)) return undefined
  return session.first(written(`explain ${text}`))
}

/** What all of them could be: numbers and times are cast from texts. */
function blanks({ sql: { parts } }: Statement): Values {
  return Object.fromEntries(parts.flatMap((part) => (part.kind === 'parameter' ? [[part.name, '']] : [])))
}

/** A table's statement in the types of GoogleSQL, which shares none of their names. */
function inGoogleSql(table: string): string {
  return table
    .replaceAll(/\btext\b/g, 'string')
    .replaceAll(/\btimestamptz\b/g, 'timestamp')
    .replaceAll(/\binteger\b/g, 'int64')
    .replaceAll(/\bdecimal\b/g, 'numeric')
    .replaceAll(/\braw\.(\w+)/g, '`raw`.`$1`')
}

/** Makes the ledgers and the plans of all syncs of the case, whose connector is this. */
export function prepareLedgers(connector: Connector<unknown, unknown>): NonNullable<Standing['prepare']> {
  return async (context, session) => {
    for (const sync of context.project.syncs.values()) {
      const ledger = openLedger({ context, sync, connector, schema: '_cdp', session, build: 1, settlesWithin: 0 })
      await ledger.prepare()
      const claimed = await ledger.claim({ runId: 'run', holder: 'me', dead: undefined })
      if (claimed.kind === 'held') await ledger.plan(claimed.lease, undefined)
    }
  }
}
