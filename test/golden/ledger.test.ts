import { expect, onTestFinished, test } from 'vitest'
import { planQuery } from '../../src/compile/changes.ts'
import type { Context } from '../../src/compile/context.ts'
import { statement } from '../../src/compile/context.ts'
import {
  adoptionQuery,
  adoptQuery,
  comparableQuery,
  compareTables,
  correctQuery,
  type ExpectedOf,
  expectedQuery,
  foundPairs,
  sampledPairs,
  syncedPairs,
} from '../../src/compile/ledger-expected.ts'
import { knownSyncs, rowsLog, runsLog, toldLog } from '../../src/compile/ledger-log.ts'
import { refusedQuery, retryQuery } from '../../src/compile/ledger-mend.ts'
import { moveQuery, movesQuery, rekeyQuery } from '../../src/compile/ledger-rekey.ts'
import { doubtQuery, resetQuery } from '../../src/compile/ledger-state.ts'
import { ledgerTables } from '../../src/compile/ledger-tables.ts'
import { ledgerViews } from '../../src/compile/ledger-views.ts'
import { printStatement } from '../../src/compile/print.ts'
import type { Sql, Statement } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'

/** Everything that reads the ledger and mends it by hand. */
function statementsOf(context: Context): readonly Statement[] {
  const { dialect } = context
  const tables = ledgerTables('_cdp', 'readers')
  const mend = (name: string, query: Sql) => statement(name, 'mends', query)
  return [
    ...[knownSyncs, runsLog, toldLog, rowsLog].map((of) => of(context, tables).statement),
    mend('refused rows', refusedQuery(dialect, tables)),
    mend('retry', retryQuery(dialect, tables)),
    mend('reset', resetQuery(dialect, tables)),
    mend('doubt', doubtQuery(dialect, tables)),
    ...comparing(context),
    ...ledgerViews(context, { ledger: '_cdp', schema: 'cdp', syncs: ['quiet', 'readers'] }),
    ...ledgerViews(context, { ledger: '_cdp', schema: 'cdp', syncs: [] }),
  ]
}

function comparing(context: Context): readonly Statement[] {
  const sync = context.project.syncs.get('readers')
  if (sync === undefined) throw new Error('no sync')
  const of: ExpectedOf = {
    context,
    sync,
    tables: ledgerTables('_cdp', 'readers'),
    compare: compareTables('_cdp', 'readers'),
    matchFields: new Set(['city']),
    foldsKeys: true,
  }
  const queries = {
    expected: expectedQuery(of),
    'found pairs': foundPairs(of),
    'synced pairs': syncedPairs(of),
    'sampled pairs': sampledPairs(of),
    comparable: comparableQuery(of),
    adoption: adoptionQuery(of),
    adopt: adoptQuery(of, true),
    correct: correctQuery(of),
    moves: movesQuery(of),
    move: moveQuery(of),
    rekey: rekeyQuery(of),
  }
  const listed = { ...of, whole: false, lists: new Map([['city', 'towns']]) }
  return [
    ...Object.entries(queries).map(([name, query]) => statement(name, 'compares', query)),
    statement('plan of values', 'a value leaves with the last row that has it', planQuery(listed)),
  ]
}

test('the SQL that reads the ledger and mends it is what it was, in every dialect', async () => {
  const made = await inline({
    'models/all.yaml': `
sources: { people: { table: raw.people, category: profile, key: id, identifiers: { email: mail } } }
entities: { customer: { identifiers: { email: {} } } }
traits: { customer: { email: { pick: mail, from: people }, city: { pick: city, from: people } } }
destinations: { crm: { type: file, path: out } }
syncs:
  readers: { to: crm, into: { file: r.csv }, audience: customer, mode: mirror, key: { mail: email }, fields: { city: city } }
`,
  })
  onTestFinished(() => made.close())
  for (const { type, dialect } of warehouses().values()) {
    const printed = statementsOf({ project: made.project, dialect }).map((one) => printStatement(one, dialect))
    expectGolden(`ledger.${type}.sql`, `${printed.join('\n\n')}\n`)
    expect(printed.flatMap((one) => one.split('\n')).filter((line) => line.length > 120)).toEqual([])
  }
})
