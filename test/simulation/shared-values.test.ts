import { describe, expect, test } from 'vitest'
import { leaveText } from '../../src/compile/changes.ts'
import type { Json } from '../../src/connectors/connector.ts'
import type { Ledger, PlannedChange } from '../../src/sync/ledger.ts'
import { ModelLedger } from '../../src/sync/model-ledger.ts'
import type { ModelRow, ModelSync } from '../../src/sync/model-rows.ts'
import { modelWarehouse } from '../../src/sync/model-warehouse.ts'
import { ALL } from '../support/all.ts'
import { ENGINES } from '../support/engines.ts'
import { Dice } from './random.ts'
import { SqlPlace } from './sql-place.ts'

const TIMING = { lease: 10_000, settlesWithin: 5_000 }
const SEEDS = ALL ? 12 : 6

const SYNC: ModelSync = {
  name: 'list',
  mode: 'mirror',
  removes: true,
  withdraws: true,
  asks: false,
  whole: false,
  fields: ['v', 'c', 'n'].map((name) => ({ name, onNull: 'skip', write: 'always' })),
  matchFields: new Set(['v', 'c', 'n']),
  lists: new Map([
    ['v', 'addresses'],
    ['c', 'addresses'],
  ]),
  leave: leaveText({ onLeave: { verb: 'remove' } }),
  withdraw: leaveText({ onLeave: { verb: 'withdraw' } }),
}

describe.each(ENGINES)('on $title', (engine) => {
  test(`a value leaves with a row, or with a change of it, exactly where nobody who stays has it, in ${SEEDS} audiences`, async () => {
    const { open, stop } = await engine.start()
    const session = await open()
    const seen = { kept: 0, forgotten: 0 }
    try {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const place = new SqlPlace({ session, engine }, `s${seed}`, SYNC, TIMING)
        await place.create()
        await place.setTime(1_000_000)
        const dice = new Dice(seed)
        let rows: readonly ModelRow[] = household(dice)
        const warehouse = modelWarehouse(
          () => 1_000_000,
          () => rows,
        )
        const model = new ModelLedger(warehouse, SYNC, TIMING, 5)
        const both = async (runId: string) => {
          await place.write(rows)
          const ledger = place.open()
          await ledger.prepare()
          const mine = await sent(ledger, runId)
          expect(mine, `seed ${seed}`).toEqual(await sent(model, runId))
          return mine
        }
        await both('one')
        const before = rows
        rows = household(dice)
        for (const change of await both('two')) expectForgotten(change, { before, now: rows }, seen)
      }
    } finally {
      await session.close()
      await stop()
    }
    expect(seen.kept).toBeGreaterThan(SEEDS)
    expect(seen.forgotten).toBeGreaterThan(SEEDS)
  })
})

/** Ten people with few addresses between them. */
function household(dice: Dice): readonly ModelRow[] {
  const address = () => dice.pick(['a@x', 'B@x', ' b@X ', 'c@x', 'd@x', 'e@x', 'f@x', 'g@x', '', null])
  return Array.from({ length: 10 }, (_, n): ModelRow[] =>
    dice.chance(0.4)
      ? []
      : [
          {
            profileId: `p${n}`,
            key: { k: `k${n}` },
            values: { v: address(), c: address(), n: dice.pick([1, 2]) },
            excluded: dice.chance(0.1),
            ...(dice.chance(0.1) && { barred: 'suppressed' as const }),
          },
        ],
  ).flat()
}

/** Plans, writes down that all was written, and gives what was planned. */
async function sent(ledger: Ledger, runId: string): Promise<readonly PlannedChange[]> {
  const claimed = await ledger.claim({ runId, holder: runId, dead: undefined })
  if (claimed.kind !== 'held') throw new Error('nobody else is here')
  const { lease } = claimed
  await ledger.plan(lease, undefined)
  const changes: PlannedChange[] = []
  for await (const page of ledger.changes(lease)) changes.push(...page)
  await ledger.flush(lease, { acks: [], intent: changes.length })
  await ledger.flush(lease, { acks: [{ lo: 1, hi: changes.length, outcome: 'written' }] })
  await ledger.merge(lease)
  await ledger.finish(lease, { event: 'done', counts: {} })
  return changes
}

/** What a row was told under is in `before`, but for addresses of those who are in the audience now. */
function expectForgotten(
  { before, op, keyJson }: PlannedChange,
  rows: { readonly before: readonly ModelRow[]; readonly now: readonly ModelRow[] },
  seen: { kept: number; forgotten: number },
) {
  if (op === 'create' || before === null) return
  const standing = rows.now.filter((row) => !row.excluded && row.barred === undefined)
  const known = new Set(standing.flatMap(addressesOf))
  const told = rows.before.filter((row) => JSON.stringify(row.key) === keyJson).flatMap(addressesOf)
  const { n, ...addresses } = JSON.parse(before) as Readonly<Record<string, Json>>
  expect(n).toBeDefined()
  const forgotten = addressesOf({ values: addresses })
  expect(forgotten).toEqual(told.filter((one) => !known.has(one)))
  seen.forgotten += forgotten.length
  seen.kept += told.length - forgotten.length
}

function addressesOf({ values }: Pick<ModelRow, 'values'>): readonly string[] {
  return [values.v, values.c].map(folded).filter((one) => one !== '')
}

function folded(value: Json | undefined): string {
  return typeof value === 'string' ? value.trim().toLowerCase() : ''
}
