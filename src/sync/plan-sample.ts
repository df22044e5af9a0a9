import { addBefore, columnsNeeded, entityTelling } from '../compile/changes-before.ts'
import type { Context } from '../compile/context.ts'
import type { LedgerTables } from '../compile/ledger-tables.ts'
import { profileTable, publishedView } from '../compile/names.ts'
import type { Json } from '../connectors/connector.ts'
import type { Sync } from '../project/project.ts'
import { from, id, type Statement, Steps, sql, stacked, text } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { findLedger } from './find-ledger.ts'
import type { Op } from './ledger.ts'

type Values = Readonly<Record<string, Json>>

/** One row of a plan as it would be sent. Values are those of persons: whoever shows them masks them. */
export interface SampledRow {
  readonly op: Op
  /** Why a row is removed: its person left the audience, or may no longer be contacted. */
  readonly act: 'leave' | 'withdraw' | null
  readonly profile_id: string | null
  readonly key: Values
  readonly fields: Values
  /** What the destination acknowledged before; null where that is not known any more, or was nothing. */
  readonly before: Values | null
}

/** Rows of each kind. */
const ROWS = 3

/** A few rows of each kind of the plan that was made without a lease, in the order of the plan. */
export async function samplePlan(
  {
    context,
    session,
    schema,
    build,
  }: {
    readonly context: Context
    readonly session: Session
    readonly schema: string
    readonly build: { readonly number: number }
  },
  sync: Sync,
): Promise<readonly SampledRow[]> {
  const before = await tellsBefore(context, session, sync, build.number)
  const { tables } = await findLedger(session, schema, sync)
  const statement = sampleStatement(context, tables, sync, before)
  const row = await session.first({ statement, tokens: { f: 0, ...(before !== undefined && { b: build.number }) } })
  const rows = (row?.rows ?? '').split('\n')
  return rows.flatMap((line) => (line === '' ? [] : [JSON.parse(line.slice(line.indexOf('{'))) as SampledRow]))
}

/** The entity whose published profiles tell what rows were: they have every column, in the type in which this build has it. */
async function tellsBefore(
  { project }: Context,
  session: Session,
  sync: Sync,
  build: number,
): Promise<string | undefined> {
  const entity = entityTelling(sync)
  if (entity === undefined) return undefined
  const seen = await session.columns(publishedView(project, entity))
  const now = await session.columns(profileTable(project, entity), { b: build })
  const hasAll = columnsNeeded(sync).every((name) => seen?.has(name) && seen.get(name) === now?.get(name))
  return hasAll ? entity : undefined
}

/** One row, `rows`: a JSON object a line behind its place; null for a plan without changes. `before`: see `addBefore`. */
export function sampleStatement(
  context: Context,
  tables: Pick<LedgerTables, 'plan' | 'snapshot'>,
  sync: Sync,
  before: string | undefined,
): Statement {
  const { dialect } = context
  const steps = new Steps()
  const placed = steps.add(
    'placed',
    'what would be sent, with its place among its kind',
    sql`
      select
        seq, verdict, act, profile_id, key_json, payload,
        row_number() over (partition by verdict order by seq) as place
      from ${from(tables.plan)}
      where verdict in ('create', 'update', 'remove')`,
  )
  const shown = steps.add('shown', 'a few of each kind', sql`select * from ${placed} where place <= ${ROWS}`)
  const known =
    before === undefined ? undefined : addBefore(steps, context, { sync, tables, placed: shown, entity: before })
  const json = dialect.concat([
    // Lines are sorted as texts.
    dialect.substring(dialect.cast(sql`1000000000 + shown.seq`, 'text'), sql`2`),
    text('{"op":'),
    dialect.json(sql`verdict`, 'text'),
    text(',"act":'),
    sql`coalesce(${dialect.json(sql`act`, 'text')}, 'null')`,
    text(',"profile_id":'),
    sql`coalesce(${dialect.json(sql`profile_id`, 'text')}, 'null')`,
    text(',"key":'),
    sql`key_json`,
    text(',"fields":'),
    sql`payload`,
    text(',"before":'),
    known === undefined ? text('null') : sql`coalesce(b.before, 'null')`,
    text('}'),
  ])
  const rows = [
    sql`${shown} as shown`,
    ...(known === undefined ? [] : [sql`left join ${known} as b on b.seq = shown.seq`]),
  ]
  const query = steps.select(sql`
    select ${dialect.listText(json, '\n')} as ${id('rows')}
    from ${stacked(rows)}`)
  return { name: 'sample of a plan', reason: 'a few rows of each kind, to be looked at', sql: query }
}
