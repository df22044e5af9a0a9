import type { CountryCode } from 'libphonenumber-js'

/** Reads one phone: E.164, or null where it is no number (or a national one without a country). */
export type ReadPhone = (raw: string, region: string | undefined) => string | null

/** Loads the library, which is large, and returns what reads a phone with it. */
export async function phoneReader(): Promise<ReadPhone> {
  const { parsePhoneNumberFromString, isSupportedCountry } = await import('libphonenumber-js/max')
  return (raw, region) => {
    const country = region !== undefined && isSupportedCountry(region) ? (region as CountryCode) : undefined
    const phone = parsePhoneNumberFromString(raw, country === undefined ? {} : { defaultCountry: country })
    return phone?.isValid() ? phone.number : null
  }
}
