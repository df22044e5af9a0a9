import type { PlannedChange, Settled } from './ledger.ts'
import type { Mapping } from './mapping.ts'
import type { Happened } from './model-merge.ts'
import type { ModelField, ModelPlanRow, ModelSnapshot } from './model-rows.ts'

/** A row of a plan as a change. */
export function planned(row: ModelPlanRow, op: PlannedChange['op']): PlannedChange {
  return {
    seq: row.seq,
    op,
    act: row.act,
    keyJson: row.keyJson,
    profileId: row.profileId ?? '',
    payload: row.payload,
    ident: row.ident,
    before: row.before,
    destinationId: row.destinationId,
    idempotencyKey: row.idempotencyKey,
  }
}

/** What became of a submitted row. */
export function settled(known: ModelSnapshot, row: Settled, now: number): Happened {
  return {
    keyHash: known.key_hash,
    keyJson: known.key_json,
    profileId: known.profile_id,
    op: known.pending_op === 'create' || known.pending_op === 'update' ? known.pending_op : 'remove',
    outcome: row.outcome,
    fp: known.pending_fp,
    tried: known.pending_tried,
    rev: known.pending_rev ?? 0,
    ident: known.pending_ident,
    code: row.code ?? null,
    message: row.message ?? null,
    destinationId: row.destinationId ?? null,
    job: null,
    // An ambiguous attempt before the accepted one keeps its hold.
    holdUntil: row.hold === undefined ? known.hold_until : Math.max(known.hold_until ?? 0, now + inSeconds(row.hold)),
  }
}

/** The ledger keeps whole seconds, rounded up. */
export function inSeconds(ms: number): number {
  return Math.ceil(ms / 1000) * 1000
}

/** What fields make of rows, as the ledger notes it. */
export function mappingOf(fields: readonly ModelField[]): Mapping {
  const lasting = fields.filter(({ write }) => write !== 'on_create')
  const says = ({ name, from = name, onNull }: ModelField) => JSON.stringify([from, onNull])
  return { key: 'k', fields: lasting.map((field) => ({ name: field.name, says: says(field) })) }
}
