import type { Project, Sync } from '../project/project.ts'
import { column, from, parameter, type Sql, type Statement, Steps, sql, type Table } from '../sql/sql.ts'
import { unitText } from './changes-values.ts'
import { type Context, statement } from './context.ts'
import { type LedgerTables, tableSuffix } from './ledger-tables.ts'
import { buildTable } from './names.ts'

/** Where the plan of a sync is kept that is to be sent later: a table of the build from which it was made. */
export function keptPlanTable(project: Pick<Project, 'schemas'>, sync: string): Table {
  return buildTable(project, 'plan_', tableSuffix(sync))
}

/** How a plan is kept as a table of its build, which goes when the build goes, and how it becomes that of a fence. */
export function keptPlanStatements(
  context: Context,
  sync: Pick<Sync, 'name'>,
  tables: Pick<LedgerTables, 'plan' | 'sync'>,
): Readonly<Record<'keep' | 'digest' | 'adopt', Statement>> {
  const { dialect, project } = context
  const kept = keptPlanTable(project, sync.name)
  return {
    keep: statement(
      'keep plan',
      'beside its build, to be sent later exactly as it is',
      dialect.createTable(kept, sql`select * from ${from(tables.plan)}`),
    ),
    digest: statement('digest of a kept plan', 'equal plans have equal digests', digestQuery(context, kept)),
    adopt: statement(
      'adopt plan',
      'the plan that was kept becomes that of this fence',
      dialect.createTable(
        tables.plan,
        sql`
          select *
          from ${from(kept)}
          where exists (
            select 1
            from ${from(tables.sync)}
            where sync_id = ${parameter('sync')} and fence = ${dialect.cast(parameter('fence'), 'bigint')}
          )`,
      ),
    ),
  }
}

const ROWS_TOGETHER = 1000

/** One row, `digest`: of every change with its place, key and content; null for a plan without rows. */
function digestQuery({ dialect }: Context, plan: Table): Sql {
  const parts = ['seq', 'verdict', 'key_hash', 'fp', 'tried_fp', 'rev', 'payload', 'profile_id']
  const said = parts.map((name) => sql`coalesce(${dialect.cast(column('p', name), 'text')}, '')`)
  const steps = new Steps()
  const blocks = steps.add(
    'blocks',
    'a digest for every thousand rows: one text of all of them would be too long',
    sql`
      select ${dialect.md5(dialect.listText(dialect.md5(unitText(said, dialect)), ''))} as digest
      from ${from(plan)} as p
      group by ${dialect.round(sql`p.seq / ${ROWS_TOGETHER}`, 0, 'decimal')}`,
  )
  return steps.select(sql`
    select ${dialect.md5(dialect.listText(sql`digest`, ''))} as digest
    from ${blocks}`)
}
