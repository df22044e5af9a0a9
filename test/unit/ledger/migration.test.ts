import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { MIGRATIONS, type Migration } from '../../../src/compile/ledger-migrations.ts'
import { ledgerTables, STATE_VERSION } from '../../../src/compile/ledger-tables.ts'
import { connectors } from '../../../src/connectors/index.ts'
import type { Table } from '../../../src/sql/sql.ts'
import { createSnapshot } from '../../../src/sync/creation-statements.ts'
import { migrateState } from '../../../src/sync/migrate.ts'
import { openLedger } from '../../../src/sync/sql-ledger.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { repository } from '../../support/cli.ts'
import { ENGINES } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { written } from '../../support/written.ts'

const SCHEMAS = ['_cdp', '_cdp_sandbox']

const SYNCS = ['readers', 'gone', 'others']

const FILES = {
  'models/all.yaml': `
sources: { people: { table: raw.people, category: profile, key: id, identifiers: { email: mail } } }
entities: { customer: { identifiers: { email: {} } } }
traits: { customer: { email: { pick: mail, from: people }, city: { pick: city, from: people } } }
destinations: { crm: { type: file, path: out } }
syncs:
  readers: { to: crm, into: { file: r.csv }, audience: customer, mode: mirror, key: { mail: email }, fields: { city: city } }
  others: { to: crm, into: { file: o.csv }, audience: customer, mode: mirror, key: { mail: email }, fields: { city: city } }
`,
}

/** A version that is not: it adds columns to the tables of each sync, too. */
const NEXT: Migration = {
  version: STATE_VERSION + 1,
  shared: { event: { region: 'text' } },
  perSync: { snapshot: { region: 'text', since: 'timestamp' }, ack: { region: 'text' } },
}

test('the versions of migrations rise one by one up to the present one', () => {
  expect(MIGRATIONS.map(({ version }) => version)).toEqual(Array.from({ length: STATE_VERSION - 1 }, (_, at) => at + 2))
})

describe.each(ENGINES)('on $title', (engine) => {
  let made: Inline
  let session: Session

  beforeEach(async () => {
    made = await inline(FILES, engine)
    session = made.session
    onTestFinished(() => made.close())
  })

  /** The state as release 1 left it. */
  async function release1(schema: string): Promise<void> {
    const text = await readFile(join(repository, 'test/fixtures/state-v1.sql'), 'utf8')
    const statements = text
      .replace(/^--.*$/gm, '')
      .replaceAll(/\bstate(?=[.;])/g, schema)
      .split(';')
    await session.script(statements.flatMap((one) => (one.trim() === '' ? [] : [written(one)])))
  }

  function ledgerOf(schema: string, name: string, over = session) {
    const sync = made.project.syncs.get(name)
    const connector = connectors().get('file')
    if (sync === undefined || connector === undefined) throw new Error('no sync')
    const context = { project: made.project, dialect: session.dialect }
    return openLedger({ context, sync, connector, schema, session: over, build: 0, settlesWithin: 0 })
  }

  /** The columns of a table with their types, sorted. */
  async function shapeOf(table: Table): Promise<readonly string[] | undefined> {
    const columns = await session.columns(table)
    return columns && [...columns].map(([name, type]) => `${name} ${type}`).sort()
  }

  async function shapes(schema: string, syncs: readonly string[]) {
    const all = syncs.flatMap((sync) => {
      const { meta, sync: lease, event, snapshot, ack } = ledgerTables(schema, sync)
      return [meta, lease, event, snapshot, ack]
    })
    return Promise.all(all.map(shapeOf))
  }

  async function versionIn(schema: string): Promise<unknown> {
    return (await session.first(written(`select state_version as v from ${schema}.meta`)))?.v
  }

  test.each(SCHEMAS)(
    'tables of release 1 in %s become those that are made new, and keep what they hold',
    async (schema) => {
      await release1(schema)
      const ledger = ledgerOf(schema, 'readers')
      await ledger.prepare()
      await ledger.prepare()
      await ledgerOf('fresh', 'readers').prepare()
      expect(await shapes(schema, ['readers'])).toEqual(await shapes('fresh', ['readers']))
      expect(await versionIn(schema)).toBe(String(STATE_VERSION))
      const { snapshot } = ledgerTables(schema, 'readers')
      expect(await session.first(written(`select fp, rev from ${schema}.${snapshot.name[0]}`))).toEqual({
        fp: 'f',
        rev: '3',
      })
      expect(await ledger.claim({ runId: 'r', holder: 'h', dead: undefined })).toMatchObject({ lease: { fence: 42 } })
    },
  )

  async function migrate(schema: string, over = session): Promise<void> {
    const context = { project: made.project, dialect: session.dialect }
    const version = Number(await versionIn(schema))
    await migrateState({ context, session: over, schema, migrations: [...MIGRATIONS, NEXT] }, version)
  }

  /** As release 1 left it, and a sync that was shown to readers and never ran. */
  async function shown(schema: string): Promise<void> {
    await release1(schema)
    await session.script([{ statement: createSnapshot(session.dialect, ledgerTables(schema, 'others')) }])
  }

  test('a migration reaches the tables of every sync: of the project, long gone, or never run', async () => {
    await shown('_cdp')
    await migrate('_cdp')
    expect(await versionIn('_cdp')).toBe(String(NEXT.version))
    for (const sync of SYNCS) {
      const { snapshot, ack } = ledgerTables('_cdp', sync)
      expect(await shapeOf(snapshot)).toContain('since timestamp')
      if (sync !== 'others') expect(await shapeOf(ack)).toContain('region text')
    }
  })

  test('a migration that is cut off after any statement is finished by the next command', async () => {
    await shown('whole')
    await migrate('whole')
    const wanted = await shapes('whole', SYNCS)
    let cuts = 0
    for (let after = 0; ; after++) {
      const schema = `cut${after}`
      await shown(schema)
      const ended = await migrate(schema, cutAfter(session, after)).then(
        () => 'whole',
        () => 'cut',
      )
      if (ended === 'whole') break
      cuts += 1
      expect(await versionIn(schema)).not.toBe(String(NEXT.version))
      await migrate(schema)
      expect(await shapes(schema, SYNCS)).toEqual(wanted)
      expect(await versionIn(schema)).toBe(String(NEXT.version))
    }
    expect(cuts).toBeGreaterThan(10)
  })
})

/** A session in which each statement stands alone, as where schemas change outside of transactions, and that breaks off. */
function cutAfter(session: Session, statements: number): Session {
  let left = statements
  return {
    ...session,
    dialect: session.dialect,
    columns: (...args) => session.columns(...args),
    first: (query) => session.first(query),
    script: async (all) => {
      const done: { rows: number }[] = []
      for (const one of all) {
        if (left-- <= 0) throw new Error('cut off')
        done.push(...(await session.script([one])))
      }
      return done
    },
  }
}
