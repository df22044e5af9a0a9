import type { Change, Json, Key } from '../connectors/connector.ts'
import type { Weighed } from './batch.ts'
import type { SyncJob } from './job.ts'
import type { DesiredRow, PlannedChange } from './ledger.ts'

type Fields = Readonly<Record<string, Json>>

/** A row on its way: what the plan says, what the connector gets, and until when an ambiguous attempt may land. */
export interface Row extends Weighed {
  readonly planned: PlannedChange
  ambiguousUntil: number | undefined
}

/** What a connector gets for a planned change. The plan's texts are JSON that the warehouse wrote. */
export function shape(planned: PlannedChange, acts: Pick<SyncJob, 'onLeave' | 'onWithdraw'>): Row {
  const isRemoval = planned.op === 'remove'
  const change: Change = {
    seq: planned.seq,
    op: planned.op,
    key: JSON.parse(planned.keyJson) as Key,
    fields: isRemoval ? {} : (JSON.parse(planned.payload) as Fields),
    before: planned.before === null ? [] : (JSON.parse(`[${planned.before}]`) as Fields[]),
    destinationId: planned.destinationId ?? undefined,
    leave: isRemoval ? (planned.act === 'withdraw' ? acts.onWithdraw : acts.onLeave) : undefined,
    idempotencyKey: planned.idempotencyKey,
  }
  const bytes = Buffer.byteLength(planned.keyJson) + Buffer.byteLength(planned.payload)
  return { planned, change, bytes, ambiguousUntil: undefined }
}

export function shapeWhole(row: DesiredRow): { readonly key: Key; readonly fields: Fields } {
  return { key: JSON.parse(row.keyJson) as Key, fields: JSON.parse(row.payload) as Fields }
}

/** A vendor's text as the ledger keeps it: without the row's own values, at most 200 characters. */
export function withoutValues(message: string, change: Pick<Change, 'key' | 'fields'>): string {
  const values = Object.entries({ ...change.fields, ...change.key })
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length >= 3)
    .sort(([, a], [, b]) => b.length - a.length)
  return values.reduce((text, [name, value]) => text.replaceAll(value, `<${name}>`), message).slice(0, 200)
}
