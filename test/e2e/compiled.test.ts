import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DuckDBConnection } from '@duckdb/node-api'
import { describe, expect, onTestFinished, test } from 'vitest'
import { explain, identityBridges, identityDiff, identityShared } from '../../src/answers.ts'
import { openEnvironment } from '../../src/commands/world.ts'
import { LEDGER_VIEWS } from '../../src/compile/ledger-views.ts'
import { printStatement } from '../../src/compile/print.ts'
import type { Environment } from '../../src/environment.ts'
import type { Bound, Sql, Statement } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { printed } from '../../src/warehouses/duckdb-statement.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { cdp, copyProject, repository } from '../support/cli.ts'
import { compiledFiles } from '../support/sample.ts'
import { changeMuch, runForReal, runInSandbox, SANDBOX, smallShop } from '../support/small-shop.ts'
import { openReceiver, SECRET } from '../support/vendor-server.ts'

const PROJECTS = {
  'the sample project': repository,
  'the online retail example': join(repository, 'examples/online-retail'),
  'the small shop': join(repository, 'test/fixtures/small-shop'),
}

describe.each(Object.entries(PROJECTS))('the compiled files of %s', (_, project) => {
  test('are narrow, and every step and every statement says why it is there', async () => {
    const files = await compile(await copied(project))
    const steps = [...files].flatMap(([path, text]) => stepsOf(path, text))
    expect(steps.length).toBeGreaterThan(30)
    expect(steps.filter(({ reason }) => !/^-- \S/.test(reason))).toEqual([])
    const wide = [...files].flatMap(([path, text]) => text.split('\n').flatMap((line) => tooWide(path, line)))
    expect(wide).toEqual([])
    const statements = [...files.values()].flatMap((text) =>
      text.split(/;\n\n|;\n$/).filter((one) => one.trim() !== ''),
    )
    expect(statements.filter((one) => !/^-- .+: \S/m.test(one))).toEqual([])
    expect(statements.length).toBeGreaterThan(60)
  })
})

test('Node 24 compiles the same bytes', async (context) => {
  const node24 = await findNode24()
  if (node24 === undefined) {
    console.warn(
      'Skipped: no Node 24 is here; name its binary in NODE_24, or run `npx -p node@24 node --version` once.',
    )
    return context.skip()
  }
  const [here, there] = [await copied(repository), await copied(repository)]
  const mine = await compile(here)
  const { stdout } = await promisify(execFile)(node24, ['--version'])
  expect(stdout).toMatch(/^v24\./)
  const script = join(repository, 'bin/cdp.js')
  const env = { PATH: process.env.PATH ?? '', TZ: 'Asia/Kathmandu' }
  await promisify(execFile)(node24, [script, 'compile', '--quiet'], { cwd: there, env })
  expect(await compiledFiles(join(there, '.cdp/compiled/local'))).toEqual(mine)
})

describe('whatever a run sends to the warehouse stands in the compiled files', () => {
  test('against real destinations', async () => {
    const directory = await smallShop()
    await writeFile(join(directory, 'destinations/rows.yaml'), OF_ROWS)
    const files = await compile(directory)
    const receiver = await openReceiver()
    const env = { HOOK_URL: receiver.url, HOOK_SECRET: SECRET }
    const select = ['sync:quiet_to_hook', 'sync:vips_to_file', 'sync:orders_to_file', 'sync:old_orders_to_file']
    const recorder = record()

    await runForReal(directory, { select, env, more: recorder.environment })
    await changeMuch(directory)
    await runForReal(directory, { select, env, more: recorder.environment })
    await runForReal(directory, { select, env, more: recorder.environment })

    expect(receiver.rows.size).toBeGreaterThan(50)
    const sent = recorder.stop()
    expect(sent.bound.size).toBeGreaterThan(100)
    expect(missing(sent.bound, files)).toEqual([])
    expect(sent.others.filter((text) => !PRIMITIVES.some(({ form }) => form.test(text)))).toEqual([])
  })

  test('against emulated ones, whose ledger lies in a schema of its own', async () => {
    const directory = await smallShop()
    const files = await compile(directory)
    const recorder = record()

    await runInSandbox(directory, recorder.environment)
    await changeMuch(directory)
    await runInSandbox(directory, recorder.environment)

    const sent = recorder.stop()
    const mapped = new Map(
      [...sent.bound.values()].map((one) => [one, isLedgerView(one) ? one : { ...one, sql: outOfSandbox(one.sql) }]),
    )
    expect(mapped.size).toBeGreaterThan(130)
    expect(missing(mapped, files)).toEqual([])
    // Nothing of what is compiled for a sync or a model is there for show.
    const texts = new Set([...mapped.values()].map(textOf))
    const unused = [...files].filter(([, text]) => ![...texts].some((one) => text.includes(one))).map(([path]) => path)
    expect(unused).toEqual(['explain.sql'])
  })

  test('by those who ask why people are one', async () => {
    const directory = await smallShop()
    const files = await compile(directory)
    await runInSandbox(directory)
    const recorder = record()
    const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
    const world = { ...environment, ...recorder.environment }
    const [request, values] = [
      { ...SANDBOX, directory },
      { entity: undefined, showValues: false },
    ]

    for (const given of [['P001'], ['P001', 'P002'], ['01 99 00 00 00']])
      await explain(request, world, { arguments: given, ...values }).catch(() => undefined)
    await identityShared(request, world, { type: undefined, limit: 5, ...values })
    await identityBridges(request, world, { argument: 'P001', limit: 5, ...values })
    await identityDiff(request, world, values)
    await close()

    const sent = recorder.stop()
    expect(missing(sent.bound, files)).toEqual([])
    expect(sent.bound.size).toBeGreaterThan(100)
    expect(sent.others.filter((text) => !PRIMITIVES.some(({ form }) => form.test(text)))).toEqual([])
  })
})

/** Events from the first run on, and from the beginning. */
const OF_ROWS = `syncs:
  orders_to_file: { to: exports, into: { file: orders.ndjson }, source: orders, fields: { amount: amount } }
  old_orders_to_file: { to: exports, into: { file: old.ndjson }, source: orders, start_at: beginning }
`

/** What a session sends of itself, besides statements: nothing that a model or a sync could say. */
const PRIMITIVES: readonly { readonly form: RegExp; readonly why: string }[] = [
  { form: /^attach '[^']+' as "?cdp_warehouse"? \(type duckdb(, read_only)?\)$/, why: 'opens the file' },
  { form: /^use "?cdp_warehouse"?$/, why: 'names without a schema are meant there' },
  { form: /^set (global \w+|variable project) = '[^']*'$/, why: 'settings of the connection' },
  { form: /^(begin transaction( read only)?|commit|rollback)$/, why: 'the transaction around a script' },
  { form: /^describe "\w+"\."\w+"$/, why: 'the columns of a table' },
  {
    form: /^\s*select column_name, data_type from duckdb_columns\(\)/,
    why: 'the columns of a table that may not be there',
  },
  { form: /^(describe )?select \*\nfrom read_csv\(/, why: 'the columns of a source, which is not read for that' },
  {
    form: /^select count\(\*\)(, min\("\w+"\), max\("\w+"\), count\("\w+"\))? from "_cdp"\."\w+"$/,
    why: 'a finished table is read: how many rows must come',
  },
  {
    form: /^select ((?!\bfrom\b)[\s\S])+\nfrom "_cdp"\."\w+"( where "\w+" between -?\d+ and \d+)?( order by "\w+")?$/,
    why: 'a finished table is read',
  },
]

interface Sent {
  /** Statements by their final text. */
  readonly bound: ReadonlyMap<string, Statement>
  /** Texts that DuckDB got and that are none of the statements. */
  readonly others: readonly string[]
}

/** Listens to every session that is opened, and to what the driver gets of them. */
function record(): { readonly environment: Pick<Environment, 'warehouses'>; readonly stop: () => Sent } {
  const bound = new Map<string, Statement>()
  const texts = new Set<string>()
  const listen = (one: Bound) => {
    bound.set(printed(one).text, one.statement)
    return one
  }
  const stopDriver = listenToDriver((text) => texts.add(text))
  onTestFinished(stopDriver)
  const wrapped: typeof duckdb = {
    ...duckdb,
    connect: async (options, access) => {
      const session = await duckdb.connect(options, access)
      return new Proxy(session, {
        get: (target, name: keyof Session) => {
          if (name === 'script') return (all: readonly Bound[]) => target.script(all.map(listen))
          if (name === 'first') return (one: Bound) => target.first(listen(one))
          if (name === 'ask') return (all: readonly Bound[], one: Bound) => target.ask(all.map(listen), listen(one))
          const member = target[name]
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    },
  }
  const warehouses = new Map([['duckdb', wrapped]]) as unknown as Environment['warehouses']
  return {
    environment: { warehouses },
    stop: () => {
      stopDriver()
      return { bound, others: [...texts].filter((text) => !bound.has(text)) }
    },
  }
}

/** Every text that goes to the driver from now on, however it got there. Returns what ends the listening. */
function listenToDriver(tell: (text: string) => void): () => void {
  const { prepare, run } = DuckDBConnection.prototype
  DuckDBConnection.prototype.prepare = function (text) {
    tell(text)
    return prepare.call(this, text)
  }
  DuckDBConnection.prototype.run = function (text, ...values) {
    tell(text)
    return run.call(this, text, ...values)
  }
  return () => Object.assign(DuckDBConnection.prototype, { prepare, run })
}

/** Names of statements that no compiled file holds, word for word, with build, fence and round as `compile` shows them. */
function missing(sent: ReadonlyMap<unknown, Statement>, files: ReadonlyMap<string, string>): readonly string[] {
  const all = [...files.values()]
  return [...sent.values()].filter((one) => !all.some((text) => text.includes(textOf(one)))).map(({ name }) => name)
}

/** As it stands in a file: from the start of a line to its semicolon. */
function textOf(statement: Statement): string {
  return `\n${printStatement(statement, duckdb.dialect)};\n`
}

/** Those of the sandbox are compiled as they are sent: they are shown in a schema of their own. */
function isLedgerView({ name }: Statement): boolean {
  return LEDGER_VIEWS.some((view) => name === `view ${view}`)
}

function outOfSandbox(fragment: Sql): Sql {
  const parts = fragment.parts.map((part) =>
    part.kind === 'name' && part.name.length === 1 && part.name[0] === '_cdp_sandbox'
      ? { ...part, name: ['_cdp'] }
      : part,
  )
  return { parts }
}

function tooWide(path: string, line: string): readonly string[] {
  return line.length > 120 ? [`${path}: ${line.length} characters: ${line.trim().slice(0, 60)}`] : []
}

/** Every named step of a file, with the line above it. */
function stepsOf(path: string, text: string): readonly { path: string; line: string; reason: string }[] {
  const lines = text.split('\n')
  return lines.flatMap((line, at) =>
    /^\s*("[^"]+"|\w+) as (not materialized |materialized )?\($/.test(line)
      ? [{ path, line, reason: lines[at - 1]?.trim() ?? '' }]
      : [],
  )
}

async function compile(directory: string): Promise<ReadonlyMap<string, string>> {
  const outcome = await cdp(['compile', '--quiet'], { cwd: directory, env: { ONLINE_RETAIL: 'lines.parquet' } })
  expect(outcome.code, outcome.stderr).toBe(0)
  return compiledFiles(join(directory, '.cdp/compiled/local'))
}

async function copied(project: string): Promise<string> {
  const copy = await copyProject(project)
  onTestFinished(copy.remove)
  return copy.directory
}

/** The binary of a Node 24: the one that is named, or the one that npx has had before. Nothing is downloaded. */
async function findNode24(): Promise<string | undefined> {
  if (process.env.NODE_24) return process.env.NODE_24
  const asked = ['--offline', '--yes', '--package', 'node@24', 'node', '--print', 'process.execPath']
  return promisify(execFile)('npx', asked, { cwd: '/' }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}
