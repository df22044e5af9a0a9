import type { Phones } from '../compile/model.ts'
import { phoneReader } from '../phone.ts'
import type { Tokens, Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

const PAGE = 10_000

/**
 * Parses the phones that no build has parsed yet and keeps them in the warehouse. A number that is none (or a national
 * one without a country) is kept with null, so that it is not parsed again.
 */
export async function parsePhones(session: Session, phones: Phones, tokens: Tokens, values: Values): Promise<void> {
  const [collected] = await session.script([{ statement: phones.collect, tokens, values }])
  if (collected?.rows === 0) return
  const parse = await phoneReader()
  for await (const page of session.read(phones.missing, ['raw', 'region'], PAGE, undefined, tokens)) {
    const [raw = [], region = []] = page.columns
    const e164 = raw.map((value, index) => (value === null ? null : parse(value, region[index] ?? undefined)))
    await session.append(phones.lookup, {
      rows: page.rows,
      columns: [raw, region, e164, raw.map(() => phones.version)],
    })
  }
}
