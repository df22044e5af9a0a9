import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { tableSuffix } from '../../src/compile/ledger-tables.ts'
import { ALL } from './all.ts'
import { emptyFolder, repository } from './cli.ts'
import { expectedOn, type Ground, ON_DUCKDB } from './ground.ts'
import { held, type Rows, runInSandbox } from './small-shop.ts'

// A run is killed at a counted point. What must hold, wherever that was: one more run brings every vendor to exactly
// what the published views say, and the run after that sends nothing at all.

/** As `killer.mjs` reads it. */
export type Point =
  | { readonly at: 'stage'; readonly stage: string }
  | { readonly at: 'before' | 'after'; readonly statement: string; readonly sync?: string; readonly number?: number }
  | { readonly at: 'within'; readonly statement: string; readonly sync?: string; readonly proof: string }
  | { readonly at: 'applied'; readonly destination: string; readonly request: string; readonly number?: number }
  | { readonly at: 'answered'; readonly host: string; readonly request: string; readonly number?: number }
  | { readonly at: 'written'; readonly destination: string }
  | { readonly at: 'moment'; readonly number: number }

export interface Case {
  readonly point: Point
  /** What readers see at the moment of the kill: this run's people, or still those of before. */
  readonly readers: 'old' | 'new'
  /** Rows of this run that the ledger of a sync holds at that moment. */
  readonly merged?: readonly [sync: string, rows: 'none' | 'some']
  /** The vendor holds what the ledger does not know of: its answer was lost. */
  readonly unknown?: string
  /** Everyday another point stands for this one; `npm run test:all` and `npm run crash` take them all. */
  readonly rare?: true
}

const SNAPSHOT = `"_cdp_sandbox"."snap_${tableSuffix('quiet_to_hook')}"`
/** The final merge of the sync that takes most requests. */
export const MERGE = { statement: 'merge', sync: 'quiet_to_hook' } as const

/** Points that every run passes. */
export const ALWAYS: Readonly<Record<string, Case>> = {
  'after the first round of identity': {
    rare: true,
    readers: 'old',
    point: { at: 'after', statement: 'customer names' },
  },
  'after the plan, before publishing': { rare: true, readers: 'old', point: { at: 'stage', stage: 'publish' } },
  'in the transaction that publishes': {
    readers: 'old',
    point: {
      at: 'within',
      statement: 'published',
      proof: 'select count(*) from "_cdp"."published" where run_id = $run',
    },
  },
  'after a webhook applied its second batch, before it answers': {
    readers: 'new',
    point: { at: 'applied', destination: 'hook', request: '^POST ', number: 2 },
    unknown: 'quiet_to_hook',
  },
  'between the second answer of a webhook and the ack': {
    rare: true,
    readers: 'new',
    point: { at: 'answered', host: 'sandbox.invalid', request: '^POST ', number: 2 },
    unknown: 'quiet_to_hook',
  },
  'in the transaction of the final merge': {
    readers: 'new',
    point: { at: 'within', ...MERGE, proof: `select count(*) from ${SNAPSHOT} where last_run_id = $run` },
    merged: ['quiet_to_hook', 'none'],
  },
  'right after the commit of the final merge': {
    rare: true,
    readers: 'new',
    point: { at: 'after', ...MERGE },
    merged: ['quiet_to_hook', 'some'],
  },
}

/** Several runs one after the other, on a machine that may have other work. */
const PATIENCE = 120_000

/** How the world goes on around the run that is killed. */
export interface Story {
  /** Brings the shop to where that run begins. */
  readonly before: (directory: string) => Promise<void>
  /** What changes in the data between the kill and the next run: people of whom nobody remembers must not be left behind. */
  readonly meanwhile: (directory: string) => Promise<void>
}

/** A place where a story begins, and what must come of it. */
export interface Stage {
  readonly ground: Ground
  readonly directory: string
  /** How many builds readers had seen. */
  readonly published: number
  readonly control: Readonly<Record<string, Rows>>
  readonly remove: () => Promise<void>
}

/** Brings a shop to where a story begins, and tells it once without any kill. */
export async function stageOf(ground: Ground, story: Story): Promise<Stage> {
  const start = await emptyFolder()
  await ground.create(start.directory)
  await story.before(start.directory)
  await ground.refresh(start.directory)
  const published = await publishedBuilds(ground, start.directory)
  return { ...start, ground, published, control: await unharmed(ground, start.directory, story) }
}

/** One more run after a kill mends everything, and the run after that has nothing to do. */
export async function expectMended(directory: string, story: Story, { ground, control }: Stage): Promise<void> {
  await story.meanwhile(directory)
  await ground.refresh(directory)
  const mended = await runInSandbox(directory)
  expect(mended.report).toMatchObject({ status: 'ok', exit_code: 0, errors: [] })
  expect(held(mended)).toEqual(await expectedOn(ground, directory))
  expect(held(mended)).toEqual(control)

  const idle = await runInSandbox(directory)
  expect(idle).toMatchObject({ writes: 0, calls: [], files: [] })
  for (const sync of idle.report.syncs)
    expect(sync).toMatchObject({ status: 'ok', creates: 0, updates: 0, removes: 0, again: 0, calls: 0 })
}

/** One test a case: a kill, one more run, and one that has nothing to do. */
export function survives(cases: Readonly<Record<string, Case>>, story: Story, ground = ON_DUCKDB): void {
  let stage: Stage

  beforeAll(async () => {
    stage = await stageOf(ground, story)
    return stage.remove
  }, PATIENCE)

  const wanted = Object.entries(cases).filter(([, { rare }]) => !rare || ALL || process.env.CRASH)
  test.each(wanted)('%s', { timeout: PATIENCE }, async (_, one) => {
    const { directory, remove } = await emptyFolder()
    onTestFinished(remove)
    await ground.copy(stage.directory, directory)

    const seen = await killedAt(directory, one.point)
    expect(seen.point, 'the kill came where it was meant to').toEqual(one.point)
    if (one.point.at === 'within') expect(Number(seen.seen), 'the statement had done its work').toBeGreaterThan(0)
    expect((await publishedBuilds(ground, directory)) - stage.published).toBe(one.readers === 'new' ? 1 : 0)
    await expectRemembered(ground, directory, one)

    await expectMended(directory, story, stage)
  })
}

async function unharmed(ground: Ground, start: string, { meanwhile }: Story): Promise<Readonly<Record<string, Rows>>> {
  const { directory, remove } = await emptyFolder()
  await ground.copy(start, directory)
  for (const change of [async () => undefined, meanwhile]) {
    await change(directory)
    await ground.refresh(directory)
    const { report, writes } = await runInSandbox(directory)
    expect(report).toMatchObject({ status: 'ok', errors: [] })
    // Every sync has something to do in the run that is to be killed, and in the one after it.
    expect(report.syncs.map(({ creates, updates, removes }) => creates + updates + removes)).not.toContain(0)
    expect(report.syncs).toHaveLength(4)
    expect(writes).toBeGreaterThan(4)
  }
  const rows = await expectedOn(ground, directory)
  await remove()
  return rows
}

/** What the ledger has of the run at the moment of the kill. */
async function expectRemembered(ground: Ground, directory: string, { merged, unknown }: Case): Promise<void> {
  if (merged) expect((await mergedRows(ground, directory, merged[0])) > 0).toBe(merged[1] === 'some')
  if (!unknown) return
  const { declared, acked } = await toldOf(ground, directory, unknown)
  expect(declared, 'rows that may have been sent').toBeGreaterThan(acked)
}

/** Runs the tool until it kills itself; returns what it wrote down just before. */
export async function killedAt(directory: string, point: Point): Promise<Killed> {
  const { code, signal, said } = await runToPoint(directory, point)
  expect({ code, signal }, `the run was not killed: ${said}`).toEqual({ code: null, signal: 'SIGKILL' })
  return JSON.parse(await readFile(join(directory, 'killed.json'), 'utf8'))
}

/** What a run wrote down just before it killed itself. */
export interface Killed {
  readonly point: Point
  readonly seen?: string
  readonly what?: string
}

/** How many moments there are in a run that nobody kills. */
export async function momentsOf(directory: string): Promise<number> {
  const { code, said } = await runToPoint(directory, { at: 'moment', number: Number.POSITIVE_INFINITY })
  expect(code, said).toBe(0)
  return JSON.parse(said).moments
}

async function runToPoint(directory: string, point: Point) {
  const marker = join(directory, 'killed.json')
  const runner = join(repository, 'test/support/killer.mjs')
  const child = spawn(process.execPath, [runner, JSON.stringify({ directory, marker, point })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [code, signal] = await once(child, 'close')
  return { code, signal, said }
}

/** How many builds readers have been shown, by the row that publishing writes last. */
async function publishedBuilds(ground: Ground, directory: string): Promise<number> {
  const tables = await ground.ask(directory, `select 1 from information_schema.tables where table_name = 'published'`)
  if (tables.length === 0) return 0
  return (await ground.ask(directory, 'select build from "_cdp"."published"')).length
}

/** How many rows the snapshot of a sync has from the newest run. */
async function mergedRows(ground: Ground, directory: string, sync: string): Promise<number> {
  const query = `
    select count(*) as rows
    from "_cdp_sandbox"."snap_${tableSuffix(sync)}"
    where last_run_id = (select active_run_id from "_cdp_sandbox"."sync" where sync_id = '${sync}')`
  const [row] = await ground.ask(directory, query)
  return Number(row?.rows)
}

/** How many rows of the newest run may have been sent, and of how many it is written down what became of them. */
async function toldOf(
  ground: Ground,
  directory: string,
  sync: string,
): Promise<{ readonly declared: number; readonly acked: number }> {
  const query = `
    select
      coalesce(max(seq_hi) filter (where kind = 'intent'), 0) as declared,
      coalesce(sum(seq_hi - seq_lo + 1) filter (where kind = 'ack'), 0) as acked
    from "_cdp_sandbox"."ack_${tableSuffix(sync)}"
    where run_id = (select active_run_id from "_cdp_sandbox"."sync" where sync_id = '${sync}')`
  const [row] = await ground.ask(directory, query)
  return { declared: Number(row?.declared), acked: Number(row?.acked) }
}
