import { type Context, statement as named } from '../compile/context.ts'
import type { LedgerTables } from '../compile/ledger-tables.ts'
import { from, parameter, type Statement, sql, text } from '../sql/sql.ts'

/** One row, `target`: that for which the state was made; none where nothing is kept yet. */
export function targetStatement({ meta }: Pick<LedgerTables, 'meta'>): Statement {
  return named('target of the state', 'a ledger is that of one target', sql`select target from ${from(meta)}`)
}

/** What is known of the ground on which plans are made. */
export function standing({ project }: Context, tables: LedgerTables) {
  return {
    target: targetStatement(tables),
    standing: named(
      'standing',
      'for what target, and as what, rows were acknowledged',
      sql`
        select m.target, s.mapping
        from ${from(tables.meta)} as m
        left join ${from(tables.sync)} as s on s.sync_id = ${parameter('sync')}`,
    ),
    acknowledge: named(
      'acknowledge target',
      'somebody has said that the state is that of this target now',
      sql`
        update ${from(tables.meta)}
        set target = ${text(project.target.name)}`,
    ),
  }
}
