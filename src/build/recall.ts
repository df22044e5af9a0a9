import type { Recall } from '../compile/model.ts'
import type { Tokens, Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/**
 * Finds out whether what was added up of a source before is of use. Gives two parameters: what the source's columns
 * are, and the business time up to which rows were settled (null: all rows must be read).
 */
export async function recall(session: Session, asked: Recall, tokens: Tokens, known: Values): Promise<Values> {
  const columns = await session.describe(asked.rows, tokens)
  const shape = [...columns].map(([name, type]) => `${name} ${type}`).join(', ')
  const values = { ...known, [asked.shape]: shape }
  const row = await session.first({ statement: asked.decide, tokens, values })
  return { [asked.shape]: shape, [asked.counted]: row?.counted ?? null }
}
