import type { ValueType } from '../sql/dialect.ts'
import { from, id, lines, type Sql, type Statement, Steps, sql, type Table, text, unionAll } from '../sql/sql.ts'
import { type Context, statement } from './context.ts'
import { ROW_LABEL } from './ledger-label.ts'
import { addRuns } from './ledger-log.ts'
import { isOfRun } from './ledger-mend.ts'
import { ledgerTables } from './ledger-tables.ts'

/** Rises when a column changes its meaning or goes; new columns do not raise it. */
export const VIEWS_VERSION = 1

/** The names of the views of the ledger. */
export const LEDGER_VIEWS = ['sync_health', 'rejects', 'delivery_log'] as const

export interface LedgerViewsOf {
  /** The schema of the ledger. */
  readonly ledger: string
  /** Where the views are shown. */
  readonly schema: string
  /** Every sync that the ledger knows, sorted; those included that the project no longer has. */
  readonly syncs: readonly string[]
  /** What the tables of a sync are called after, where it was renamed since they were made. */
  readonly suffixes?: ReadonlyMap<string, string>
}

/** Statements that show the ledger to readers: three views over what it knows of all syncs. */
export function ledgerViews(context: Context, of: LedgerViewsOf): readonly Statement[] {
  const show = (name: (typeof LEDGER_VIEWS)[number], reason: string, query: Sql) => {
    const view: Table = { schema: of.schema, name: [name] }
    return statement(`view ${name}`, reason, context.dialect.createView(view, query))
  }
  return [
    show('sync_health', 'one row a sync: its last run, and what its destination holds', health(context, of)),
    show('rejects', 'one row a key that a destination refuses', rejects(context, of)),
    show('delivery_log', 'one row a run of a sync', deliveries(context, of)),
  ]
}

const COUNTS = [
  'creates',
  'updates',
  'removes',
  'unchanged',
  'written',
  'accepted',
  'refused',
  'again',
  'invalid',
  'calls',
] as const

/** The labels that are counted, and how readers call them. */
const LABELS = [
  ['synced', 'synced'],
  ['unknown', 'unknown'],
  ['submitted', 'accepted'],
  ['refused', 'refused'],
  ['quarantined', 'quarantined'],
  ['left', 'left'],
  ['removed', 'removed'],
] as const

function deliveries(context: Context, of: LedgerViewsOf): Sql {
  const { dialect } = context
  const tables = ledgerTables(of.ledger, '')
  const steps = new Steps()
  addRuns(steps, tables, isOfRun(tables))
  return steps.select(sql`
    select
      ${VIEWS_VERSION} as schema_version,
      sync, run_id, fence, began_at, ended_at,
      coalesce(ended_with, 'unfinished') as status,
      ${lines(COUNTS.map((name) => sql`${dialect.cast(dialect.jsonText(sql`counts`, name), 'bigint')} as ${id(name)}`))},
      detail
    from runs`)
}

function rejects({ dialect }: Context, of: LedgerViewsOf): Sql {
  const steps = new Steps()
  const all = eachSync(of, (sync) => {
    const { snapshot } = ledgerTables(of.ledger, sync, of.suffixes?.get(sync))
    return sql`
      select
        ${text(sync)} as sync, key_json, profile_id, ${ROW_LABEL} as status, err_class, err_code, err_message,
        fail_count, next_retry_at, last_run_id, last_synced_at
      from ${from(snapshot)}
      where tried_fp is not null`
  })
  if (all !== undefined) steps.add('refused', 'rows that were refused last (one row a sync and key)', all)
  return steps.select(
    all === undefined
      ? nothing(dialect, REJECTS)
      : sql`
        select
          ${VIEWS_VERSION} as schema_version,
          sync, key_json as key, profile_id, status,
          err_class = 'compliance' as is_compliance,
          err_code as code, err_message as message, fail_count as failures,
          next_retry_at, last_run_id, last_synced_at as last_written_at
        from refused`,
  )
}

const REJECTS: Readonly<Record<string, ValueType | 'bigint'>> = {
  schema_version: 'bigint',
  sync: 'text',
  key: 'text',
  profile_id: 'text',
  status: 'text',
  is_compliance: 'boolean',
  code: 'text',
  message: 'text',
  failures: 'bigint',
  next_retry_at: 'timestamp',
  last_run_id: 'text',
  last_written_at: 'timestamp',
}

function health(context: Context, of: LedgerViewsOf): Sql {
  const { dialect } = context
  const tables = ledgerTables(of.ledger, '')
  const steps = new Steps()
  addRuns(steps, tables, isOfRun(tables))
  steps.add(
    'ranked',
    'the newest run of each sync has place 1',
    sql`
      select runs.*, row_number() over (partition by sync order by fence desc, began_at desc) as place
      from runs`,
  )
  steps.add(
    'succeeded',
    'when each sync was last sent to its end (one row a sync)',
    sql`
      select sync, max(ended_at) as last_success_at
      from runs
      where ended_with = 'done'
      group by sync`,
  )
  const counted = eachSync(of, (sync) => {
    const { snapshot } = ledgerTables(of.ledger, sync, of.suffixes?.get(sync))
    return sql`
      select ${text(sync)} as sync, ${ROW_LABEL} as label, count(*) as keys
      from ${from(snapshot)}
      group by ${ROW_LABEL}`
  })
  steps.add(
    'counted',
    'rows by what became of them (one row a sync and label)',
    counted ?? nothing(dialect, { sync: 'text', label: 'text', keys: 'bigint' }),
  )
  const sums = LABELS.map(
    ([label, name]) =>
      sql`${dialect.cast(sql`coalesce(sum(case when label = ${text(label)} then keys end), 0)`, 'bigint')} as ${id(name)}`,
  )
  steps.add(
    'totals',
    'what each destination holds (one row a sync)',
    sql`
      select
        sync,
        ${lines(sums)}
      from counted
      group by sync`,
  )
  const total = LABELS.map(([, name]) => sql`coalesce(t.${id(name)}, 0) as ${id(name)}`)
  return steps.select(sql`
    select
      ${VIEWS_VERSION} as schema_version,
      s.sync_id as sync,
      r.run_id as last_run_id,
      r.began_at as last_began_at,
      r.ended_at as last_ended_at,
      case when r.run_id is not null then coalesce(r.ended_with, 'unfinished') end as last_status,
      ok.last_success_at,
      ${dialect.cast(dialect.jsonText(sql`r.counts`, 'again'), 'bigint')} as owed,
      ${lines(total)},
      s.holder as locked_by,
      case when s.holder is not null then s.lease_until end as locked_until
    from ${from(tables.sync)} as s
    left join ranked as r on r.sync = s.sync_id and r.place = 1
    left join succeeded as ok on ok.sync = s.sync_id
    left join totals as t on t.sync = s.sync_id`)
}

function eachSync({ syncs }: LedgerViewsOf, query: (sync: string) => Sql): Sql | undefined {
  return syncs.length === 0 ? undefined : unionAll(syncs.map(query))
}

/** No row with these columns. */
function nothing(dialect: Context['dialect'], columns: Readonly<Record<string, ValueType | 'bigint'>>): Sql {
  const cells = Object.entries(columns).map(([name, type]) => sql`${dialect.cast(sql`null`, type)} as ${id(name)}`)
  return sql`
    select
      ${lines(cells)}
    where false`
}
