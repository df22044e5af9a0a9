import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { id, sql, text, verbatim } from '../../src/sql/sql.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { warehouseContract } from '../contract/warehouse.ts'
import { bound, type Skip } from '../contract/warehouse-bench.ts'
import { dialectContract } from '../contract/warehouse-dialect.ts'
import { copyProject } from '../support/cli.ts'
import { hostile } from '../support/hostile.ts'
import { fillTables, sampleOn } from '../support/sample-tables.ts'
import { runInSandbox } from '../support/small-shop.ts'
import { type LiveTarget, liveTarget } from './target.ts'

const target = liveTarget(process.env.LIVE, process.env) as LiveTarget
const { warehouse, options, yaml } = target
const open = (): Promise<Session> => warehouse.connect(options, { directory: process.cwd(), mode: 'write' })

/** The schemas that the contract and the sample make; the state of a run without `--sandbox` is never made. */
const SCHEMAS = ['contract', 'contract_normalise', 'My "Schema".x', 'raw', 'cdp', '_cdp', '_cdp_sandbox']

/** What is peculiar to a warehouse: what its own test of the contract says stands here too. */
interface Peculiar {
  /** All schemas there are, a row each, where the standard does not show those of others. */
  readonly schemas?: string
  /** Characters that no text can hold. */
  readonly unfit?: RegExp
  readonly skips?: readonly Skip[]
}

const PECULIAR: Readonly<Record<string, Peculiar>> = {
  postgres: { schemas: 'select nspname as name from pg_catalog.pg_namespace', unfit: /[\0\u1c90-\u1cbf\u2c2f]/g },
}

const { schemas: listed, unfit, skips = [] } = PECULIAR[warehouse.type] ?? {}
const texts = unfit === undefined ? hostile() : hostile().map((value) => value.replaceAll(unfit, ''))

let mayDrop = false

beforeAll(async () => {
  const session = await open()
  try {
    const all = listed ?? 'select schema_name as name from information_schema.schemata'
    for (const schema of SCHEMAS) {
      const query = sql`select count(*) as ${id('n')} from (${verbatim(all)}) as s where name = ${text(schema)}`
      const found = Object.values((await session.first(bound('schemas', query))) ?? {})[0]
      if (found !== '0') throw new Error(`There is a schema "${schema}". Name a database of which all may be dropped.`)
    }
    mayDrop = true
  } finally {
    await session.close()
  }
})

afterAll(async () => {
  if (!mayDrop) return
  const session = await open()
  for (const schema of SCHEMAS)
    await session
      .script([bound('clean up', session.dialect.dropSchema(schema))])
      .catch((error: unknown) => console.log(`The schema ${schema} is still there: ${error}`))
  await session.close()
  console.log(`Dropped: ${SCHEMAS.join(', ')}`)
})

describe('a session', () => warehouseContract(open, skips, texts))
describe('the dialect', () => dialectContract(open, texts))

test('the sample runs, finds what it finds on DuckDB, and has nothing to say the second time', {
  timeout: 0,
}, async () => {
  const session = await open()
  await fillTables(session).finally(() => session.close())
  const there = await sampleOn(yaml)
  onTestFinished(there.remove)
  const here = await copyProject()
  onTestFinished(here.remove)
  const first = await runInSandbox(there.directory, { runId: () => 'first' })
  const same = await runInSandbox(here.directory, { runId: () => 'first' })
  expect(first.report.errors.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(first.report.segments).toEqual(same.report.segments)
  expect(first.report.models.map(({ name, rows }) => [name, rows])).toEqual(
    expect.arrayContaining(
      same.report.models.filter(({ kind }) => kind !== 'source').map(({ name, rows }) => [name, rows]),
    ),
  )
  expect([...first.holdings]).toEqual([...same.holdings])
  expect((await runInSandbox(there.directory)).writes).toBe(0)
})
