/** A row of orders in plain TypeScript; times in days before now, which may be negative (a row of tomorrow). */
export interface Order {
  readonly who: string
  readonly daysAgo: number | undefined
  readonly amount: number | undefined
  readonly status: string
}

/** What a profile's RFM score should be. */
export interface Rfm {
  readonly recency: number
  readonly frequency: number
  readonly monetary: number
}

/** Tiles of everybody who has a row that counts. */
export function rfmOf(orders: readonly Order[], tiles: number): ReadonlyMap<string, Rfm> {
  const facts = factsOf(orders)
  const tile = (value: (one: Facts) => number) => {
    const values = [...facts.values()].map(value)
    return (one: Facts) =>
      Math.ceil((tiles * values.filter((other) => other <= value(one)).length) / Math.max(1, values.length))
  }
  const recency = tile(({ newest }) => -newest)
  const frequency = tile(({ count }) => count)
  const monetary = tile(({ total }) => total)
  return new Map(
    [...facts].map(([who, one]) => [
      who,
      { recency: recency(one), frequency: frequency(one), monetary: monetary(one) },
    ]),
  )
}

/** The cell of a score of five tiles: for each recency, from which frequency + monetary on. */
export function cellOf({ recency, frequency, monetary }: Rfm): string {
  const both = frequency + monetary
  const table: Readonly<Record<number, Readonly<Record<number, string>>>> = {
    5: { 2: 'new', 5: 'potential_loyalists', 7: 'loyal', 8: 'champions' },
    4: { 2: 'promising', 5: 'potential_loyalists', 7: 'loyal', 8: 'champions' },
    3: { 2: 'about_to_sleep', 5: 'need_attention', 7: 'loyal' },
    2: { 2: 'hibernating', 5: 'at_risk', 9: 'cannot_lose' },
    1: { 2: 'lost', 5: 'at_risk', 9: 'cannot_lose' },
  }
  const steps = Object.entries(table[recency] ?? {})
  return steps.findLast(([from]) => both >= Number(from))?.[1] ?? ''
}

/** The amount to be expected within so many days; 0 for who is in no row. */
export function worthOf(orders: readonly Order[], who: string, horizon: number): number {
  const one = factsOf(orders).get(who)
  if (!one) return 0
  const [known, active] = [one.oldest, one.oldest - one.newest]
  const alive = (Math.max(active, 30) / Math.max(known, 30)) ** one.count
  return (one.total / Math.max(known, 365)) * horizon * alive
}

/** The weighted mean of the shares of the others who stand below, times 100; undefined is below everything. */
export function weightedOf<T>(
  people: readonly T[],
  weights: readonly { readonly of: (one: T) => number | undefined; readonly weight: number }[],
): (one: T) => number {
  const isBelow = (a: number | undefined, b: number | undefined, sign: number) =>
    b !== undefined && (a === undefined || (a - b) * sign < 0)
  const total = weights.reduce((sum, { weight }) => sum + Math.abs(weight), 0)
  return (one) => {
    const points = weights.map(({ of, weight }) => {
      const below = people.filter((other) => isBelow(of(other), of(one), Math.sign(weight))).length
      return Math.abs(weight) * (people.length > 1 ? below / (people.length - 1) : 0)
    })
    return (100 * points.reduce((sum, point) => sum + point, 0)) / total
  }
}

interface Facts {
  readonly newest: number
  readonly oldest: number
  readonly count: number
  readonly total: number
}

function factsOf(orders: readonly Order[]): ReadonlyMap<string, Facts> {
  const facts = new Map<string, Facts>()
  for (const { who, daysAgo, amount = 0 } of orders) {
    if (daysAgo === undefined || daysAgo < 0) continue
    const before = facts.get(who) ?? { newest: daysAgo, oldest: daysAgo, count: 0, total: 0 }
    facts.set(who, {
      newest: Math.min(before.newest, daysAgo),
      oldest: Math.max(before.oldest, daysAgo),
      count: before.count + 1,
      total: before.total + (Math.abs(amount) <= 1e100 ? amount : 0),
    })
  }
  return facts
}
