import { createHash } from 'node:crypto'
import { ACK_BLOCK } from '../compile/ledger-tables.ts'
import type { Ms } from '../connectors/connector.ts'
import type { Statement, Values } from '../sql/sql.ts'
import type { Cell, Page, Row } from '../warehouses/warehouse.ts'
import type { Ack, Act, Confession, ConsentCounts, FeedNow, Op, PlanCounts, PlannedChange, Settled } from './ledger.ts'

/** Columns of a plan that make a change. */
export const CHANGE_COLUMNS = [
  'seq',
  'verdict',
  'act',
  'key_json',
  'profile_id',
  'payload',
  'ident',
  'old_ident',
  'dest_id',
  'idempotency_key',
] as const

/** The changes at the beginning of a page of a plan: what is kept back stands after them. */
export function changesOf({ rows, columns }: Page): readonly PlannedChange[] {
  const cell = (name: (typeof CHANGE_COLUMNS)[number], row: number): Cell =>
    columns[CHANGE_COLUMNS.indexOf(name)]?.[row] ?? null
  const changes: PlannedChange[] = []
  for (let row = 0; row < rows; row++) {
    const op = cell('verdict', row)
    if (!isOp(op)) break
    changes.push({
      seq: Number(cell('seq', row)),
      op,
      act: actOf(cell('act', row)),
      keyJson: cell('key_json', row) ?? '',
      profileId: cell('profile_id', row) ?? '',
      payload: cell('payload', row) ?? '{}',
      ident: cell('ident', row),
      before: cell('old_ident', row),
      destinationId: cell('dest_id', row),
      idempotencyKey: cell('idempotency_key', row) ?? '',
    })
  }
  return changes
}

function isOp(verdict: Cell): verdict is Op {
  return verdict === 'create' || verdict === 'update' || verdict === 'remove'
}

function actOf(act: Cell): Act | undefined {
  return act === 'leave' || act === 'withdraw' || act === 'foreign' ? act : undefined
}

function consentCounts(row: Row): ConsentCounts | undefined {
  if (row.answers === undefined) return undefined
  const isKnown = row.asked_before !== null && row.asked_before !== undefined
  return {
    answers: number(row.answers),
    isStale: row.is_stale === 'true',
    asked: number(row.asked),
    agreed: number(row.agreed),
    before: isKnown ? { asked: number(row.asked_before), agreed: number(row.agreed_before) } : undefined,
  }
}

/** What the source of consents says at this moment; what is not known for sure counts against it. */
export function feedNow(row: Row): FeedNow {
  return { isEmpty: row.is_empty !== 'false', isStale: row.is_stale !== 'false' }
}

/** Seqs, one a line; null for none. */
export function seqsIn(cell: Cell | undefined): ReadonlySet<number> {
  return new Set((cell ?? '').split('\n').flatMap((seq) => (seq === '' ? [] : [Number(seq)])))
}

/** Counts of a plan from the row that the warehouse gives. */
export function planCounts(row: Row): PlanCounts {
  const invalid = number(row.nameless) + number(row.copies)
  return {
    creates: number(row.creates),
    updates: number(row.updates),
    removes: number(row.removes),
    withdraws: number(row.withdraws),
    listed: number(row.listed),
    strangers: number(row.strangers),
    owed: {
      creates: number(row.owed_creates),
      updates: number(row.owed_updates),
      removes: number(row.owed_removes),
    },
    marks: number(row.marks),
    rebased: number(row.rebased),
    unchanged: number(row.audience) - invalid - number(row.busy),
    invalid,
    copies: number(row.copies),
    excluded: number(row.excluded),
    noConsent: number(row.no_consent),
    suppressed: number(row.suppressed),
    consents: consentCounts(row),
    held: number(row.held),
    waiting: number(row.waiting),
    pending: number(row.pending),
    audience: number(row.audience),
    snapshot: number(row.snapshot),
    onHold: number(row.on_hold),
  }
}

/** An ack as the ledger takes it. */
export function ackRow(ack: Ack) {
  return {
    kind: 'ack',
    seq_lo: ack.lo,
    seq_hi: ack.hi,
    block: ack.lo - (ack.lo % ACK_BLOCK),
    outcome: ack.outcome,
    code: ack.code,
    message: ack.message,
    dest_id: ack.destinationId,
    job_id: ack.job,
    hold: ack.hold === undefined ? undefined : seconds(ack.hold),
  }
}

/** A confession as the ledger takes it. */
export function confessionRow({ keyJson, profileId, ident }: Confession) {
  // The hash that the warehouse would make of the same text.
  const key_hash = createHash('sha256').update(keyJson).digest('hex').slice(0, 32)
  return { key_hash, key_json: keyJson, profile_id: profileId || null, ident }
}

/** What became of a submitted row, as the ledger takes it. */
export function settledRow(row: Settled) {
  return {
    key_hash: row.keyHash,
    job_id: row.job,
    outcome: row.outcome,
    code: row.code,
    message: row.message,
    dest_id: row.destinationId,
    hold: row.hold === undefined ? undefined : seconds(row.hold),
  }
}

/** The ledger keeps whole seconds, rounded up. */
export function seconds(ms: Ms): number {
  return Math.ceil(ms / 1000)
}

/** A number of the warehouse; 0 for null. */
export function number(cell: Cell | undefined): number {
  return Number(cell ?? 0)
}

/** The values that a statement names: warehouses refuse parameters that they were not asked for. */
export function only(statement: Statement, values: Values): Values {
  const names = new Set(statement.sql.parts.flatMap((part) => (part.kind === 'parameter' ? [part.name] : [])))
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}
