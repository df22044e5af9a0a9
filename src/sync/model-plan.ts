import { tableSuffix } from '../compile/ledger-tables.ts'
import type { ConsentCounts, Op, PlanCounts } from './ledger.ts'
import { blank } from './model-merge.ts'
import {
  fingerprint,
  idempotencyKey,
  keyHash,
  type ModelField,
  type ModelPlanRow,
  type ModelRow,
  type ModelSnapshot,
  type ModelSync,
  payloadText,
  type Verdict,
} from './model-rows.ts'
import { withoutShared } from './model-shared.ts'

type Snapshot = ReadonlyMap<string, ModelSnapshot>

/** The plan as `compile/changes.ts` states it in SQL: what differs between an audience and what was acknowledged. */
export function planRows(
  sync: ModelSync,
  rows: readonly ModelRow[],
  snapshot: Snapshot,
  at: {
    readonly now: number
    readonly maxChanges: number | undefined
    readonly holdRemovals?: boolean
    /** Fields under which rows were acknowledged: those that still match under them are rebased. */
    readonly before?: readonly ModelField[] | undefined
    /** Keys that the destination holds. */
    readonly found?: readonly string[] | undefined
  },
): readonly ModelPlanRow[] {
  const audience = byKey(sync, rows, at.before)
  const barred = peopleOf(rows.filter((row) => row.barred !== undefined))
  const nameless = peopleOf(rows.filter((row) => !row.excluded && hasNoOwnKey(row, audience)))
  const { rows: known, foreign } = knownRows(sync, audience, snapshot, at.found ?? [])
  const all = { barred, foreign, suffix: tableSuffix(sync.name) }
  const keys = new Set([...audience.keys(), ...[...known.values()].map((row) => row.key_json)])
  const found = [...keys].flatMap((keyJson) => {
    const row = planRow(sync, keyJson, audience.get(keyJson), known.get(keyHash(keyJson)), all)
    return row ? [judged(sync, row, nameless, known.get(row.keyHash), at.now)] : []
  })
  return numbered(withoutShared(sync, rows, found), at.maxChanges, at.holdRemovals ?? false)
}

/** The counts of a plan as the report has them. */
export function countRows(
  sync: ModelSync,
  plan: readonly ModelPlanRow[],
  rows: readonly ModelRow[],
  snapshot: Snapshot,
  at: { readonly now: number; readonly before: ConsentCounts['before'] },
): PlanCounts {
  const count = (test: (row: ModelPlanRow) => boolean) => plan.filter(test).length
  const included = rows.filter((row) => !row.excluded)
  const audience = included.filter((row) => row.barred === undefined)
  const barred = (why: ModelRow['barred']) => included.filter((row) => row.barred === why).length
  const copies = plan.reduce((sum, row) => sum + (row.copies > 1 ? row.claims : 0), 0)
  const invalid = copies + audience.filter((row) => row.key === undefined).length
  const busy = count((row) => row.inAudience && row.copies === 1 && !MARKS.has(row.verdict))
  const owed = (op: Op) => count((row) => row.verdict === 'owed' && row.op === op)
  const stored = [...snapshot.values()]
  return {
    creates: count((row) => row.verdict === 'create'),
    updates: count((row) => row.verdict === 'update'),
    removes: count((row) => row.verdict === 'remove'),
    withdraws: count((row) => row.act === 'withdraw' && (row.verdict === 'remove' || row.verdict === 'owed')),
    listed: count((row) => row.verdict === 'listed'),
    strangers: count((row) => row.act === 'foreign' && (row.verdict === 'remove' || row.verdict === 'owed')),
    owed: { creates: owed('create'), updates: owed('update'), removes: owed('remove') },
    marks: count((row) => MARKS.has(row.verdict)),
    rebased: count((row) => row.verdict === 'rebased'),
    unchanged: audience.length - invalid - busy,
    invalid,
    copies,
    excluded: rows.length - included.length,
    noConsent: barred('consent'),
    suppressed: barred('suppressed'),
    consents: sync.asks ? consentsOf(rows, at.before) : undefined,
    held: count((row) => row.verdict === 'held'),
    waiting: count((row) => row.verdict === 'waiting'),
    pending: count((row) => row.verdict === 'pending'),
    audience: audience.length,
    snapshot: stored.filter((row) => ['synced', 'unknown', 'submitted'].includes(row.state)).length,
    onHold: stored.filter((row) => row.hold_until !== null && row.hold_until > at.now).length,
  }
}

/** In the model everybody has given one answer, of late. */
function consentsOf(rows: readonly ModelRow[], before: ConsentCounts['before']): ConsentCounts {
  const asked = peopleOf(rows).size
  const agreed = peopleOf(rows.filter((row) => row.barred !== 'consent')).size
  return { answers: asked, isStale: asked === 0, asked, agreed, before }
}

function peopleOf(rows: readonly ModelRow[]): ReadonlySet<string> {
  return new Set(rows.flatMap(({ profileId }) => profileId ?? []))
}

const MARKS: ReadonlySet<Verdict> = new Set<Verdict>(['left', 'returned', 'forgotten', 'rebased'])

interface Member {
  readonly row: ModelRow
  readonly copies: number
  readonly claims: number
  readonly fp: string
  /** The fingerprint under the fields of before; undefined where nobody asks. */
  readonly oldFp: string | undefined
}

function hasNoOwnKey({ key }: ModelRow, audience: ReadonlyMap<string, Member>): boolean {
  return key === undefined || (audience.get(JSON.stringify(key))?.copies ?? 0) > 1
}

function byKey(
  sync: ModelSync,
  rows: readonly ModelRow[],
  old: readonly ModelField[] | undefined,
): ReadonlyMap<string, Member> {
  const lasting = sync.fields.filter((field) => field.write !== 'on_create')
  const members = new Map<string, Member>()
  for (const row of rows) {
    if (row.excluded || row.key === undefined) continue
    const keyJson = JSON.stringify(row.key)
    const before = members.get(keyJson)
    const first = before && (before.row.profileId ?? '') < (row.profileId ?? '') ? before.row : row
    const fp = fingerprint(lasting, first.values)
    const oldFp = old && fingerprint(old, first.values)
    const claims = (before?.claims ?? 0) + (row.barred === undefined ? 1 : 0)
    members.set(keyJson, { row: first, copies: (before?.copies ?? 0) + 1, claims, fp, oldFp })
  }
  return members
}

type Unnumbered = Omit<ModelPlanRow, 'seq'>

function planRow(
  sync: ModelSync,
  keyJson: string,
  member: Member | undefined,
  known: ModelSnapshot | undefined,
  {
    barred,
    foreign,
    suffix,
  }: { readonly barred: ReadonlySet<string>; readonly foreign: ReadonlySet<string>; readonly suffix: string },
): Unnumbered | undefined {
  const isForeign = foreign.has(keyJson)
  const isHit = member ? member.claims < member.copies : barred.has(known?.profile_id ?? '')
  const isBarred = isHit && !isForeign
  const verdict = isForeign ? 'remove' : isBarred ? withdrawn(sync, member, known) : wanted(sync, member, known)
  if (verdict === undefined) return undefined
  const op = isOp(verdict) ? verdict : undefined
  const sends = op === 'create' || op === 'update'
  const values = member?.row.values ?? {}
  const fields = op === 'create' ? sync.fields : sync.fields.filter((field) => field.write !== 'on_create')
  const created = op === 'create' ? fingerprint(fields, values) : undefined
  const fp = (sends || verdict === 'rebased') && member ? member.fp : null
  const tried = op === 'remove' ? `remove ${isBarred ? sync.withdraw : sync.leave}` : (created ?? (sends ? fp : null))
  const rev = (known?.rev ?? 0) + 1
  const match = sync.fields.filter((field) => sync.matchFields.has(field.name))
  return {
    verdict,
    op,
    act: op !== 'remove' ? undefined : isForeign ? 'foreign' : isBarred ? 'withdraw' : 'leave',
    inAudience: member !== undefined && !isHit,
    copies: member?.copies ?? 0,
    claims: member?.claims ?? 0,
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
    idempotencyKey: idempotencyKey([suffix, keyJson, rev, op ?? '', tried ?? '']),
  }
}

/** What a plan is compared with: where a mirror owns its place also what the destination holds besides. */
function knownRows(
  { owned = false, foldsKeys = false }: ModelSync,
  audience: ReadonlyMap<string, Member>,
  snapshot: Snapshot,
  found: readonly string[],
): { readonly rows: Snapshot; readonly foreign: ReadonlySet<string> } {
  if (!owned) return { rows: snapshot, foreign: new Set() }
  const match = (key: string) => (foldsKeys ? key.toLowerCase() : key)
  const ours = new Set([...audience].flatMap(([key, { claims }]) => (claims > 0 ? [match(key)] : [])))
  const strangers = new Map<string, string>()
  for (const key of [...found].sort().reverse()) if (!ours.has(match(key))) strangers.set(match(key), key)
  const rows = new Map(snapshot)
  const foreign = new Set<string>()
  for (const [hash, row] of snapshot) {
    const isThere = strangers.has(match(row.key_json))
    if (!isThere || !['tomb', 'absent', 'left'].includes(row.state)) continue
    rows.set(hash, { ...row, state: 'synced' })
    if (row.state !== 'left') foreign.add(row.key_json)
  }
  const known = new Set([...snapshot.values()].map((row) => match(row.key_json)))
  for (const keyJson of strangers.values()) {
    if (known.has(match(keyJson))) continue
    const keyHashed = keyHash(keyJson)
    rows.set(keyHashed, { ...blank({ keyHash: keyHashed, keyJson, profileId: null }), state: 'synced' })
    foreign.add(keyJson)
  }
  return { rows, foreign }
}

/** What becomes of a key whose person may not be contacted. */
function withdrawn(sync: ModelSync, member: Member | undefined, known: ModelSnapshot | undefined): Verdict | undefined {
  if (known?.state === 'submitted') return 'pending'
  const isHeld = known && ['synced', 'unknown', 'left'].includes(known.state)
  if (isHeld && sync.mode !== 'append') return sync.withdraws ? 'remove' : 'listed'
  return member && member.copies > 1 ? 'duplicate' : undefined
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
  if (mode !== 'insert' && mode !== 'append' && known.fp !== member.fp)
    return member.oldFp !== undefined && known.fp === member.oldFp ? 'rebased' : 'update'
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
  if (isGone && row.act !== 'withdraw' && row.profileId !== null && nameless.has(row.profileId))
    return { ...row, verdict: sync.whole && known?.fp !== null ? 'forgotten' : 'nameless' }
  if (row.op === undefined || !known) return row
  if (known.hold_until !== null && known.hold_until > now) return { ...row, verdict: 'held' }
  const isDue = known.next_retry_at !== null && known.next_retry_at <= now
  if (!sync.whole && known.tried_fp === row.tried && !isDue) return { ...row, verdict: 'waiting' }
  return row
}

function numbered(
  rows: readonly Unnumbered[],
  maxChanges: number | undefined,
  holdRemovals: boolean,
): readonly ModelPlanRow[] {
  const limited = maxChanges !== undefined
  // Nobody is held back from what they asked for.
  const isHeld = (row: Unnumbered) => limited || (holdRemovals && row.act !== 'withdraw')
  const order = (row: Unnumbered) => {
    if (row.verdict === 'remove') return isHeld(row) ? 3 : 0
    if (row.verdict === 'create') return 1
    if (row.verdict === 'update') return 2
    return MARKS.has(row.verdict) ? 4 : 5
  }
  const sorted = [...rows].sort((a, b) => order(a) - order(b) || (a.keyHash < b.keyHash ? -1 : 1))
  return sorted.map((row, index) => {
    const isLeft = row.verdict === 'remove' ? isHeld(row) : limited && index >= maxChanges
    const isOwed = isOp(row.verdict) && isLeft
    return { ...row, seq: index + 1, verdict: isOwed ? 'owed' : row.verdict }
  })
}

function isOp(verdict: Verdict): verdict is Op {
  return verdict === 'create' || verdict === 'update' || verdict === 'remove'
}
