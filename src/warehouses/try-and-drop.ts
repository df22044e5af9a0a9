import { randomUUID } from 'node:crypto'
import { from, id, type Sql, sql, type Table } from '../sql/sql.ts'
import type { Session } from './warehouse.ts'

/**
 * All that a run does in a schema of the tool's own, made and dropped again, where what is made cannot be taken back: for
 * a moment others can see it, under names that nobody else uses. Throws what a statement throws.
 */
export async function tryAndDrop(
  { dialect, script }: Pick<Session, 'dialect' | 'script'>,
  schema: string,
): Promise<void> {
  const mark = randomUUID().slice(0, 8)
  const table: Table = { schema, name: [`cdp_doctor_${mark}`] }
  const view: Table = { schema, name: [`cdp_doctor_view_${mark}`] }
  const run = async (steps: readonly Sql[]) => {
    for (const step of steps)
      await script([{ statement: { name: `try of ${schema}`, reason: 'may it be made?', sql: step } }])
  }
  const drops = [dialect.dropView(view), dialect.dropTable(table)]
  try {
    await run([
      dialect.createEmptyTable(table, [{ name: 'n', type: 'bigint' }]),
      sql`insert into ${from(table)} (${id('n')}) values (1)`,
      dialect.createView(view, sql`select ${id('n')} from ${from(table)}`),
    ])
  } catch (error) {
    for (const drop of drops) await run([drop]).catch(() => undefined)
    throw error
  }
  await run(drops)
}
