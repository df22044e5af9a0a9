import type { Survey } from '../compile/model.ts'
import { CdpError, problem } from '../error.ts'
import type { Tokens, Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** What a build of one identity graph must do. */
export interface Surveyed {
  /** Everything is solved; else only what changed. */
  readonly whole: boolean
  /** Parameters of the statements: up to where each source was read, and whether block lists changed. */
  readonly values: Values
}

/**
 * Decides what must be read. Throws CdpError `identity/empty-source` when a source that had rows at the last published
 * build has none: that is a broken load far more often than the end of all customers.
 */
export async function survey(
  session: Session,
  asked: Survey,
  { tokens, fullRefresh }: { readonly tokens: Tokens; readonly fullRefresh: boolean },
): Promise<Surveyed> {
  await session.script([{ statement: asked.marks, tokens }])
  const row = (await session.first({ statement: asked.decide, tokens })) ?? {}
  const emptied = asked.sources.filter(
    ({ name, mayBeEmpty }) => !mayBeEmpty && Number(row[`total_${name}`]) === 0 && Number(row[`before_${name}`]) > 0,
  )
  if (emptied.length > 0)
    throw new CdpError(
      'warehouse',
      emptied.map(({ name, at }) =>
        problem(
          'identity/empty-source',
          `Source "${name}" has no rows; at the last published build it had ${row[`before_${name}`]}.`,
          at,
          'Nothing was published. Look at what loads the source; if it is right, write `may_be_empty: true` there.',
        ),
      ),
    )
  const whole = fullRefresh || asked.alwaysWhole || row.rules !== asked.rules
  const read = asked.sources.flatMap(({ name, after, settled }) => [
    [after, whole ? null : (row[`after_${name}`] ?? null)] as const,
    [settled, row[`settled_${name}`] ?? null] as const,
  ])
  return {
    whole,
    values: { ...Object.fromEntries(read), [asked.blocksChanged]: !whole && row.blocks !== asked.blocks },
  }
}
