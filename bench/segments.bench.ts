import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compileModels } from '../src/arrange.ts'
import { type Build, build } from '../src/build.ts'
import { compileState } from '../src/compile/state.ts'
import { connectors } from '../src/connectors/index.ts'
import type { Project } from '../src/project/project.ts'
import { readProject } from '../src/project/read.ts'
import { publish } from '../src/publish.ts'
import { duckdb } from '../src/warehouses/duckdb.ts'
import { warehouses } from '../src/warehouses/index.ts'
import type { Session } from '../src/warehouses/warehouse.ts'
import { realClock } from '../test/support/warehouse.ts'
import { best, measure, plain, print, ratio } from './measure.ts'

/*
 * Traits and segments at size: 40 traits and 100 segments over one source of events. Beside it, on the same rows in
 * the same database file: the bare grouped scan that a careful analyst would write for the same numbers, by the raw
 * user id, and one query for each segment. Identity is solved before and not counted.
 */

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '1000000' },
    events: { type: 'string', default: '10000000' },
    times: { type: 'string', default: '1' },
    steps: { type: 'boolean', default: false },
  },
})
const times = Number(values.times)
const NOW = '2026-03-01T12:00:00Z'

/** A number about a person: how the project says it, and how SQL by hand does. */
interface Told {
  readonly name: string
  readonly yaml: object
  readonly byHand: string
}

const KINDS = ['page', 'search', 'product', 'cart', 'checkout', 'order', 'return', 'share']
const recent = (days: number) =>
  `happened_at >= timestamptz '${NOW}' - interval ${days} day and happened_at <= timestamptz '${NOW}'`

const measured: readonly Told[] = [
  ...KINDS.flatMap((kind): readonly Told[] => {
    const where = { from: 'events', where: `kind = ${kind}` }
    const of = `kind = '${kind}'`
    return [
      { name: `${kind}_count`, yaml: { ...where, count: 'rows' }, byHand: `count(*) filter (where ${of})` },
      { name: `${kind}_amount`, yaml: { ...where, sum: 'amount' }, byHand: `sum(amount) filter (where ${of})` },
      { name: `${kind}_last`, yaml: { ...where, max: 'happened_at' }, byHand: `max(happened_at) filter (where ${of})` },
      {
        name: `${kind}_30d`,
        yaml: { ...where, count: 'rows', within: '30 days' },
        byHand: `count(*) filter (where ${of} and ${recent(30)})`,
      },
    ]
  }),
  { name: 'events', yaml: { from: 'events', count: 'rows' }, byHand: 'count(*)' },
  { name: 'amount', yaml: { from: 'events', sum: 'amount' }, byHand: 'sum(amount)' },
  { name: 'mean', yaml: { from: 'events', avg: 'amount' }, byHand: 'avg(amount)' },
  { name: 'least', yaml: { from: 'events', min: 'amount' }, byHand: 'min(amount)' },
  { name: 'most', yaml: { from: 'events', max: 'amount' }, byHand: 'max(amount)' },
  { name: 'newest', yaml: { from: 'events', max: 'happened_at' }, byHand: 'max(happened_at)' },
]
const derived: Readonly<Record<string, object>> = {
  basket: { expr: 'order_amount / nullif(order_count, 0)' },
  returned: { expr: 'return_count / nullif(order_count, 0)' },
}

const events: readonly Told[] = KINDS.flatMap((kind) =>
  [7, 14, 60, 90, 180].map((days) => ({
    name: `${kind}_in_${days}d`,
    yaml: { where: { did: 'events', where: `kind = ${kind}`, within: `${days} days`, at_least: 2 } },
    byHand: `count(*) filter (where kind = '${kind}' and ${recent(days)})`,
  })),
)
const onTraits: readonly { readonly name: string; readonly where: string; readonly byHand: string }[] = [
  ...KINDS.flatMap((kind) =>
    [1, 2, 3, 4, 5, 6].map((count) => ({
      name: `${kind}_over_${count}`,
      where: `${kind}_count > ${count} and ${kind}_amount >= ${count * 40}`,
      byHand: `count(*) filter (where kind = '${kind}') > ${count} and sum(amount) filter (where kind = '${kind}') >= ${count * 40}`,
    })),
  ),
  ...Array.from({ length: 12 }, (_, index) => ({
    name: `quiet_${index}`,
    where: `newest < ${10 * (index + 1)} days ago and amount > 100`,
    byHand: `max(happened_at) < timestamptz '${NOW}' - interval ${10 * (index + 1)} day and sum(amount) > 100`,
  })),
]

const segments: readonly (readonly [string, object, string])[] = [
  ...onTraits.map(({ name, where, byHand }) => [name, { where }, byHand] as const),
  ...events.map(({ name, yaml, byHand }) => [name, yaml, `${byHand} >= 2`] as const),
]

await run()

async function run(): Promise<void> {
  const [people, rows] = [Number(values.people), Number(values.events)]
  const traits = measured.length + Object.keys(derived).length
  print(
    `${people.toLocaleString('en-US')} people, ${rows.toLocaleString('en-US')} events, ${traits} traits, ${segments.length} segments`,
  )
  const directory = mkdtempSync(join(tmpdir(), 'cdp-bench-'))
  const session = await duckdb.connect(duckdb.options.parse({ path: 'bench.duckdb' }), { directory, mode: 'write' })
  try {
    await load(session, people, rows)
    const all = [...measured, ...events].map(({ name, byHand }) => `${byHand} as ${name}`)
    const bare = await best(times, () => make(session, 'bare', `user_id, ${all.join(', ')}`))
    const counted = await best(times, () => make(session, 'counted', 'user_id, count(*) as events'))
    const each = await measure(() => oneByOne(session, 10))
    const half = await modelTimes(session, await projectOf(directory, segments.length / 2))
    const project = await projectOf(directory, segments.length)
    const whole = await modelTimes(session, project)
    const shown = await measure(() => show(session, project, whole.build))
    const again = told(await built(session, project))
    print(`  traits and segments / bare grouped scan of the same numbers    ${ratio(whole.ms / bare.ms, 2)}`)
    print(`  traits and segments / bare grouped count of the events         ${ratio(whole.ms / counted.ms)}`)
    print(`  traits and segments / one query a segment (10 of 100 run)      ${ratio(whole.ms / (each.ms * 10))}`)
    print(
      `  one more segment / bare grouped scan                           ${ratio((whole.ms - half.ms) / 50 / bare.ms)}`,
    )
    print(`  the first publishing of them / bare grouped scan               ${ratio(shown.ms / bare.ms)}`)
    print(`  a build after that / bare grouped scan                         ${ratio(again.ms / bare.ms)}`)
    print(`  profiles and segments, members in all                          ${whole.profiles}, ${whole.members}`)
    check(await countOf(session), whole.members)
    await growing(session, directory, rows)
  } finally {
    await session.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A build after one event in a hundred was added: all events read, and only the new ones. */
async function growing(session: Session, directory: string, rows: number): Promise<void> {
  const appending = await projectOf(directory, segments.length, true)
  const first = told(await built(session, appending))
  await show(session, appending, first.build)
  await session.script([
    plain(`
      insert into raw.events
      select id + ${rows}, user_id, kind, amount, happened_at, loaded_at + to_seconds(${rows})
      from raw.events
      where id < ${rows / 100}`),
  ])
  const all = told(await built(session, await projectOf(directory, segments.length)))
  const some = told(await built(session, appending))
  print(`  of append-only events, all of them / of others, all of them    ${ratio(first.ms / all.ms)}`)
  print(`  of append-only events, 1 % of them new / of others, all        ${ratio(some.ms / all.ms)}`)
  check(await countOf(session), some.members)
}

/** Events by a random, skewed choice of person; everybody is known by a text id. */
async function load(session: Session, people: number, rows: number): Promise<void> {
  await session.script([
    plain('create schema raw'),
    plain(`
      create table raw.events as
      select
        i as id,
        'u' || lpad((hash(i * 7 + 1) % ${people})::text, 8, '0') as user_id,
        (${JSON.stringify(KINDS).replaceAll('"', "'")})[(1 + hash(i * 3 + 2) % ${KINDS.length})::int] as kind,
        round(((hash(i * 5 + 3) % 10000) / 100)::decimal(12, 2), 2) as amount,
        timestamptz '${NOW}' - to_seconds((hash(i * 11 + 5) % 31536000)::bigint) as happened_at,
        timestamptz '${NOW}' - to_seconds(${rows} - i) as loaded_at
      from range(${rows}) as t(i)`),
    plain(`
      create table raw.people as
      select 'u' || lpad(i::text, 8, '0') as user_id, ['FR', 'BE', 'CH'][(1 + i % 3)::int] as country
      from range(${people}) as t(i)`),
  ])
}

async function make(session: Session, name: string, columns: string): Promise<void> {
  await session.script([
    plain(`create or replace table raw.${name} as select ${columns} from raw.events group by user_id`),
  ])
}

/** Some of the segments, each by a query of its own. */
async function oneByOne(session: Session, count: number): Promise<void> {
  const step = Math.floor(segments.length / count)
  for (let at = 0; at < segments.length; at += step)
    await session.script([
      plain(
        `create or replace table raw.one as select user_id from raw.events group by user_id having ${segments[at]?.[2]}`,
      ),
    ])
}

/** How many members the segments have in all, by hand. */
async function countOf(session: Session): Promise<number> {
  const counts = segments.map(([, , byHand], index) => `coalesce(${byHand}, false)::int as s${index}`)
  const sums = segments.map((_, index) => `sum(s${index})`).join(' + ')
  const [statement] = [plain(`select ${sums} as n from (select ${counts.join(', ')} from raw.events group by user_id)`)]
  return Number((await session.first(statement))?.n)
}

async function projectOf(directory: string, count: number, appendOnly = false): Promise<Project> {
  mkdirSync(join(directory, 'models'), { recursive: true })
  const write = (path: string, what: object) => writeFileSync(join(directory, path), JSON.stringify(what))
  write('cdp.config.yaml', {
    name: 'bench',
    warehouse: 'local',
    warehouses: { local: { type: 'duckdb', path: 'bench.duckdb' } },
    now: NOW,
  })
  write('models/all.yaml', {
    sources: {
      people: { table: 'raw.people', category: 'profile', key: 'user_id', identifiers: { user_id: 'user_id' } },
      events: {
        table: 'raw.events',
        key: 'id',
        at: 'happened_at',
        ...(appendOnly && { loaded_at: 'loaded_at', overlap: '1 hour', append_only: true }),
        identifiers: { user_id: 'user_id' },
        columns: { amount: { type: 'decimal' }, kind: { type: 'text' } },
      },
    },
    entities: { customer: { identifiers: { user_id: {} } } },
    traits: { customer: { ...Object.fromEntries(measured.map(({ name, yaml }) => [name, yaml])), ...derived } },
    segments: Object.fromEntries(segments.slice(0, count).map(([name, yaml]) => [name, yaml])),
  })
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (project === undefined || errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  return project
}

/** Milliseconds of the profiles and the segments of a build, without its sources and identity. */
async function modelTimes(session: Session, project: Project) {
  const runs = []
  for (let time = 0; time < times; time++) {
    await session.script([plain('drop schema if exists _cdp cascade'), plain('drop schema if exists cdp cascade')])
    runs.push(told(await built(session, project)))
  }
  const [fastest] = runs.sort((a, b) => a.ms - b.ms)
  if (fastest === undefined) throw new Error('nothing was built')
  return fastest
}

async function show(session: Session, project: Project, build: Build): Promise<void> {
  const context = { project, dialect: session.dialect }
  await publish(context, build, compileState(context), session, 'bench')
}

async function built(session: Session, project: Project): Promise<Build> {
  const context = { project, dialect: session.dialect }
  const state = compileState(context)
  return build(compileModels(context), {
    session: values.steps ? timed(session) : session,
    state,
    clock: realClock,
    runId: crypto.randomUUID(),
    now: project.now,
  })
}

function told(done: Build) {
  const { models } = done
  const of = (kind: string) => models.filter(({ model }) => model.kind === kind)
  const counts = of('segments').flatMap((one) => Object.entries(one.counts))
  return {
    build: done,
    ms: [...of('profile'), ...of('segments')].reduce((sum, one) => sum + one.ms, 0),
    profiles: of('profile').reduce((sum, one) => sum + one.rows, 0),
    members: counts.reduce((sum, [name, value]) => sum + (name.startsWith('members_') ? Number(value) : 0), 0),
  }
}

/** Prints how long each statement takes. */
function timed(session: Session): Session {
  return new Proxy(session, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'script') return typeof value === 'function' ? value.bind(target) : value
      return async (statements: Parameters<Session['script']>[0]) => {
        const { ms, result } = await measure(() => target.script(statements))
        if (ms > 50)
          print(
            `    ${statements
              .map(({ statement }) => statement.name)
              .join(', ')
              .slice(0, 60)
              .padEnd(60)} ${Math.round(ms)} ms`,
          )
        return result
      }
    },
  })
}

function check(wanted: number, got: number): void {
  if (wanted !== got) throw new Error(`${got} members, but ${wanted} by hand`)
}
