import type { Columns, Listing, RowOf } from '../compile/listing.ts'
import type { Tokens, Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** The rows of a listing, in no order. */
export async function listed<C extends Columns>(
  session: Session,
  { statement, columns }: Listing<C>,
  values: Values = {},
  tokens: Tokens = {},
): Promise<readonly RowOf<C>[]> {
  const names = Object.keys(columns)
  const answer = await session.first({ statement, values, tokens })
  const lines = (answer?.listed ?? '').split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    const cells = JSON.parse(line) as readonly unknown[]
    return Object.fromEntries(names.map((name, at) => [name, cells[at]])) as unknown as RowOf<C>
  })
}
