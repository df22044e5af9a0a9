import { publishedBuild } from './catalog/published.ts'
import { statement } from './compile/context.ts'
import {
  adoptionQuery,
  adoptQuery,
  comparableQuery,
  compareTables,
  correctQuery,
  type ExpectedOf,
  expectedQuery,
  FOUND_COLUMNS,
  foundPairs,
  JUDGED_COLUMNS,
  PAIR_COLUMNS,
  sampledPairs,
  syncedPairs,
} from './compile/ledger-expected.ts'
import type { HeldRow, Key } from './connectors/connector.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure } from './error.ts'
import { readExport, reader } from './ledger-read.ts'
import { atBench, type Bench, taken } from './mending.ts'
import { connectorOf, destinationOf } from './open.ts'
import type { Sql, Table, Tokens, Values } from './sql/sql.ts'
import { compareRow, type Fields, interval, matchKey, type Verdict } from './sync/compare.ts'
import { findLedger } from './sync/find-ledger.ts'
import { foreignKey } from './sync/foreign-key.ts'
import type { Lease } from './sync/ledger.ts'
import { underLease } from './sync/mend.ts'
import { matchFields } from './sync/statements.ts'
import type { Cell, Page } from './warehouses/warehouse.ts'

type Reading = AsyncIterable<HeldRow>

/** Where a command learns what a destination holds. */
export type AdoptFrom =
  | { readonly kind: 'destination' }
  /** Another tool's export of the keys that it sent; one column for each part of the sync's key, in its order. */
  | { readonly kind: 'file'; readonly path: string; readonly columns: readonly string[] }

/** What was adopted, in rows. */
export interface Adopted {
  readonly sync: string
  readonly destination: string
  /** Held as they would be sent: nothing is to be done for them. */
  readonly equal: number
  /** Held otherwise, or with values that nobody told: the next run corrects them. */
  readonly differs: number
  /** Held, and known to the ledger before. */
  readonly known: number
  /** Held, and not in the audience: of an export adopted, so that a mirror removes them; else left alone. */
  readonly strangers: number
}

/**
 * Takes over what a destination holds as acknowledged. Sends nothing. Throws CdpError where nothing is published, the
 * destination cannot be read, or another run holds the lease.
 */
export async function adopt(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string; readonly from: AdoptFrom },
): Promise<Adopted> {
  const { from } = asked
  return comparing(request, environment, asked.sync, async (work) => {
    const { bench, of, run } = work
    const mended = await underLease(bench.job, (lease) =>
      withTables(work, lease.fence, async () => {
        await run([['expected', 'what would be sent', work.table(of.compare.expected, expectedQuery(of))]])
        const rows =
          from.kind === 'file' ? readExport(bench, environment, from) : reader(work.opened, bench.sync)('all')
        await stage(work, rows, lease)
        await run([['pairs', 'what was found of it', work.table(of.compare.pairs, foundPairs(of))]])
        if (from.kind === 'destination') await judge(work, lease)
        const counts = await work.first('adoption', 'what was found', adoptionQuery(of))
        await run([['adopt', 'what is there is acknowledged', adoptQuery(of, from.kind === 'file')]], lease)
        const value = {
          equal: Number(counts.equal),
          differs: Number(counts.differs),
          known: Number(counts.known),
          strangers: Number(counts.strangers),
        }
        return { value, event: { event: 'adopted', counts: value } }
      }),
    )
    if (mended.kind === 'taken') throw taken(bench.sync, mended)
    return { sync: bench.sync.name, destination: bench.sync.destination, ...mended.value }
  })
}

/** How acknowledged rows compare with what the destination holds. */
export interface Verified {
  readonly sync: string
  readonly destination: string
  /** Acknowledged rows, and those whose data has not changed since, which alone can be compared. */
  readonly synced: number
  readonly comparable: number
  /** Rows that were read back. */
  readonly rows: number
  readonly equal: number
  readonly differs: number
  readonly missing: number
  /** Rows that differ, by field. */
  readonly fields: Readonly<Record<string, number>>
  /** The share of comparable rows that differ or are missing: as found, and between which bounds it is at 95 %. */
  readonly wrong: { readonly share: number; readonly low: number; readonly high: number }
}

/** Reads a random sample of acknowledged rows back. Changes nothing but scratch tables, and sends nothing. */
export async function verify(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string; readonly rows: number },
): Promise<Verified> {
  return comparing(request, environment, asked.sync, async (work) => {
    const { bench, of, run } = work
    await bench.job.ledger.prepare()
    return withTables(work, 0, async () => {
      await run([['expected', 'what would be sent', work.table(of.compare.expected, expectedQuery(of))]])
      const size = await sizeOf(work)
      const values = { rows: asked.rows, seed: bench.job.runId }
      await run([['sample', 'a random one', work.table(of.compare.pairs, sampledPairs(of))]], undefined, values)
      const found = await compareSample(work)
      const wrong = found.differs + found.missing
      const share = found.rows === 0 ? 0 : wrong / found.rows
      return {
        sync: bench.sync.name,
        destination: bench.sync.destination,
        ...size,
        ...found,
        wrong: { share, ...interval(wrong, found.rows) },
      }
    })
  })
}

/** What a reconciliation found, in rows. */
export interface Reconciled
  extends Pick<
    Verified,
    'sync' | 'destination' | 'synced' | 'comparable' | 'rows' | 'equal' | 'differs' | 'missing' | 'fields'
  > {}

/**
 * Reads everything back; rows that differ or are missing are sent again by the next run. Sends nothing. Like `verify` it
 * compares rows that would be sent as they were acknowledged, for the ledger keeps fingerprints only.
 */
export async function reconcile(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string },
): Promise<Reconciled> {
  return comparing(request, environment, asked.sync, async (work) => {
    const { bench, of, run } = work
    const mended = await underLease(bench.job, (lease) =>
      withTables(work, lease.fence, async () => {
        await run([['expected', 'what would be sent', work.table(of.compare.expected, expectedQuery(of))]])
        const size = await sizeOf(work)
        await stage(work, reader(work.opened, bench.sync)('all'), lease)
        await run([['pairs', 'what was found of it', work.table(of.compare.pairs, syncedPairs(of))]])
        const value = { ...size, ...(await judge(work, lease)) }
        await run([['correct', 'the next run sends it again', correctQuery(of)]], lease)
        const { fields: _, ...counts } = value
        return { value, event: { event: 'reconciled', counts } }
      }),
    )
    if (mended.kind === 'taken') throw taken(bench.sync, mended)
    return { sync: bench.sync.name, destination: bench.sync.destination, ...mended.value }
  })
}

/** How many rows were acknowledged, and how many of them can be compared. */
async function sizeOf({ of, first }: Work): Promise<Pick<Verified, 'synced' | 'comparable'>> {
  const { synced, comparable } = await first('comparable', 'how many there are', comparableQuery(of))
  return { synced: Number(synced), comparable: Number(comparable) }
}

type Step = readonly [name: string, reason: string, query: Sql]

/** A comparison under way. */
export interface Work {
  readonly bench: Bench
  readonly opened: Parameters<typeof reader>[0]
  readonly of: ExpectedOf
  readonly table: (table: Table, query: Sql) => Sql
  readonly run: (steps: readonly Step[], lease?: Lease, values?: Values) => Promise<void>
  readonly first: (...step: Step) => Promise<Readonly<Record<string, Cell>>>
  /** Build and fence, which name the tables. */
  tokens: Tokens
}

/** Opens a sync for a comparison with what is published. Throws CdpError where nothing is. */
export async function comparing<T>(
  request: Request,
  environment: Environment,
  name: string,
  act: (work: Work) => Promise<T>,
): Promise<T> {
  return atBench(request, environment, name, async (bench) => {
    const { project, sync, session, schema } = bench
    const context = { project, dialect: session.dialect }
    const published = await publishedBuild(context, session)
    if (published === undefined) throw nothingPublished()
    const connector = connectorOf(environment, destinationOf(project, sync))
    const of: ExpectedOf = {
      context,
      sync,
      tables: (await findLedger(session, schema, sync)).tables,
      compare: compareTables(schema, sync.name),
      matchFields: matchFields({ context, sync, schema, connector }),
      foldsKeys: connector.foldsKeys === true,
    }
    const work: Work = {
      bench,
      opened: { project, request, environment, connector },
      of,
      tokens: { b: published.build, f: 0 },
      table: (table, query) => session.dialect.createTable(table, query),
      run: async (steps, lease, values = {}) => {
        const mine = lease && { sync: sync.name, fence: lease.fence, run: lease.runId }
        const bound = steps.map(([what, reason, query]) => ({
          statement: statement(what, reason, query),
          tokens: work.tokens,
          values: named(query, { ...mine, ...values }),
        }))
        await session.script(bound)
      },
      first: async (what, reason, query) =>
        (await session.first({ statement: statement(what, reason, query), tokens: work.tokens })) ?? {},
    }
    return act(work)
  })
}

/** The values that a statement names: warehouses refuse parameters that they were not asked for. */
function named({ parts }: Sql, values: Values): Values {
  const names = new Set(parts.flatMap((part) => (part.kind === 'parameter' ? [part.name] : [])))
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}

/** Runs work over empty tables of its own, and drops them whatever happens: they hold personal values. */
export async function withTables<T>(work: Work, fence: number, act: () => Promise<T>): Promise<T> {
  const { dialect } = work.bench.session
  const { found, judged, ...others } = work.of.compare
  work.tokens = { ...work.tokens, f: fence }
  try {
    await work.run([
      ['found', 'what the destination holds', dialect.createEmptyTable(found, FOUND_COLUMNS)],
      ['judged', 'how it compares', dialect.createEmptyTable(judged, JUDGED_COLUMNS)],
    ])
    return await act()
  } finally {
    const drops = [found, judged, ...Object.values(others)].map(
      (table): Step => ['drop', 'it was compared', dialect.dropTable(table)],
    )
    await work.run(drops)
  }
}

const PAGE = 5_000

/** Writes what is held into the warehouse, and keeps the lease while it is read. */
async function stage(work: Work, rows: Reading, lease: Lease): Promise<void> {
  const { bench, of } = work
  const names = bench.sync.key.map(({ theirs }) => theirs)
  let pending: Cell[][] = []
  const write = async () => {
    await keep(work, lease)
    await bench.session.append(of.compare.found, pageOf(pending, FOUND_COLUMNS.length), work.tokens)
    pending = []
  }
  for await (const { key, fields } of rows) {
    pending.push([matchKey(key, names, of.foldsKeys), foreignKey(bench, key), JSON.stringify(fields)])
    if (pending.length >= PAGE) await write()
  }
  await write()
}

async function keep({ bench: { job, sync } }: Work, lease: Lease): Promise<void> {
  if (await job.ledger.renew(lease)) return
  throw failure('warehouse', 'sync/locked', `Another run took over "${sync.name}". Nothing was changed.`)
}

type Tally = Pick<Verified, 'rows' | 'equal' | 'differs' | 'missing' | 'fields'>

/** Compares every pair and writes down how. */
async function judge(work: Work, lease: Lease): Promise<Tally> {
  const tally = new Tallying()
  for await (const pairs of pagesOf(work)) {
    await keep(work, lease)
    const judged = pairs.map(({ keyHash, sent, held }) => [keyHash, tally.add(sent, held)])
    await work.bench.session.append(work.of.compare.judged, pageOf(judged, JUDGED_COLUMNS.length), work.tokens)
  }
  return tally.found()
}

/** Reads the sampled rows back and compares them. */
async function compareSample(work: Work): Promise<Tally> {
  const { bench, of } = work
  const names = bench.sync.key.map(({ theirs }) => theirs)
  const keyOf = (key: Key) => matchKey(key, names, of.foldsKeys)
  const read = reader(work.opened, bench.sync)
  const tally = new Tallying()
  for await (const pairs of pagesOf(work)) {
    const held = new Map<string, Fields>()
    for await (const row of read(pairs.map(({ key }) => key))) held.set(keyOf(row.key), row.fields)
    for (const { key, sent } of pairs) tally.add(sent, held.get(keyOf(key)))
  }
  return tally.found()
}

interface Pair {
  readonly keyHash: string
  readonly key: Key
  readonly sent: Fields
  readonly held: Fields | undefined
}

async function* pagesOf({ bench: { session }, of, tokens }: Work): AsyncGenerator<readonly Pair[]> {
  for await (const { columns } of session.read(of.compare.pairs, PAIR_COLUMNS, 1_000, undefined, tokens)) {
    const [hashes = [], keys = [], payloads = [], fields = []] = columns
    yield hashes.map((keyHash, row) => {
      const held = fields[row] ?? null
      return {
        keyHash: keyHash ?? '',
        key: JSON.parse(keys[row] ?? '{}') as Key,
        sent: JSON.parse(payloads[row] ?? '{}') as Fields,
        held: held === null ? undefined : (JSON.parse(held) as Fields),
      }
    })
  }
}

class Tallying {
  readonly #verdicts: Record<Verdict, number> = { equal: 0, differs: 0, missing: 0 }
  readonly #fields = new Map<string, number>()

  add(sent: Fields, held: Fields | undefined): Verdict {
    const { verdict, fields } = compareRow(sent, held && { fields: held })
    this.#verdicts[verdict] += 1
    for (const name of fields) this.#fields.set(name, (this.#fields.get(name) ?? 0) + 1)
    return verdict
  }

  found(): Tally {
    const { equal, differs, missing } = this.#verdicts
    return { rows: equal + differs + missing, equal, differs, missing, fields: Object.fromEntries(this.#fields) }
  }
}

/** Rows as a page of so many columns. */
export function pageOf(rows: readonly (readonly Cell[])[], width: number): Page {
  return { rows: rows.length, columns: Array.from({ length: width }, (_, at) => rows.map((row) => row[at] ?? null)) }
}

function nothingPublished(): CdpError {
  return failure('project', 'command/arguments', 'Nothing is published yet.', '"cdp run" builds and publishes.')
}
