import type { Flush, Ledger } from '../../src/sync/ledger.ts'
import type { ModelSnapshot } from '../../src/sync/model-rows.ts'
import type { ModelWarehouse } from '../../src/sync/model-warehouse.ts'
import type { Setting } from './simulation.ts'

/** A ledger in which one rule of the protocol is broken. */
export interface Mutant {
  readonly name: string
  /** Where it differs from the real one. */
  readonly setting?: Partial<Setting>
  /** Where the search begins, for one that few seeds notice; default: 1. */
  readonly from?: number
  change(ledger: Ledger, warehouse: ModelWarehouse): Ledger
}

/** Each must be killed: a rule whose breach no seed notices is not tested. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledged when sent, not when answered',
    change: (ledger) => {
      let intended = 0
      const flush = (flush: Flush): Flush => {
        const { intent } = flush
        if (intent === undefined) return flush
        const acks: Flush['acks'] = [{ lo: intended + 1, hi: intent, outcome: 'written' }]
        intended = intent
        return { acks: [...acks, ...flush.acks], intent }
      }
      return {
        ...over(ledger),
        claim: (claim) => {
          intended = 0
          return ledger.claim(claim)
        },
        flush: (lease, given) => ledger.flush(lease, flush(given)),
      }
    },
  },
  {
    name: 'nothing is declared before it is sent',
    change: (ledger) => ({ ...over(ledger), flush: (lease, { acks }) => ledger.flush(lease, { acks }) }),
  },
  {
    name: 'an ok ends the hold of an ambiguous attempt before it',
    setting: { settles: 90 },
    change: (ledger) => ({
      ...over(ledger),
      flush: (lease, flush) =>
        ledger.flush(lease, {
          ...flush,
          acks: flush.acks.map(({ hold, ...ack }) =>
            ack.outcome === 'written' || hold === undefined ? ack : { ...ack, hold },
          ),
        }),
    }),
  },
  {
    name: 'an unknown row has no hold',
    setting: { settles: 90 },
    change: (ledger, warehouse) =>
      afterMerge(ledger, () => {
        for (const [key, row] of warehouse.snapshot)
          if (row.state === 'unknown') warehouse.snapshot.set(key, { ...row, hold_until: null })
      }),
  },
  {
    name: 'a removed row leaves no tombstone',
    from: 107,
    setting: { settles: 90 },
    change: (ledger, warehouse) =>
      afterMerge(ledger, () => {
        for (const [key, row] of warehouse.snapshot) if (row.state === 'tomb') warehouse.snapshot.delete(key)
      }),
  },
  {
    name: 'a fenced holder confesses nothing',
    from: 589,
    setting: { gap: 70, strict: false },
    change: (ledger) => ({ ...over(ledger), confess: async () => undefined }),
  },
  {
    name: 'a repeated merge changes what it had changed',
    change: (ledger, warehouse) => {
      const plans = new Map(warehouse.plans)
      return keepingPlans(ledger, warehouse, plans, (row) =>
        plans.has(row.last_fence) ? row.last_fence - 1 : row.last_fence,
      )
    },
  },
  {
    name: 'an old plan overwrites what newer fences learnt',
    change: (ledger, warehouse) => keepingPlans(ledger, warehouse, new Map(), () => -1),
  },
  {
    name: 'whoever withdraws while a plan is sent is sent all the same',
    change: (ledger) => ({
      ...over(ledger),
      consents: async (lease, lo, hi) => {
        const now = await ledger.consents(lease, lo, hi)
        return now && { ...now, refused: new Set() }
      },
    }),
  },
  {
    name: 'a whole is replaced with people in it who have withdrawn',
    from: 100,
    change: (ledger) => ({
      ...over(ledger),
      allConsents: async (lease) => {
        const now = await ledger.allConsents(lease)
        return now && { ...now, refused: 0 }
      },
    }),
  },
  {
    name: 'a rebase asks of no row what it was acknowledged as',
    change: (ledger, warehouse) => ({
      ...over(ledger),
      plan: async (lease, max, how) => {
        const counts = await ledger.plan(lease, max, how)
        if (lease === undefined || !how?.rebase) return counts
        const rows = warehouse.plans.get(lease.fence) ?? []
        const all = rows.map((row) =>
          row.verdict === 'update' ? { ...row, verdict: 'rebased' as const, op: undefined } : row,
        )
        warehouse.plans.set(lease.fence, all)
        return { ...counts, updates: 0, marks: counts.marks + counts.updates }
      },
    }),
  },
]

/** The same ledger as a plain object, so that single methods can be replaced. */
function over(ledger: Ledger): Ledger {
  return {
    prepare: () => ledger.prepare(),
    claim: (claim) => ledger.claim(claim),
    renew: (lease) => ledger.renew(lease),
    recover: (lease) => ledger.recover(lease),
    standing: () => ledger.standing(),
    acknowledge: () => ledger.acknowledge(),
    plan: (lease, max, how) => ledger.plan(lease, max, how),
    changes: (lease) => ledger.changes(lease),
    desired: (lease) => ledger.desired(lease),
    hasFreshSuppressions: () => ledger.hasFreshSuppressions(),
    revoked: (lease, lo, hi) => ledger.revoked(lease, lo, hi),
    consents: (lease, lo, hi) => ledger.consents(lease, lo, hi),
    allConsents: (lease) => ledger.allConsents(lease),
    flush: (lease, flush) => ledger.flush(lease, flush),
    confess: (lease, rows) => ledger.confess(lease, rows),
    merge: (lease) => ledger.merge(lease),
    submitted: (lease) => ledger.submitted(lease),
    settle: (lease, rows) => ledger.settle(lease, rows),
    retry: (lease, compliance) => ledger.retry(lease, compliance),
    finish: (lease, event) => ledger.finish(lease, event),
    surrender: (lease, event) => ledger.surrender(lease, event),
    discard: () => ledger.discard(),
    keep: () => ledger.keep(),
    stands: (kept) => ledger.stands(kept),
    survey: (lease, keys) => ledger.survey(lease, keys),
    adopt: (lease, kept) => ledger.adopt(lease, kept),
  }
}

function afterMerge(ledger: Ledger, act: () => void): Ledger {
  const then = <T>(result: T): T => {
    act()
    return result
  }
  return {
    ...over(ledger),
    recover: (lease) => ledger.recover(lease).then(then),
    merge: (lease) => ledger.merge(lease).then(then),
  }
}

/** Plans are never dropped and merged again by every run, with other fences in the snapshot than were written. */
function keepingPlans(
  ledger: Ledger,
  warehouse: ModelWarehouse,
  plans: Map<number, ReturnType<ModelWarehouse['plans']['get']> & object>,
  fence: (row: ModelSnapshot) => number,
): Ledger {
  const remember = () => {
    for (const [number, plan] of warehouse.plans) plans.set(number, plan)
  }
  return {
    ...over(ledger),
    plan: (lease, max) =>
      ledger.plan(lease, max).then((counts) => {
        remember()
        return counts
      }),
    recover: (lease) => {
      for (const [number, plan] of plans) if (number < lease.fence) warehouse.plans.set(number, plan)
      warehouse.lease.settledFence = 0
      for (const [key, row] of warehouse.snapshot) warehouse.snapshot.set(key, { ...row, last_fence: fence(row) })
      return ledger.recover(lease)
    },
  }
}
