import type { Sync } from '../project/project.ts'
import type { ValueType } from '../sql/dialect.ts'
import { from, id, lines, parameter, type Sql, Steps, sql, type Table, text, unionAll } from '../sql/sql.ts'
import { addAudience } from './changes-audience.ts'
import { fingerprintOf, hasNoKey, keyJson, objectOf, sentFields } from './changes-values.ts'
import type { Context } from './context.ts'
import { asColumns, mergeRows } from './ledger-landing.ts'
import { isMine } from './ledger-merge.ts'
import { type LedgerTables, SNAPSHOT_COLUMNS, type SnapshotColumn, tableSuffix } from './ledger-tables.ts'

/** Tables of one command that compares what is sent with what a destination holds; dropped when it ends. */
export interface CompareTables {
  /** What would be sent: one row a key that is one profile's own. */
  readonly expected: Table
  /** What the destination, or another tool's export, holds. */
  readonly found: Table
  /** Pairs to be compared. */
  readonly pairs: Table
  /** How each pair compares. */
  readonly judged: Table
}

export function compareTables(schema: string, sync: string): CompareTables {
  const named = (what: string): Table => ({
    schema,
    name: [`${what}_${tableSuffix(sync)}_`, { token: 'f', offset: 0 }],
  })
  return { expected: named('expected'), found: named('found'), pairs: named('pairs'), judged: named('judged') }
}

type Columns = readonly { readonly name: string; readonly type: ValueType }[]

/** `match_key` is the key as text by which rows are found; `key_json` the key as the ledger would hold it. */
export const FOUND_COLUMNS = textColumns('match_key', 'key_json', 'fields')

/** `verdict`: equal, differs or missing. */
export const JUDGED_COLUMNS = textColumns('key_hash', 'verdict')

export const PAIR_COLUMNS = ['key_hash', 'key_json', 'payload', 'fields'] as const

function textColumns(...names: readonly string[]): Columns {
  return names.map((name) => ({ name, type: 'text' as const }))
}

export interface ExpectedOf {
  readonly context: Context
  readonly sync: Sync
  readonly tables: LedgerTables
  readonly compare: CompareTables
  /** Fields by which the vendor finds a row. */
  readonly matchFields: ReadonlySet<string>
  readonly foldsKeys: boolean
}

/** U+001F, as between the parts of a fingerprint. */
export const UNIT = '\u001f'

/** Everybody of the audience with a key of their own: key, profile, fingerprint, what is always sent, match keys. */
export function expectedQuery({ context, sync, matchFields, foldsKeys }: ExpectedOf): Sql {
  const { dialect, project } = context
  const steps = new Steps()
  const audience = addAudience(steps, { context, sync, matchFields })
  const fields = sentFields(sync, audience.print)
  const lasting = fields.filter((field) => field.write !== 'on_create')
  // What others have filled is not ours to compare.
  const ours = fields.filter((field) => field.write === 'always')
  const match = fields.filter(({ name }) => matchFields.has(name)).map((one) => ({ ...one, onNull: 'skip' }) as const)
  const keyed = steps.add(
    'keyed',
    'the audience with its keys (one row a profile)',
    audience.select(
      [
        sql`${keyJson(project, sync, dialect)} as key_json`,
        audience.person,
        sql`${fingerprintOf(lasting, dialect)} as fp`,
        sql`${objectOf(ours, dialect)} as payload`,
        sql`${match.length === 0 ? dialect.cast(sql`null`, 'text') : objectOf(match, dialect)} as ident`,
      ],
      audience.included,
      sql`not (${audience.isBarred})`,
      sql`not ${hasNoKey(sync)}`,
    ),
  )
  steps.add(
    'own',
    'keys that one profile alone claims',
    sql`
      select key_json
      from ${keyed}
      group by key_json
      having count(*) = 1`,
  )
  const parts = sync.key.map(({ theirs }) => sql`coalesce(${dialect.jsonText(sql`k.key_json`, theirs)}, '')`)
  const match_key = dialect.joinText(parts, UNIT)
  return steps.select(sql`
    select
      k.key_json, ${dialect.sha256Half(sql`k.key_json`)} as key_hash,
      ${foldsKeys ? sql`lower(${match_key})` : match_key} as match_key,
      k.profile_id, k.fp, k.payload, k.ident
    from ${keyed} as k
    join own on own.key_json = k.key_json`)
}

/** Pairs of what would be sent and what was found: all that were found. */
export function foundPairs({ compare }: ExpectedOf): Sql {
  const steps = new Steps()
  addOnce(steps, compare)
  return steps.select(sql`
    select e.key_hash, e.key_json, e.payload, f.fields
    from ${from(compare.expected)} as e
    join once as f on f.match_key = e.match_key`)
}

/** Pairs of acknowledged rows that would be sent as they were, with what was found of them: null where nothing was. */
export function syncedPairs(of: ExpectedOf): Sql {
  const steps = new Steps()
  addOnce(steps, of.compare)
  return steps.select(sql`
    select e.key_hash, e.key_json, e.payload, f.fields
    from ${comparable(of)}
    left join once as f on f.match_key = e.match_key`)
}

/** A random sample of such rows: at most `$rows`, another one for each `$seed`. */
export function sampledPairs(of: ExpectedOf): Sql {
  const { dialect } = of.context
  const lot = dialect.md5(dialect.concat([sql`e.key_hash`, dialect.cast(parameter('seed'), 'text')]))
  return sql`
    select e.key_hash, e.key_json, e.payload, ${dialect.cast(sql`null`, 'text')} as fields
    from ${comparable(of)}
    order by ${lot}, e.key_hash
    limit ${dialect.cast(parameter('rows'), 'bigint')}`
}

/** One row: acknowledged rows, and how many of them can be compared, because what was sent is still what would be. */
export function comparableQuery(of: ExpectedOf): Sql {
  return sql`
    select
      (select count(*) from ${from(of.tables.snapshot)} where state = 'synced') as synced,
      (select count(*) from ${comparable(of)}) as comparable`
}

function comparable({ context: { dialect }, compare, tables }: ExpectedOf): Sql {
  return sql`${from(compare.expected)} as e
    join ${from(tables.snapshot)} as s
      on s.key_hash = e.key_hash and s.state = 'synced' and s.fp = e.fp
      and not coalesce(s.hold_until > ${dialect.clock()}, false)`
}

function addOnce(steps: Steps, { found }: CompareTables): void {
  steps.add(
    'once',
    'what was found (one row a key; of several the vendor itself could not say which is meant)',
    sql`
      select match_key, min(key_json) as key_json, min(fields) as fields
      from ${from(found)}
      group by match_key`,
  )
}

/**
 * Rows that were found and of which the ledger holds nothing certain become `synced`: with their fingerprint where they
 * compare equal, else without one, so that the next run corrects them. With `strangers` also keys that are not in the
 * audience, so that they can be removed. Parameters: `sync`, `fence`, `run`.
 */
export function adoptQuery(of: ExpectedOf, strangers: boolean): Sql {
  const { context, tables, compare } = of
  const { dialect } = context
  const steps = new Steps()
  addOnce(steps, compare)
  const nothing = dialect.cast(sql`null`, 'text')
  const ours = sql`
    select
      e.key_hash, e.key_json, e.profile_id, e.ident,
      case when j.verdict = 'equal' then e.fp end as fp
    from ${from(compare.expected)} as e
    join once as f on f.match_key = e.match_key
    left join ${from(compare.judged)} as j on j.key_hash = e.key_hash`
  const theirs = sql`
    select
      ${dialect.sha256Half(sql`f.key_json`)} as key_hash, f.key_json, ${nothing} as profile_id, ${nothing} as ident,
      ${nothing} as fp
    from once as f
    left join ${from(compare.expected)} as e on e.match_key = f.match_key
    where e.match_key is null`
  steps.add('held', 'what the destination holds (one row a key)', strangers ? unionAll([ours, theirs]) : ours)
  const now = dialect.clock()
  const given: Partial<Record<SnapshotColumn, Sql>> = {
    key_hash: sql`n.key_hash`,
    key_json: sql`n.key_json`,
    profile_id: sql`coalesce(n.profile_id, s.profile_id)`,
    state: sql`'synced'`,
    known: sql`true`,
    // While an earlier request may still take effect nothing is certain.
    fp: sql`case when s.hold_until > ${now} then null else n.fp end`,
    ident: sql`coalesce(n.ident, s.ident)`,
    dest_id: sql`s.dest_id`,
    rev: sql`coalesce(s.rev, 0)`,
    last_fence: dialect.cast(parameter('fence'), 'bigint'),
    last_run_id: dialect.cast(parameter('run'), 'text'),
    hold_until: sql`s.hold_until`,
    fail_count: dialect.cast(sql`0`, 'bigint'),
    first_synced_at: sql`coalesce(s.first_synced_at, ${now})`,
    last_synced_at: now,
  }
  const names = Object.keys(SNAPSHOT_COLUMNS) as readonly SnapshotColumn[]
  const row = Object.fromEntries(
    names.map((name) => [name, given[name] ?? dialect.cast(sql`null`, SNAPSHOT_COLUMNS[name])]),
  ) as Record<SnapshotColumn, Sql>
  return mergeRows(
    tables.snapshot,
    steps.select(sql`
      select
        ${asColumns(row)}
      from held as n
      left join ${from(tables.snapshot)} as s on s.key_hash = n.key_hash
      where (s.key_hash is null or s.state in ('absent', 'tomb', 'unknown')) and ${isMine(dialect, tables)}`),
  )
}

/** One row: what was found, by what it is for us. */
export function adoptionQuery({ context: { dialect }, compare, tables }: ExpectedOf): Sql {
  const steps = new Steps()
  addOnce(steps, compare)
  steps.add(
    'told',
    'each key that was found, with what the ledger holds (one row a key)',
    sql`
      select e.key_hash, j.verdict, coalesce(s.state in ('synced', 'submitted', 'left'), false) as is_known
      from once as f
      left join ${from(compare.expected)} as e on e.match_key = f.match_key
      left join ${from(compare.judged)} as j on j.key_hash = e.key_hash
      left join ${from(tables.snapshot)} as s on s.key_hash = coalesce(e.key_hash, ${dialect.sha256Half(sql`f.key_json`)})`,
  )
  const count = (name: string, test: Sql) => sql`${dialect.aggregate('count', undefined, test)} as ${id(name)}`
  const fresh = sql`not is_known and key_hash is not null`
  return steps.select(sql`
    select
      ${lines([
        count('equal', sql`${fresh} and verdict = 'equal'`),
        count('differs', sql`${fresh} and coalesce(verdict, 'differs') <> 'equal'`),
        count('known', sql`is_known`),
        count('strangers', sql`not is_known and key_hash is null`),
      ])}
    from told`)
}

/** Rows that are not there as they were sent are sent again by the next run. Parameters: `sync`, `fence`. */
export function correctQuery({ context: { dialect }, tables, compare }: ExpectedOf): Sql {
  return sql`
    update ${from(tables.snapshot)}
    set fp = ${dialect.cast(sql`null`, 'text')}
    where state = 'synced'
      and key_hash in (select j.key_hash from ${from(compare.judged)} as j where j.verdict <> ${text('equal')})
      and ${isMine(dialect, tables)}`
}
