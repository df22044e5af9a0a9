import { expect, test } from 'vitest'
import { Dice } from '../../simulation/random.ts'
import { type OrderRow, type PersonRow, RowsOracle, type RowsPlan, type RowsWorld } from '../../support/rows-oracle.ts'
import { csv, openPostbox, rowsShop } from '../../support/rows-shop.ts'

const HISTORIES = Number(process.env.HISTORIES ?? 1)
const FROM = Number(process.env.FROM ?? 1)
const RUNS = 5

const SYNCS: Readonly<Record<string, RowsPlan>> = {
  upsert: { mode: 'upsert', asks: true, from: Number.NEGATIVE_INFINITY },
  update: { mode: 'update', asks: false, from: Number.NEGATIVE_INFINITY },
  insert: { mode: 'insert', asks: false, from: Number.NEGATIVE_INFINITY },
  mirror: { mode: 'mirror', asks: true, from: Number.NEGATIVE_INFINITY },
  free: { mode: 'mirror', asks: false, from: Number.NEGATIVE_INFINITY },
  append: { mode: 'append', asks: true, from: 0 },
  all: { mode: 'append', asks: false, from: Number.NEGATIVE_INFINITY },
}

const MODELS = `
sources:
  people: { file: data/people.csv, category: profile, key: email, identifiers: { email: email, uid: uid }, columns: { points: { type: integer } } }
  orders:
    file: data/orders.csv
    category: transaction
    key: order_id
    at: at
    identifiers: { email: mail }
    columns: { amount: { type: integer } }
  answers: { file: data/answers.csv, category: consent, updated_at: said_at, identifiers: { email: mail } }
entities: { customer: { identifiers: { uid: {}, email: {} } } }
traits: { customer: { points: { from: people, sum: points } } }
segments: { staff: { where: points >= 100 } }
consent: { source: answers, status: status, purpose: purpose, granted: [granted] }
purposes: { news: { basis: consent }, service: { basis: contract } }
`

test(`receivers hold what every mode says, in ${HISTORIES} histories of rows and people`, async () => {
  const seen = { sent: 0, removed: 0, compared: 0 }
  for (let seed = FROM; seed < FROM + HISTORIES; seed++) await history(seed, seen)
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(10)
}, 600_000)

async function history(seed: number, seen: { sent: number; removed: number; compared: number }): Promise<void> {
  const dice = new Dice(seed)
  const boxes = await Promise.all(Object.keys(SYNCS).map(async (name) => ({ name, box: await openPostbox() })))
  const shop = await rowsShop({ 'models/all.yaml': MODELS, 'destinations/all.yaml': destinations(boxes) })
  const oracles = new Map(Object.entries(SYNCS).map(([name, plan]) => [name, new RowsOracle(plan)]))
  let world: RowsWorld = { people: [], orders: [] }
  for (let day = 0; day <= RUNS; day++) {
    // The last run finds everything as it was.
    if (day < RUNS) world = edited(dice, world)
    await shop.write(filesOf(world, day))
    await shop.run(timeOf(day))
    for (const { name, box } of boxes) {
      const oracle = oracles.get(name)
      if (oracle === undefined) throw new Error(`no oracle of ${name}`)
      oracle.run(world)
      const sure = (rows: ReadonlyMap<string, unknown>) =>
        Object.fromEntries([...rows].filter(([key]) => !oracle.unsure.has(key)).sort())
      expect(sure(box.rows), `${name} after run ${day} of seed ${seed}`).toEqual(sure(oracle.rows))
      const told = box.look()
      if (day === RUNS) expect(told, `${name} of seed ${seed}`).toEqual([])
      seen.sent += told.length
      seen.removed += told.filter((one) => one.startsWith('remove')).length
      seen.compared += box.rows.size
    }
  }
}

function destinations(boxes: readonly { readonly name: string; readonly box: { readonly url: string } }[]): string {
  const guard = '{ max_removed: 100%, max_changed: 100%, max_invalid: 100% }'
  const syncs = boxes.map(({ name }) => {
    const { mode, asks, from } = SYNCS[name] ?? {}
    const start = mode === 'append' && from !== 0 ? ', start_at: beginning' : ''
    return `  ${name}: { to: ${name}, source: orders, mode: ${mode}, exclude: [staff], where: status != draft, purpose: ${asks ? 'news' : 'service'}, fields: { a: amount, p: customer.points }, guard: ${guard}${start} }`
  })
  const hooks = boxes.map(
    ({ name, box }) => `  ${name}: { type: webhook, url: "${box.url}", allow_private: true, settles_within: 0s }`,
  )
  return `destinations:\n${hooks.join('\n')}\nsyncs:\n${syncs.join('\n')}\n`
}

/** Rows and people are added, changed and taken away; people become one and two again. The first of each stays. */
function edited(dice: Dice, { people, orders }: RowsWorld): RowsWorld {
  const person = (index: number): PersonRow => {
    const before = people.find(({ email }) => email === `e${index}@x.fr`)
    if (before && dice.chance(0.5)) return before
    if (index === 0) return { email: 'e0@x.fr', uid: 'u0', points: 1, agrees: true }
    return {
      email: `e${index}@x.fr`,
      uid: `u${index > 2 && dice.chance(0.3) ? dice.pick([1, 2]) : index}`,
      points: dice.pick([1, 2, 3, 60, 100]),
      agrees: dice.chance(0.7),
    }
  }
  const order = (index: number): OrderRow[] => {
    const before = orders.filter(({ key }) => key === `o${index}`)
    if (index === 0) return [{ key: 'o0', email: 'e0@x.fr', day: 9, amount: 1, draft: false }]
    if (dice.chance(0.4)) return [...before]
    if (dice.chance(0.25)) return []
    return [
      {
        key: dice.chance(0.1) ? '' : `o${dice.chance(0.1) ? dice.below(9) : index}`,
        email: dice.chance(0.2) ? '' : `e${dice.below(5)}@x.fr`,
        day: dice.pick([-1, 0, 1, 2]),
        amount: dice.below(4),
        draft: dice.chance(0.1),
      },
    ]
  }
  return {
    people: Array.from({ length: 5 }, (_, index) => person(index)),
    orders: Array.from({ length: 10 }, (_, index) => order(index)).flat(),
  }
}

function filesOf({ people, orders }: RowsWorld, day: number): Readonly<Record<string, string>> {
  const said = timeOf(day - 30)
  return {
    'data/people.csv': csv('email,uid,points', ...people.map(({ email, uid, points }) => `${email},${uid},${points}`)),
    'data/orders.csv': csv(
      'order_id,mail,at,amount,status',
      ...orders.map(
        (row) => `${row.key},${row.email},${timeOf(row.day)},${row.amount},${row.draft ? 'draft' : 'paid'}`,
      ),
    ),
    'data/answers.csv': csv(
      'mail,status,purpose,said_at',
      ...people.map(({ email, agrees }) => `${email},${agrees ? 'granted' : 'refused'},news,${said}`),
    ),
  }
}

/** Noon of a day of the history. */
function timeOf(day: number): string {
  return new Date(Date.UTC(2026, 2, 1, 12) + day * 86_400_000).toISOString()
}
