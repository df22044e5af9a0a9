import type { Context } from '../../src/compile/context.ts'
import { ACK_COLUMNS, ledgerTables, SNAPSHOT_COLUMNS } from '../../src/compile/ledger-tables.ts'
import { suppressionState } from '../../src/compile/suppression.ts'
import type { At } from '../../src/error.ts'
import type { ConsentFeed } from '../../src/project/consent.ts'
import type { Project, Sync, Trait } from '../../src/project/project.ts'
import { NO_UNIT_TESTS } from '../../src/project/unit-test.ts'
import type { Dialect, ValueType } from '../../src/sql/dialect.ts'
import { from, id, join, parameter, type Sql, sql, text } from '../../src/sql/sql.ts'
import type { Ledger } from '../../src/sync/ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { openLedger } from '../../src/sync/sql-ledger.ts'
import type { LedgerOf } from '../../src/sync/statements.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
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
  maxAge: undefined,
  expiresAfter: undefined,
}

/** A warehouse whose clock is set by the test, with the audience of one sync in numbered builds. */
export class SqlPlace {
  readonly session: Session
  readonly schema: string
  of: LedgerOf
  build = 0
  #model: ModelSync
  readonly #timing: { readonly lease: number; readonly settlesWithin: number }

  constructor(
    session: Session,
    schema: string,
    model: ModelSync,
    timing: { readonly lease: number; readonly settlesWithin: number },
  ) {
    this.session = session
    this.schema = schema
    this.#model = model
    this.#timing = timing
    const dialect = clockedDialect(session.dialect, schema)
    this.of = {
      context: { project: projectOf(schema), dialect } satisfies Context,
      sync: syncOf(model),
      schema,
      connector: {
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
    ])
    await this.setTime(0)
  }

  async setTime(ms: number): Promise<void> {
    const time = text(new Date(ms).toISOString())
    await this.session.script([
      { statement: named(sql`create or replace macro ${clockOf(this.schema)}() as timestamptz ${time}`) },
    ])
  }

  /** From now on the sync sends other fields. */
  remap(model: ModelSync): void {
    this.#model = model
    this.of = { ...this.of, sync: syncOf(model) }
  }

  /** A new build with these rows. Builds before stay. */
  async write(rows: readonly ModelRow[]): Promise<void> {
    this.build += 1
    const columns = ['profile_id', 'k', ...VALUES, 'is_out', 'barred']
    const table = (name: string) => from({ schema: this.schema, name: [`b${this.build}_${name}`] })
    const typed = VALUES.map(
      (name) =>
        sql`cast(r.${id(name)} as ${id(TYPES[name] === 'integer' ? 'bigint' : (TYPES[name] ?? 'varchar'))}) as ${id(name)}`,
    )
    const given = this.session.dialect.rowsOf(parameter('rows'), columns)
    const values = { rows: JSON.stringify(rows.map(rowOf)) }
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
            1 as answers, timestamptz '2026-01-01 00:00:00Z' as seen_at
          from ${given} as r`),
        values,
      },
      { statement: named(sql`create table ${table('suppression')} (ident_type text, ident_hash text, scope text)`) },
      { statement: named(sql`create table ${table('clock')} as select timestamptz '2026-11-01 08:00:00Z' as now`) },
    ])
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
          (select to_json(list(t)) from ${from(snapshot)} as t) as snapshot,
          (select to_json(list(t)) from ${from(ack)} as t) as acks`),
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

export function openMemory(): Promise<Session> {
  return duckdb.connect({ path: ':memory:', threads: 1 }, { directory: process.cwd(), mode: 'write' })
}

function clockedDialect(dialect: Dialect, schema: string): Dialect {
  return { ...dialect, clock: () => sql`${clockOf(schema)}()` }
}

function clockOf(schema: string): Sql {
  return from({ schema, name: ['clock'] })
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
    segment: 'everybody',
    variant: undefined,
    where: undefined,
    exclude: ['outcast'],
    mode: model.mode,
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
      ['answers', source('answers', { identifiers: [{ type: 'k', column: 'k', country: undefined }] })],
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
