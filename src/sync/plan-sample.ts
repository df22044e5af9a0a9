import type { Context } from '../compile/context.ts'
import { ledgerTables } from '../compile/ledger-tables.ts'
import type { Json } from '../connectors/connector.ts'
import type { Sync } from '../project/project.ts'
import { from, type Statement, Steps, sql, text } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import type { Op } from './ledger.ts'

/** One row of a plan as it would be sent. Values are those of persons: whoever shows them masks them. */
export interface SampledRow {
  readonly op: Op
  readonly profile_id: string | null
  readonly key: Readonly<Record<string, Json>>
  readonly fields: Readonly<Record<string, Json>>
}

/** Rows of each kind. */
const ROWS = 3

/** A few rows of each kind of the plan that was made without a lease, in the order of the plan. */
export async function samplePlan(
  { context, session, schema }: { readonly context: Context; readonly session: Session; readonly schema: string },
  sync: Pick<Sync, 'name'>,
): Promise<readonly SampledRow[]> {
  const statement = sampleStatement(context, schema, sync.name)
  const row = await session.first({ statement, tokens: { f: 0 } })
  const rows = (row?.rows ?? '').split('\n')
  return rows.flatMap((line) => (line === '' ? [] : [JSON.parse(line.slice(line.indexOf('{'))) as SampledRow]))
}

/** One row, `rows`: a JSON object a line behind its place; null for a plan without changes. */
export function sampleStatement({ dialect }: Context, schema: string, sync: string): Statement {
  const { plan } = ledgerTables(schema, sync)
  const steps = new Steps()
  const placed = steps.add(
    'placed',
    'what would be sent, with its place among its kind',
    sql`
      select
        seq, verdict, profile_id, key_json, payload,
        row_number() over (partition by verdict order by seq) as place
      from ${from(plan)}
      where verdict in ('create', 'update', 'remove')`,
  )
  const json = dialect.concat([
    // Lines are sorted as texts.
    dialect.substring(dialect.cast(sql`1000000000 + seq`, 'text'), sql`2`),
    text('{"op":'),
    dialect.json(sql`verdict`, 'text'),
    text(',"profile_id":'),
    sql`coalesce(${dialect.json(sql`profile_id`, 'text')}, 'null')`,
    text(',"key":'),
    sql`key_json`,
    text(',"fields":'),
    sql`payload`,
    text('}'),
  ])
  const query = steps.select(sql`
    select ${dialect.listText(json, '\n')} as rows
    from ${placed}
    where place <= ${ROWS}`)
  return { name: 'sample of a plan', reason: 'a few rows of each kind, to be looked at', sql: query }
}
