import { createHash } from 'node:crypto'

/** A profile of the tests of segments. */
export interface Person {
  readonly id: string
  readonly n: number | null
  readonly tier: string | null
  readonly household: string | null
}

/** A segment of the tests, segments that it speaks of by their place in the list, which comes before its own. */
export interface Plan {
  /** `n >= least`, unless undefined. */
  readonly least: number | undefined
  readonly member: { readonly of: number; readonly variant: string | undefined; readonly negated: boolean } | undefined
  readonly exclude: readonly number[]
  readonly waterfall: readonly number[]
  /** In percent, by variant; empty for a holdout. */
  readonly split: { readonly shares: readonly number[]; readonly held: number } | undefined
  readonly limit: { readonly rows: number; readonly by: readonly Order[]; readonly per: Per | undefined } | undefined
}

export type Per = 'tier' | 'household'

export interface Order {
  readonly of: 'n' | 'tier'
  readonly descending: boolean
}

/** Members by id with their variant, null where the segment has none, and those who are held out. */
export interface Decided {
  readonly members: ReadonlyMap<string, string | null>
  readonly held: ReadonlySet<string>
}

/** The name of a variant by its place. */
export function variantName(place: number): string {
  return `v${place}`
}

/** What segments decide, in plain steps: condition, exclude, waterfall, split, limit. */
export function decide(
  people: readonly Person[],
  plans: readonly Plan[],
  names: { readonly now: readonly string[]; readonly first: readonly string[] },
): readonly Decided[] {
  const decided: Decided[] = []
  for (const [place, plan] of plans.entries()) {
    const chosen = people.filter((person) => holds(person, plan, decided))
    const sides = new Map(chosen.map(({ id }) => [id, sideOf(`${names.first[place]}:${id}`)]))
    const end = plan.split === undefined ? 1 : (100 - plan.split.held) / 100
    const isHeld = ({ id }: Person) => (sides.get(id) ?? 0) >= end
    const left = limited(
      chosen.filter((person) => !isHeld(person)),
      plan.limit,
    )
    const variantOf = ({ id }: Person) => {
      const first = plan.waterfall.find((other) => decided[other]?.members.has(id))
      return first === undefined ? bySide(plan.split?.shares ?? [], sides.get(id) ?? 0) : (names.now[first] ?? null)
    }
    const members = new Map(left.map((person) => [person.id, variantOf(person)]))
    decided.push({ members, held: new Set(chosen.filter(isHeld).map(({ id }) => id)) })
  }
  return decided
}

function holds({ id, n }: Person, plan: Plan, decided: readonly Decided[]): boolean {
  const isIn = (other: number) => decided[other]?.members.has(id) ?? false
  const { least, member, exclude, waterfall } = plan
  if (least !== undefined && (n === null || n < least)) return false
  if (member !== undefined) {
    const variant = decided[member.of]?.members.get(id)
    const isMember = isIn(member.of) && (member.variant === undefined || variant === member.variant)
    if (isMember === member.negated) return false
  }
  return !exclude.some(isIn) && (waterfall.length === 0 || waterfall.some(isIn))
}

function sideOf(place: string): number {
  const digits = createHash('sha256').update(place).digest('hex').slice(0, 13)
  return Number.parseInt(digits, 16) / 2 ** 52
}

function bySide(shares: readonly number[], side: number): string | null {
  let end = 0
  for (const [place, share] of shares.entries()) {
    end += share
    if (side < end / 100) return variantName(place)
  }
  return null
}

function limited(people: readonly Person[], limit: Plan['limit']): readonly Person[] {
  if (limit === undefined) return people
  const groups = new Map<string, Person[]>()
  for (const person of [...people].sort((a, b) => inOrder(a, b, limit.by))) {
    const value = limit.per === undefined ? 'all' : person[limit.per]
    const key = value === null ? `alone ${person.id}` : `in ${value}`
    groups.set(key, [...(groups.get(key) ?? []), person])
  }
  return [...groups.values()].flatMap((group) => group.slice(0, limit.rows))
}

function inOrder(a: Person, b: Person, by: readonly Order[]): number {
  for (const { of, descending } of by) {
    const [x, y] = [a[of], b[of]]
    if (x === y) continue
    if (x === null) return 1
    if (y === null) return -1
    return x < y === descending ? 1 : -1
  }
  const hash = ({ id }: Person) => (by.length === 0 ? createHash('md5').update(id).digest('hex') : id)
  return hash(a) < hash(b) ? -1 : 1
}
