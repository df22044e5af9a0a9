import { compileModels } from '../../src/arrange.ts'
import { type Build, build } from '../../src/build.ts'
import { compileState } from '../../src/compile/state.ts'
import type { Entity, IdentifierType, Project } from '../../src/project/project.ts'
import { publish } from '../../src/publish.ts'
import type { Sql } from '../../src/sql/sql.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { DUCKDB, type Engine } from './engines.ts'
import type { OracleRow, OracleRules } from './identity-oracle.ts'
import { entity, identifier, project, source } from './project.ts'
import { realClock, tableOf } from './warehouse.ts'

/** A row of the world: what the oracle sees of it, and when it reached the warehouse. */
export interface WorldRow {
  readonly source: 'events' | 'contacts'
  readonly key: string
  /** ISO text; when it happened. */
  readonly time: string | undefined
  readonly loaded: string
  readonly a?: string | undefined
  readonly b?: string | undefined
  readonly c?: string | undefined
  readonly c2?: string | undefined
  readonly d?: string | undefined
}

/** Rules of the entity `customer`: types a, b, c, d, strongest first. */
export interface WorldRules {
  readonly limits?: Readonly<Partial<Record<'a' | 'b' | 'c' | 'd', number>>>
  readonly fanouts?: Readonly<Partial<Record<'b' | 'c', number>>>
  readonly blocked?: readonly string[]
  readonly maxSize?: number | undefined
  readonly never?: readonly (readonly [string, string])[]
  readonly always?: readonly (readonly [string, string])[]
}

type Type = 'a' | 'b' | 'c' | 'd'
const TYPES: readonly Type[] = ['a', 'b', 'c', 'd']

const TABLES = {
  events: ['n', 'at', 'loaded', 'a', 'b', 'c', 'c2'],
  contacts: ['n', 'at', 'a', 'd'],
  never: ['l', 'r'],
  always: ['l', 'r'],
} as const
const TIMES: ReadonlySet<string> = new Set(['at', 'loaded'])

/** A warehouse whose rows are replaced before each build, and the published answer after it. */
export class IdentityWorld {
  readonly session: Session
  #builds = 0

  private constructor(session: Session) {
    this.session = session
  }

  static async open(engine: Engine = DUCKDB): Promise<IdentityWorld> {
    const session = await (await engine.start()).open()
    await session.script([setUp(session.dialect.createSchema('raw'))])
    return new IdentityWorld(session)
  }

  /** Makes these rows the visible ones. */
  async load(rows: readonly WorldRow[], rules: WorldRules = {}): Promise<void> {
    const events = rows.filter((row) => row.source === 'events')
    const contacts = rows.filter((row) => row.source === 'contacts')
    await this.session.script(
      Object.entries(TABLES).map(([name, columns]) => {
        const typed = columns.map(
          (column) => ({ name: column, type: TIMES.has(column) ? 'timestamp' : 'text' }) as const,
        )
        return setUp(this.session.dialect.createEmptyTable({ schema: 'raw', name: [name] }, typed))
      }),
    )
    await this.#append('events', events, (row) => [row.key, row.time, row.loaded, row.a, row.b, row.c, row.c2])
    await this.#append('contacts', contacts, (row) => [row.key, row.time, row.a, row.d])
    await this.#append('never', rules.never ?? [], (pair) => pair)
    await this.#append('always', rules.always ?? [], (pair) => pair)
  }

  async #append<T>(table: string, rows: readonly T[], cells: (row: T) => readonly (string | undefined)[]) {
    const width = rows[0] === undefined ? 0 : cells(rows[0]).length
    const columns = Array.from({ length: width }, (_, at) => rows.map((row) => cells(row)[at] ?? null))
    if (rows.length > 0) await this.session.append({ schema: 'raw', name: [table] }, { rows: rows.length, columns })
  }

  /** Builds and publishes. */
  async build(rules: WorldRules = {}, fullRefresh = false): Promise<Build> {
    this.#builds += 1
    const of = worldProject(rules)
    const context = { project: of, dialect: this.session.dialect }
    const state = compileState(context)
    const runId = `run-${this.#builds}`
    const built = await build(compileModels(context), {
      session: this.session,
      state,
      clock: realClock,
      runId,
      now: of.now,
      fullRefresh,
    })
    await publish(context, built, state, this.session, runId)
    return built
  }

  /** Profile by identifier (`type value`), of those that join. */
  async profiles(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#published('customer_identifiers', ['type', 'value', 'profile_id', 'joins'])
    return new Map(
      rows
        .filter(([, , , joins]) => joins === 'true')
        .map(([type, value, profile]) => [`${type} ${value}`, String(profile)] as const),
    )
  }

  /** Merges or splits of the last build, as `from to`, sorted. */
  async moves(kind: 'merges' | 'splits'): Promise<readonly string[]> {
    const rows = await this.#published(`customer_${kind}`, ['from_profile_id', 'to_profile_id', 'run_id'])
    return rows.filter(([, , run]) => run === `run-${this.#builds}`).map(([from, to]) => `${from} ${to}`)
  }

  /** Refused edges but those of shared values, as `a b reason`, sorted. */
  async refused(): Promise<readonly string[]> {
    const names = ['type_a', 'value_a', 'type_b', 'value_b', 'reason']
    const rows = await this.#published('customer_refused_edges', names)
    return rows
      .filter(([, , , , reason]) => reason !== 'max_fanout')
      .map(([ta, va, tb, vb, reason]) => [[`${ta} ${va}`, `${tb} ${vb}`].sort().join(' '), reason].join(' '))
      .sort()
  }

  #published(name: string, columns: readonly string[]) {
    return tableOf(this.session, { schema: 'cdp', name: [name] }, columns)
  }

  close(): Promise<void> {
    return this.session.close()
  }
}

/** The rules as the oracle takes them. */
export function oracleRules(rules: WorldRules): OracleRules {
  return {
    entity: 'customer',
    types: TYPES.map((name) => ({
      name,
      link: name !== 'd',
      maxFanout: name === 'b' || name === 'c' ? rules.fanouts?.[name] : undefined,
      limit: rules.limits?.[name],
      block: rules.blocked ?? [],
    })),
    never: (rules.never ?? []).map(
      ([l, r]) =>
        [
          ['a', l],
          ['a', r],
        ] as const,
    ),
    always: (rules.always ?? []).map(
      ([l, r]) =>
        [
          ['a', l],
          ['a', r],
        ] as const,
    ),
    maxSize: rules.maxSize,
    profileSources: ['contacts'],
  }
}

/** The rows as the oracle takes them. */
export function oracleRows(rows: readonly WorldRow[]): readonly OracleRow[] {
  return rows.map((row) => ({
    source: row.source,
    key: row.key,
    time: row.time,
    ids: [...TYPES.map((type) => [type, row[type]] as const), ['c', row.c2] as const].flatMap(([type, value]) =>
      value === undefined ? [] : [[type, value] as const],
    ),
  }))
}

/** The project over the world's tables. */
export function worldProject(rules: WorldRules): Project {
  const block = (rules.blocked ?? []).map((value) => ({ kind: 'value' as const, value }))
  const type = (name: Type, more: Partial<IdentifierType> = {}) =>
    identifier(name, { limit: rules.limits?.[name], block, ...more })
  const list = (name: string) => ({ name: `customer_${name}`, source: listOf(name) })
  const customer: Entity = entity(
    'customer',
    [
      type('a'),
      type('b', { maxFanout: rules.fanouts?.b }),
      type('c', { maxFanout: rules.fanouts?.c }),
      type('d', { link: false, limit: undefined }),
    ],
    {
      never: rules.never === undefined ? undefined : list('never').source,
      always: rules.always === undefined ? undefined : list('always').source,
      guard: {
        maxProfileSize: rules.maxSize,
        maxMergeRate: undefined,
        onViolation: rules.maxSize === undefined ? 'fail' : 'quarantine',
      },
    },
  )
  const columns = (...pairs: (readonly [string, string])[]) =>
    pairs.map(([name, column]) => ({ type: name, column, country: undefined }))
  return project({
    sources: [
      source('events', {
        category: 'event',
        key: 'n',
        occurredAt: 'at',
        loadedAt: 'loaded',
        overlapHours: 1,
        mayBeEmpty: true,
        identifiers: columns(['a', 'a'], ['b', 'b'], ['c', 'c'], ['c', 'c2']),
      }),
      source('contacts', {
        category: 'profile',
        key: 'n',
        updatedAt: 'at',
        mayBeEmpty: true,
        identifiers: columns(['a', 'a'], ['d', 'd']),
      }),
    ],
    entities: [customer],
  })
}

function listOf(name: string) {
  return source(`customer_${name}`, {
    relation: { kind: 'table', schema: 'raw', table: name },
    identifiers: [
      { type: 'a', column: 'l', country: undefined },
      { type: 'a', column: 'r', country: undefined },
    ],
  })
}

function setUp(text: Sql) {
  return { statement: { name: 'set up', reason: 'test', sql: text } }
}
