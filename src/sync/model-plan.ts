import type { Op, PlanCounts } from './ledger.ts'
import {
  fingerprint,
  idempotencyKey,
  keyHash,
  type ModelPlanRow,
  type ModelRow,
  type ModelSnapshot,
  type ModelSync,
  payloadText,
  type Verdict,
} from './model-rows.ts'

type Snapshot = ReadonlyMap<string, ModelSnapshot>

/** The plan as `compile/changes.ts` states it in SQL: what differs between an audience and what was acknowledged. */
export function planRows(
  sync: ModelSync,
  rows: readonly ModelRow[],
  snapshot: Snapshot,
  at: { readonly now: number; readonly maxChanges: number | undefined },
): readonly ModelPlanRow[] {
  const audience = byKey(sync, rows)
  const nameless = new Set(
    rows.filter((row) => !row.excluded && hasNoOwnKey(row, audience)).map((row) => row.profileId),
  )
  const keys = new Set([...audience.keys(), ...[...snapshot.values()].map((row) => row.key_json)])
  const found = [...keys].flatMap((keyJson) => {
    const row = planRow(sync, keyJson, audience.get(keyJson), snapshot.get(keyHash(keyJson)))
    return row ? [judged(sync, row, nameless, snapshot.get(row.keyHash), at.now)] : []
  })
  return numbered(found, at.maxChanges)
}

/** The counts of a plan as the report has them. */
export function countRows(
  plan: readonly ModelPlanRow[],
  rows: readonly ModelRow[],
  snapshot: Snapshot,
  now: number,
): PlanCounts {
  const count = (test: (row: ModelPlanRow) => boolean) => plan.filter(test).length
  const audience = rows.filter((row) => !row.excluded)
  const copies = plan.reduce((sum, row) => sum + (row.copies > 1 ? row.copies : 0), 0)
  const invalid = copies + audience.filter((row) => row.key === undefined).length
  const busy = count((row) => row.inAudience && row.copies === 1 && !MARKS.has(row.verdict))
  const owed = (op: Op) => count((row) => row.verdict === 'owed' && row.op === op)
  const stored = [...snapshot.values()]
  return {
    creates: count((row) => row.verdict === 'create'),
    updates: count((row) => row.verdict === 'update'),
    removes: count((row) => row.verdict === 'remove'),
    owed: { creates: owed('create'), updates: owed('update'), removes: owed('remove') },
    marks: count((row) => MARKS.has(row.verdict)),
    unchanged: audience.length - invalid - busy,
    invalid,
    excluded: rows.length - audience.length,
    held: count((row) => row.verdict === 'held'),
    waiting: count((row) => row.verdict === 'waiting'),
    pending: count((row) => row.verdict === 'pending'),
    audience: audience.length,
    snapshot: stored.filter((row) => ['synced', 'unknown', 'submitted'].includes(row.state)).length,
    onHold: stored.filter((row) => row.hold_until !== null && row.hold_until > now).length,
  }
}

const MARKS: ReadonlySet<Verdict> = new Set<Verdict>(['left', 'returned', 'forgotten'])

interface Member {
  readonly row: ModelRow
  readonly copies: number
  readonly fp: string
}

function hasNoOwnKey({ key }: ModelRow, audience: ReadonlyMap<string, Member>): boolean {
  return key === undefined || (audience.get(JSON.stringify(key))?.copies ?? 0) > 1
}

function byKey(sync: ModelSync, rows: readonly ModelRow[]): ReadonlyMap<string, Member> {
  const lasting = sync.fields.filter((field) => field.write === 'always').map((field) => field.name)
  const members = new Map<string, Member>()
  for (const row of rows) {
    if (row.excluded || row.key === undefined) continue
    const keyJson = JSON.stringify(row.key)
    const before = members.get(keyJson)
    const first = before && before.row.profileId < row.profileId ? before.row : row
    const fp = fingerprint(lasting, first.values)
    members.set(keyJson, { row: first, copies: (before?.copies ?? 0) + 1, fp })
  }
  return members
}

type Unnumbered = Omit<ModelPlanRow, 'seq'>

function planRow(
  sync: ModelSync,
  keyJson: string,
  member: Member | undefined,
  known: ModelSnapshot | undefined,
): Unnumbered | undefined {
  const verdict = wanted(sync, member, known)
  if (verdict === undefined) return undefined
  const op = isOp(verdict) ? verdict : undefined
  const sends = op === 'create' || op === 'update'
  const values = member?.row.values ?? {}
  const fields = op === 'create' ? sync.fields : sync.fields.filter((field) => field.write === 'always')
  const created =
    op === 'create'
      ? fingerprint(
          fields.map(({ name }) => name),
          values,
        )
      : undefined
  const fp = sends && member ? member.fp : null
  const tried = op === 'remove' ? `remove ${sync.leave}` : (created ?? fp)
  const rev = (known?.rev ?? 0) + 1
  const match = sync.fields.filter((field) => sync.matchFields.has(field.name))
  return {
    verdict,
    op,
    inAudience: member !== undefined,
    copies: member?.copies ?? 0,
    keyHash: keyHash(keyJson),
    keyJson,
    profileId: (member?.copies === 1 ? member.row.profileId : known?.profile_id) ?? null,
    fp,
    tried,
    rev,
    ident:
      sends && match.length > 0
        ? payloadText(
            match.map((field) => ({ ...field, onNull: 'skip' })),
            values,
          )
        : null,
    payload: sends ? payloadText(fields, values) : '{}',
    before: known?.ident ?? null,
    destinationId: known?.dest_id ?? null,
    idempotencyKey: idempotencyKey([sync.name, keyJson, rev, op ?? '', tried ?? '']),
  }
}

function wanted(sync: ModelSync, member: Member | undefined, known: ModelSnapshot | undefined): Verdict | undefined {
  const { mode } = sync
  const lasting = known?.fp !== null && known !== undefined
  if (member && member.copies > 1) return sync.whole && lasting ? 'forgotten' : 'duplicate'
  if (known?.state === 'submitted') return 'pending'
  if (!member) {
    if (sync.removes) return known?.state === 'synced' || known?.state === 'unknown' ? 'remove' : undefined
    return known?.state === 'synced' && mode !== 'append' ? 'left' : undefined
  }
  const isNew =
    !known || known.state === 'absent' || known.state === 'tomb' || (known.state === 'unknown' && !known.known)
  if (isNew) return mode === 'update' ? 'update' : 'create'
  if (mode !== 'insert' && mode !== 'append' && known.fp !== member.fp) return 'update'
  return known.state === 'left' ? 'returned' : undefined
}

/** Holds and earlier refusals keep a change back; so does a key that may only have turned null. */
function judged(
  sync: ModelSync,
  row: Unnumbered,
  nameless: ReadonlySet<string>,
  known: ModelSnapshot | undefined,
  now: number,
): Unnumbered {
  const isGone = row.op === 'remove' || row.verdict === 'left'
  if (isGone && row.profileId !== null && nameless.has(row.profileId))
    return { ...row, verdict: sync.whole && known?.fp !== null ? 'forgotten' : 'nameless' }
  if (row.op === undefined || !known) return row
  if (known.hold_until !== null && known.hold_until > now) return { ...row, verdict: 'held' }
  const isDue = known.next_retry_at !== null && known.next_retry_at <= now
  if (!sync.whole && known.tried_fp === row.tried && !isDue) return { ...row, verdict: 'waiting' }
  return row
}

function numbered(rows: readonly Unnumbered[], maxChanges: number | undefined): readonly ModelPlanRow[] {
  const limited = maxChanges !== undefined
  const order = (row: Unnumbered) => {
    if (row.verdict === 'remove') return limited ? 3 : 0
    if (row.verdict === 'create') return 1
    if (row.verdict === 'update') return 2
    return MARKS.has(row.verdict) ? 4 : 5
  }
  const sorted = [...rows].sort((a, b) => order(a) - order(b) || (a.keyHash < b.keyHash ? -1 : 1))
  return sorted.map((row, index) => {
    const isOwed = limited && isOp(row.verdict) && (row.verdict === 'remove' || index >= maxChanges)
    return { ...row, seq: index + 1, verdict: isOwed ? 'owed' : row.verdict }
  })
}

function isOp(verdict: Verdict): verdict is Op {
  return verdict === 'create' || verdict === 'update' || verdict === 'remove'
}
