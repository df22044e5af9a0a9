/** One row of a consent source, about a person of whom the test knows. Times are days; now is day 0. */
export interface Answer {
  readonly person: number
  /** Which identifiers the row names, by type. */
  readonly names: Readonly<Record<string, string>>
  readonly purpose: string
  readonly status: string | null
  readonly at: number | null
}

export interface Rules {
  readonly granted: readonly string[]
  /** Days for which a yes holds. */
  readonly expiresAfter: number
}

/**
 * May a person be contacted for a purpose by these values (type → value)? In the words of the documentation: a row that
 * names one of the types speaks for its value alone, any other for the person; the last answer counts; of several at
 * once, unknown ones, those without a time and those of the future, no wins; a later no of the person beats an older
 * yes of a value.
 */
export function mayContact(
  answers: readonly Answer[],
  person: number,
  values: Readonly<Record<string, string>>,
  { granted, expiresAfter }: Rules,
): boolean {
  const isYes = ({ status, at }: Answer) =>
    at !== null && at <= 0 && granted.includes((status ?? '').trim().toLowerCase())
  const holds = (one: Answer) => isYes(one) && (one.at ?? 0) > -expiresAfter
  const time = ({ at }: Answer) => at ?? Number.POSITIVE_INFINITY
  const aboutValues = Object.entries(values).map(([type, value]) => answers.filter((one) => one.names[type] === value))
  for (const about of aboutValues) {
    const last = about.filter((one) => time(one) === Math.max(...about.map(time)))
    if (about.length > 0 && !last.every(holds)) return false
  }
  const aboutPerson = answers.filter(
    (one) => one.person === person && !Object.keys(values).some((type) => one.names[type] !== undefined),
  )
  const yes = [...aboutValues.flat(), ...aboutPerson].filter(holds).map(time)
  const no = aboutPerson.filter((one) => !isYes(one)).map(time)
  return yes.length > 0 && Math.max(...yes) > Math.max(Number.NEGATIVE_INFINITY, ...no)
}
