/** One row of the source of a history. */
export interface OrderRow {
  readonly key: string
  readonly email: string
  /** Days since the beginning of the history. */
  readonly day: number
  readonly amount: number
  readonly draft: boolean
}

/** One line of people: `uid` joins those that share it. */
export interface PersonRow {
  readonly email: string
  readonly uid: string
  readonly points: number
  /** What was said last. */
  readonly agrees: boolean
}

export interface RowsWorld {
  readonly people: readonly PersonRow[]
  readonly orders: readonly OrderRow[]
}

export type RowsMode = 'upsert' | 'update' | 'insert' | 'mirror' | 'append'

/** A sync of the history: its mode, whether its purpose asks people, and the day of its start. */
export interface RowsPlan {
  readonly mode: RowsMode
  readonly asks: boolean
  readonly from: number
}

type Values = Readonly<Record<string, number>>

interface Sent {
  /** What was acknowledged last; undefined = taken away again. */
  readonly values: Values | undefined
  /** The emails of the person to whom it was sent; '' = nobody. */
  readonly person: string
}

/** Who has 100 points or more is left out. */
const STAFF = 100

/** What a receiver should hold after each run, by the words of the documentation and by nothing of our code. */
export class RowsOracle {
  readonly rows = new Map<string, Values>()
  /** Keys of which the documentation says nothing: their person has become another one since they were sent. */
  readonly unsure = new Set<string>()
  readonly #plan: RowsPlan
  readonly #sent = new Map<string, Sent>()

  constructor(plan: RowsPlan) {
    this.#plan = plan
  }

  run(world: RowsWorld): void {
    const included = this.#included(world)
    const keys = new Set([...included.map(({ key }) => key), ...this.#sent.keys()])
    const nameless = new Set(
      included
        .filter((row) => row.key === '' || of(included, row.key).length > 1)
        .map((row) => personOf(world, row.email)),
    )
    for (const key of keys) if (key !== '') this.#decide(world, key, of(included, key), nameless)
  }

  #included(world: RowsWorld): readonly OrderRow[] {
    return world.orders.filter(({ email, draft, day }) => {
      if (draft || day < this.#plan.from) return false
      return pointsOf(world, personOf(world, email)) < STAFF
    })
  }

  #decide(world: RowsWorld, key: string, rows: readonly OrderRow[], nameless: ReadonlySet<string>): void {
    const { mode } = this.#plan
    const before = this.#sent.get(key)
    const [row] = rows
    if (row === undefined) {
      if (before?.values === undefined) return
      if (before.person !== '' && !persons(world).includes(before.person)) this.unsure.add(key)
      if (mode === 'append') return
      if (this.#mayNot(world, before.person, false)) this.#remove(key, before)
      else if (mode === 'mirror' && !(before.person !== '' && nameless.has(before.person))) this.#remove(key, before)
      return
    }
    if (rows.some(({ email }) => this.#mayNot(world, personOf(world, email), true))) {
      if (mode !== 'append' && before?.values !== undefined) this.#remove(key, before)
      return
    }
    if (rows.length > 1) return
    this.#send(key, valuesOf(world, row), personOf(world, row.email), before)
  }

  #send(key: string, values: Values, person: string, before: Sent | undefined): void {
    const { mode } = this.#plan
    const isKnown = before?.values !== undefined
    if (isKnown && (mode === 'insert' || mode === 'append')) return
    // A row that is unchanged stays that of the person to whom it was sent.
    if (isKnown && JSON.stringify(before.values) === JSON.stringify(values)) return
    this.rows.set(key, { ...this.rows.get(key), ...values })
    // A row of nobody does not take away whose it was.
    this.#sent.set(key, { values, person: person === '' ? (before?.person ?? '') : person })
  }

  #remove(key: string, before: Sent): void {
    this.rows.delete(key)
    this.#sent.set(key, { ...before, values: undefined })
  }

  /** Of a row that is there, nobody has agreed for nobody. */
  #mayNot(world: RowsWorld, person: string, isThere: boolean): boolean {
    if (!this.#plan.asks) return false
    if (person === '') return isThere
    return persons(world).includes(person) && !linesOf(world, person).every(({ agrees }) => agrees)
  }
}

function of(rows: readonly OrderRow[], key: string): readonly OrderRow[] {
  return rows.filter((row) => row.key === key)
}

function valuesOf(world: RowsWorld, { amount, email }: OrderRow): Values {
  const person = personOf(world, email)
  return { a: amount, ...(person !== '' && { p: pointsOf(world, person) }) }
}

/** People are those who share a uid, under their emails; uids are given so that one step finds them all. */
function personOf({ people }: RowsWorld, email: string): string {
  const uid = people.find((one) => one.email === email)?.uid
  if (uid === undefined) return ''
  return people
    .flatMap((one) => (one.uid === uid ? [one.email] : []))
    .sort()
    .join(' ')
}

function persons(world: RowsWorld): readonly string[] {
  return world.people.map(({ email }) => personOf(world, email))
}

function linesOf({ people }: RowsWorld, person: string): readonly PersonRow[] {
  const emails = person.split(' ')
  return people.filter(({ email }) => emails.includes(email))
}

function pointsOf(world: RowsWorld, person: string): number {
  return person === '' ? 0 : linesOf(world, person).reduce((sum, { points }) => sum + points, 0)
}
