import type { CountryCode } from 'libphonenumber-js'
import type { Phones } from '../compile/model.ts'
import type { Tokens } from '../sql/sql.ts'
import type { Cell, Session } from '../warehouses/warehouse.ts'

const PAGE = 10_000

/**
 * Parses the phones that no build has parsed yet and keeps them in the warehouse. A number that is none (or a national
 * one without a country) is kept with null, so that it is not parsed again.
 */
export async function parsePhones(session: Session, phones: Phones, tokens: Tokens): Promise<void> {
  const [collected] = await session.script([{ statement: phones.collect, tokens }])
  if (collected?.rows === 0) return
  const { parsePhoneNumberFromString, isSupportedCountry } = await import('libphonenumber-js/max')
  const parse = (raw: Cell, region: Cell): Cell => {
    if (raw === null) return null
    const country = region !== null && isSupportedCountry(region) ? (region as CountryCode) : undefined
    const phone = parsePhoneNumberFromString(raw, country === undefined ? {} : { defaultCountry: country })
    return phone?.isValid() ? phone.number : null
  }
  for await (const page of session.read(phones.missing, ['raw', 'region'], PAGE, undefined, tokens)) {
    const [raw = [], region = []] = page.columns
    const e164 = raw.map((value, index) => parse(value, region[index] ?? null))
    await session.append(phones.lookup, {
      rows: page.rows,
      columns: [raw, region, e164, raw.map(() => phones.version)],
    })
  }
}
