import { expect, onTestFinished } from 'vitest'
import type { Context } from '../../src/compile/context.ts'
import type { Connector } from '../../src/connectors/connector.ts'
import { print, type Statement, type Tokens } from '../../src/sql/sql.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import { pieces } from '../../src/warehouses/pieces.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import type { Engine } from './engines.ts'
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
 * Fails unless a warehouse can plan every statement of a golden case, with null for every parameter. The tables are those
 * that a real build of the project has made, whose own `create` and `drop` have been executed by it.
 */
export async function expectStands(engine: Engine, { files, tables, statements, prepare }: Standing): Promise<void> {
  const made = await inline(files, engine)
  onTestFinished(() => made.close())
  const { session } = made
  await session.script(['create schema raw', ...tables].map(written))
  await made.run()
  const context = { project: made.project, dialect: session.dialect }
  await prepare?.(context, session)
  const refused: string[] = []
  const all = statements(context)
  for (const { name, sql } of all)
    for (const piece of pieces(sql)) {
      const text = print(piece, { ...session.dialect, parameter: () => 'null' }, TOKENS)
      const query = text.replace(MADE, '')
      if (!/^\s*(with|select|insert|update|delete|merge)\b/.test(query)) continue
      await session.first(written(`explain ${query}`)).catch((error: Error) => {
        refused.push(`${name}: ${error.message}\n${text}`)
      })
    }
  expect(refused).toEqual([])
  expect(all.length).toBeGreaterThan(3)
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
