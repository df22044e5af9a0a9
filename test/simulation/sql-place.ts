import type { Context } from '../../src/compile/context.ts'
import { ACK_COLUMNS, ledgerTables, SNAPSHOT_COLUMNS } from '../../src/compile/ledger-tables.ts'
import { suppressionState } from '../../src/compile/suppression.ts'
import { rowsTable } from '../../src/compile/sync-rows.ts'
import type { At } from '../../src/error.ts'
import type { ConsentFeed } from '../../src/project/consent.ts'
import type { Project, Sync, SyncRows, Trait } from '../../src/project/project.ts'
import { NO_UNIT_TESTS } from '../../src/project/unit-test.ts'
import type { Dialect, ValueType } from '../../src/sql/dialect.ts'
import { from, id, join, parameter, printName, type Sql, sql, text } from '../../src/sql/sql.ts'
import type { Ledger } from '../../src/sync/ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import type { LedgerOf } from '../../src/sync/statements.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { clockOf, type Engine } from '../support/engines.ts'
import { entity, identifier, source } from '../support/project.ts'

/** Types of the fields that tests send; any other is text. */
const TYPES: Readonly<Record<string, ValueType>> = { n: 'integer', b: 'boolean' }

/** What every profile has, whether it is sent or not. */
const VALUES = ['v', 'n', 'b', 'c'] as const

const AT: At = { file: 'test.yaml', line: 1, column: 1, length: 1, text: '' }

/** Answers name nobody's key, so that they speak for whole people. */
const FEED: ConsentFeed = {
  source: 'answers',
  status: 'status',
  purpose: 'purpose',
  at: 'at',
  granted: ['yes'],
  maxAge: { amount: 2, unit: 'day' },
  expiresAfter: undefined,
}

/** What somebody says in the source of consents. */
export interface Answer {
  readonly profileId: string
  readonly status: 'yes' | 'no'
  /** Milliseconds of the test's clock. */
  readonly at: number
}

/** A warehouse whose clock is set by the test, with the audience of one sync in numbered builds. */
export class SqlPlace {
  readonly session: Session
  readonly schema: string
  readonly #engine: Engine
  of: LedgerOf
  build = 0
  #model: ModelSync
  readonly #timing: { readonly lease: number; readonly settlesWithin: number }

  constructor(
    { session, engine }: { readonly session: Session; readonly engine: Engine },
    schema: string,
    model: ModelSync,
    timing: { readonly lease: number; readonly settlesWithin: number },
  ) {
    this.session = session
    this.#engine = engine
    this.schema = schema
    this.#model = model
    this.#timing = timing
    const dialect = clockedDialect(session.dialect, schema)
    this.of = {
      context: { project: projectOf(schema), dialect } satisfies Context,
      sync: syncOf(model),
      schema,
      connector: {
        foldsKeys: model.foldsKeys ?? false,
        delivers: () => (model.whole ? 'whole' : 'changes'),
        fields: () => ({
          known: [...model.matchFields].map((name) => ({ name, key: true, type: 'text' })),
          open: true,
        }),
      },
    }
  }

  async create(): Promise<void> {
    const list = from(suppressionState(this.of.context))
    await this.session.script([
      { statement: named(sql`create schema ${id(this.schema)}`) },
      { statement: named(sql`create table ${list} (ident_type text, ident_hash text, scope text)`) },
      ...this.#engine.createClock(this.schema).map((one) => ({ statement: named(one) })),
      ...['values', 'graph', 'profile_ids'].map((name) => ({ statement: identityTable(this.schema, name) })),
    ])
    await this.setTime(0)
    await this.say([])
  }

  /** All that the source of consents holds from now on. */
  async say(answers: readonly Answer[]): Promise<void> {
    const rows = answers.map(({ profileId, status, at }) => ({
      k: profileId,
      status,
      purpose: 'news',
      at: new Date(at).toISOString(),
    }))
    const given = this.session.dialect.rowsOf(parameter('rows'), ['k', 'status', 'purpose', 'at'])
    const table = { schema: this.schema, name: ['answers'] }
    const statement = named(this.session.dialect.createTable(table, sql`select * from ${given} as r`))
    await this.session.script([{ statement, values: { rows: JSON.stringify(rows) } }])
  }

  async setTime(ms: number): Promise<void> {
    const time = sql`timestamptz ${text(new Date(ms).toISOString())}`
    await this.session.script([{ statement: named(this.#engine.setClock(this.schema, time)) }])
  }

  /** From now on the sync sends other fields. */
  remap(model: ModelSync): void {
    this.#model = model
    const { name, was } = this.of.sync
    this.of = { ...this.of, sync: { ...syncOf(model), name, was } }
  }

  /** From now on the sync has another name. The model knows nothing of it: nothing may come of that. */
  rename(name: string): void {
    this.of = { ...this.of, sync: { ...this.of.sync, name, was: this.of.sync.name } }
  }

  /** A new build with these rows. Builds before stay. */
  async write(rows: readonly ModelRow[]): Promise<void> {
    this.build += 1
    const columns = ['profile_id', 'k', ...VALUES, 'is_out', 'barred']
    const table = (name: string) => from({ schema: this.schema, name: [`b${this.build}_${name}`] })
    const typed = VALUES.map(
      (name) => sql`${this.session.dialect.cast(sql`r.${id(name)}`, TYPES[name] ?? 'text')} as ${id(name)}`,
    )
    const given = this.session.dialect.rowsOf(parameter('rows'), columns)
    const people = [...new Map(rows.flatMap((row) => (row.profileId === null ? [] : [[row.profileId, row]]))).values()]
    const values = { rows: JSON.stringify(people.map(rowOf)) }
    await this.session.script([
      {
        statement: named(sql`
          create table ${table('customer')} as
          select r.profile_id, r.k, ${join(typed)}
          from ${given} as r`),
        values,
      },
      {
        statement: named(sql`
          create table ${table('customer_segments')} as
          select r.profile_id, true as everybody, r.is_out = 'yes' as outcast
          from ${given} as r`),
        values,
      },
      {
        statement: named(sql`
          create table ${table('customer_suppressed')} as
          select r.profile_id, cast(null as varchar) as scope
          from ${given} as r
          where r.barred = 'suppressed'`),
        values,
      },
      {
        statement: named(sql`
          create table ${table('customer_consents')} as
          select
            1 as feed, 'news' as purpose, r.profile_id, timestamptz '2026-01-01 00:00:00Z' as granted_at,
            case when r.barred = 'consent' then timestamptz '2026-01-01 00:00:00Z' end as denied_at,
            1 as answers, timestamptz '2026-10-31 00:00:00Z' as seen_at
          from ${given} as r`),
        values,
      },
      {
        statement: named(sql`
          create table ${table('customer_values')} as
          select row_number() over (order by profile_id) as node_id, 'k' as type, profile_id as value, true as is_new
          from (select distinct r.profile_id from ${given} as r) as r`),
        values,
      },
      {
        statement: named(sql`
          create table ${table('customer_graph')} as
          select node_id, now() as first_seen_at, now() as last_seen_at, node_id as profile
          from ${table('customer_values')}`),
      },
      {
        statement: named(sql`
          create table ${table('customer_ids')} as
          select node_id as anchor, value as profile_id, cast(null as bigint) as merged_into
          from ${table('customer_values')}`),
      },
      ...(this.#model.rows ? [this.#rowsTable(rows, given, typed)] : []),
      { statement: named(sql`create table ${table('suppression')} (ident_type text, ident_hash text, scope text)`) },
      { statement: named(sql`create table ${table('clock')} as select timestamptz '2026-11-01 08:00:00Z' as now`) },
    ])
  }

  #rowsTable(rows: readonly ModelRow[], given: Sql, typed: readonly Sql[]) {
    const { name } = rowsTable({ schemas: { models: 'cdp', state: this.schema } }, this.of.sync.name)
    const table = from({ schema: this.schema, name: [printName(name, { b: this.build })] })
    return {
      statement: named(sql`
        create table ${table} as
        select
          r.profile_id as cdp_profile_id, r.k, ${join(typed)},
          '{"k":' || ${this.session.dialect.json(sql`r.k`, 'text')} || '}' as cdp_key
        from ${given} as r`),
      values: { rows: JSON.stringify(rows.map(rowOf)) },
    }
  }

  open(): Ledger {
    return openLedger({ ...this.of, ...this.#timing, session: this.session, build: this.build, page: 5 })
  }

  /** The rows of both tables, times as milliseconds. */
  async contents(): Promise<{ readonly snapshot: readonly PlainRow[]; readonly acks: readonly PlainRow[] }> {
    const { snapshot, ack } = ledgerTables(this.schema, this.#model.name)
    const row = await this.session.first({
      statement: named(sql`
        select
          (select ${this.#engine.rowsAsJson} from ${from(snapshot)} as t) as snapshot,
          (select ${this.#engine.rowsAsJson} from ${from(ack)} as t) as acks`),
    })
    return { snapshot: plainRows(row?.snapshot, SNAPSHOT_COLUMNS), acks: plainRows(row?.acks, ACK_COLUMNS) }
  }
}

/** A row of any table in a form that both ledgers can be brought to. */
export type PlainRow = Readonly<Record<string, string | number | null>>

function plainRows(json: string | null | undefined, types: Readonly<Record<string, string>>): readonly PlainRow[] {
  const rows = JSON.parse(json ?? '[]') as readonly Readonly<Record<string, unknown>>[] | null
  return (rows ?? []).map((row) => plainRow(row, types))
}

/** The columns of a table; times given as text become milliseconds. */
export function plainRow(row: Readonly<Record<string, unknown>>, types: Readonly<Record<string, string>>): PlainRow {
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, plainCell(row[name] ?? null, type)]))
}

function plainCell(cell: unknown, type: string): string | number | null {
  if (cell === null) return null
  if (type === 'timestamp') return typeof cell === 'string' ? Date.parse(cell) : Number(cell)
  return String(cell)
}

function clockedDialect(dialect: Dialect, schema: string): Dialect {
  return { ...dialect, clock: () => sql`${clockOf(schema)}()` }
}

/** An identity state in which nothing is published: whom a build knows stands in its own tables. */
function identityTable(schema: string, name: string) {
  const columns = {
    values: sql`node_id bigint, type text, value text`,
    graph: sql`node_id bigint, first_seen_at timestamptz, last_seen_at timestamptz, profile bigint`,
    profile_ids: sql`anchor bigint, profile_id text, merged_into bigint`,
  }[name]
  return named(sql`create table ${from({ schema, name: [`customer_${name}`] })} (${columns ?? sql``})`)
}

function named(statement: ReturnType<typeof sql>) {
  return { name: 'test', reason: 'test', sql: statement }
}

function rowOf(row: ModelRow): Readonly<Record<string, unknown>> {
  const values = Object.fromEntries(
    Object.entries(row.values).map(([name, value]) => [name, value === null ? null : String(value)]),
  )
  return {
    profile_id: row.profileId,
    k: row.key?.k ?? null,
    ...values,
    is_out: row.excluded ? 'yes' : 'no',
    barred: row.barred ?? null,
  }
}

function syncOf(model: ModelSync): Sync {
  return {
    ...plain(model.name),
    destination: 'vendor',
    into: {},
    entity: 'customer',
    ...(model.rows && { rows: ROWS }),
    segment: model.rows ? undefined : 'everybody',
    variant: undefined,
    where: undefined,
    exclude: ['outcast'],
    mode: model.mode,
    ...(model.owned && { owned: true as const }),
    onLeave: model.removes && !model.whole ? { verb: 'remove' } : undefined,
    purpose: model.asks ? 'news' : undefined,
    onWithdraw: model.withdraws && !model.whole ? { verb: 'withdraw' } : undefined,
    key: [{ theirs: 'k', trait: 'k' }],
    fields: model.fields.map(({ name, from: trait = name, onNull, write }) => ({
      theirs: name,
      value: { kind: 'trait', trait, type: TYPES[trait] ?? 'text' },
      onNull,
      write,
    })),
    guard: { maxRemoved: 1 },
    after: [],
  }
}

/** Of a source of which nothing else is asked. */
const ROWS: SyncRows = {
  source: 'things',
  where: undefined,
  startAt: undefined,
  columns: new Map(
    ['k', ...VALUES].map((name) => [name, { to: { kind: 'column', column: name }, type: TYPES[name] ?? 'text' }]),
  ),
}

function projectOf(schema: string): Project {
  const traits = new Map(['k', ...VALUES].map((name) => [name, traitOf(name)]))
  const customer = entity('customer', [identifier('k')], { traits })
  return {
    name: 'test',
    directory: '/',
    target: { name: 'local', type: 'duckdb', options: {} },
    schemas: { models: 'cdp', state: schema },
    timezone: 'UTC',
    phoneCountry: undefined,
    now: undefined,
    history: { amount: 730, unit: 'day' },
    sources: new Map([
      [
        'answers',
        source('answers', {
          relation: { kind: 'table', schema, table: 'answers' },
          identifiers: [{ type: 'k', column: 'k', country: undefined }],
        }),
      ],
    ]),
    entities: new Map([['customer', customer]]),
    segments: new Map(),
    purposes: new Map([['news', { ...plain('news'), basis: 'consent', feed: FEED }]]),
    destinations: new Map(),
    syncs: new Map(),
    dataTests: [],
    unitTests: NO_UNIT_TESTS,
    warnings: [],
  }
}

function traitOf(name: string): Trait {
  const definition = { kind: 'pick', columns: [], by: 'priority', withSource: false } as const
  return { ...plain(name), entity: 'customer', type: TYPES[name] ?? 'text', pii: undefined, definition }
}

function plain(name: string) {
  return { name, at: AT, description: undefined, owner: undefined, tags: [] }
}
