import { REFUSAL_WAITS } from '../compile/ledger-tables.ts'
import type { Op, Outcome } from './ledger.ts'
import { keyHash, type ModelAck, type ModelPlanRow, type ModelSnapshot } from './model-rows.ts'

/** What happened to one key. */
export interface Happened {
  readonly keyHash: string
  readonly keyJson: string
  readonly profileId: string | null
  readonly op: Op | undefined
  readonly outcome: Outcome | 'left' | 'returned' | 'forgotten' | 'rebased'
  readonly fp: string | null
  readonly tried: string | null
  readonly rev: number
  readonly ident: string | null
  readonly code: string | null
  readonly message: string | null
  readonly destinationId: string | null
  readonly job: string | null
  readonly holdUntil: number | null
}

export interface Landing {
  readonly fence: number
  readonly runId: string
  readonly now: number
}

/** What became of every plan row: an ok wins over other answers; a row inside an intent without an answer is unknown. */
export function outcomes(
  plan: readonly ModelPlanRow[],
  acks: readonly ModelAck[],
  lostHold: number,
): readonly Happened[] {
  const intended = Math.max(0, ...acks.filter((ack) => ack.kind === 'intent').map((ack) => ack.seq_hi ?? 0))
  const answers = new Map<number, ModelAck>()
  for (const ack of acks) {
    if (ack.kind !== 'ack' || ack.seq_lo === null || ack.seq_hi === null) continue
    for (let seq = ack.seq_lo; seq <= ack.seq_hi; seq++)
      if (answers.get(seq)?.outcome !== 'written') answers.set(seq, ack)
  }
  return plan.flatMap((row) => {
    const answer = answers.get(row.seq)
    const outcome = outcomeOf(row, answer, intended)
    if (outcome === undefined || outcome === 'unsent') return []
    const holdUntil = answer ? answer.hold_until : outcome === 'unknown' ? lostHold : null
    return [
      {
        ...row,
        outcome,
        code: answer?.code ?? null,
        message: answer?.message ?? null,
        destinationId: answer?.dest_id ?? null,
        job: answer?.job_id ?? null,
        holdUntil,
      },
    ]
  })
}

function outcomeOf(row: ModelPlanRow, answer: ModelAck | undefined, intended: number): Happened['outcome'] | undefined {
  if (row.verdict === 'left' || row.verdict === 'returned') return row.verdict
  if (row.verdict === 'forgotten' || row.verdict === 'rebased') return row.verdict
  if (row.verdict !== row.op) return undefined
  return answer?.outcome ?? (row.seq <= intended ? 'unknown' : undefined)
}

/** May the outcome of a fence still change the row? A newer fence wins; a repeated merge may only turn unknown into ok. */
export function mayLand(known: ModelSnapshot | undefined, happened: Happened, fence: number): boolean {
  if (!known || known.last_fence < fence) return true
  return known.last_fence === fence && known.state === 'unknown' && happened.outcome === 'written'
}

/** The snapshot row after something happened: the rules of `compile/ledger-merge.ts`. */
export function landed(known: ModelSnapshot | undefined, news: Happened, at: Landing): ModelSnapshot {
  const before = known ?? blank(news)
  const written = news.outcome === 'written'
  const isRefusal = news.outcome === 'refused' || news.outcome === 'compliance'
  // A refused retry of an attempt that may have taken effect: the row may be there all the same.
  const uncertain = news.outcome === 'unknown' || (isRefusal && news.holdUntil !== null)
  const upserted = written && news.op !== 'remove'
  const removed = written && news.op === 'remove'
  const submitted = news.outcome === 'submitted'
  const isRebased = news.outcome === 'rebased'
  const isMark = news.outcome === 'left' || news.outcome === 'returned' || news.outcome === 'forgotten' || isRebased
  const fails = (before.tried_fp === news.tried ? before.fail_count : 0) + 1
  return {
    key_hash: news.keyHash,
    key_json: news.keyJson,
    profile_id: news.profileId ?? before.profile_id,
    state: stateAfter(before, news, { upserted, removed, uncertain }),
    known: upserted || (before.known && !removed && !(uncertain && news.op === 'remove')),
    fp: upserted || isRebased ? news.fp : removed || uncertain || news.outcome === 'forgotten' ? null : before.fp,
    ident: upserted ? news.ident : uncertain || submitted ? bothIdents(before.ident, news.ident) : before.ident,
    dest_id: upserted ? (news.destinationId ?? before.dest_id) : removed ? null : before.dest_id,
    rev: written ? news.rev : before.rev,
    last_fence: at.fence,
    last_run_id: at.runId,
    hold_until: isMark || news.outcome === 'unsent' ? before.hold_until : news.holdUntil,
    tried_fp: isRefusal ? news.tried : written ? null : before.tried_fp,
    fail_count: news.outcome === 'refused' ? fails : written || news.outcome === 'compliance' ? 0 : before.fail_count,
    next_retry_at: isRefusal ? retryAt(news, fails, at.now) : written ? null : before.next_retry_at,
    err_class: isRefusal ? news.outcome : written ? null : before.err_class,
    err_code: isRefusal ? news.code : written ? null : before.err_code,
    err_message: isRefusal ? news.message : written ? null : before.err_message,
    job_id: submitted ? news.job : null,
    prior_state: submitted ? before.state : null,
    pending_op: submitted ? (news.op ?? null) : null,
    pending_fp: submitted ? news.fp : null,
    pending_tried: submitted ? news.tried : null,
    pending_rev: submitted ? news.rev : null,
    pending_ident: submitted ? news.ident : null,
    first_synced_at: upserted ? (before.first_synced_at ?? at.now) : before.first_synced_at,
    last_synced_at: written ? at.now : before.last_synced_at,
  }
}

/** A fenced holder may have sent something for the key after others took over: nothing about it is certain. */
export function confessed(known: ModelSnapshot | undefined, late: ModelAck, fence: number): ModelSnapshot {
  const keyJson = late.key_json ?? ''
  const before = known ?? blank({ keyHash: keyHash(keyJson), keyJson, profileId: late.profile_id })
  return {
    ...before,
    profile_id: late.profile_id ?? before.profile_id,
    state: 'unknown',
    known: false,
    fp: null,
    ident: bothIdents(before.ident, late.ident),
    // One less than the present fence: what this very run will learn about the key must count.
    last_fence: Math.max(before.last_fence, fence - 1),
    last_run_id: late.run_id,
    hold_until: Math.max(before.hold_until ?? 0, late.hold_until ?? 0),
    job_id: null,
    prior_state: null,
    pending_op: null,
    pending_fp: null,
    pending_tried: null,
    pending_rev: null,
    pending_ident: null,
  }
}

function stateAfter(
  before: ModelSnapshot,
  news: Happened,
  is: { readonly upserted: boolean; readonly removed: boolean; readonly uncertain: boolean },
): string {
  if (is.upserted || news.outcome === 'returned' || news.outcome === 'rebased') return 'synced'
  if (is.removed) return 'tomb'
  if (is.uncertain) return 'unknown'
  if (news.outcome === 'submitted' || news.outcome === 'left') return news.outcome
  return before.state
}

function bothIdents(before: string | null, sent: string | null): string | null {
  if (before === null || sent === null) return before ?? sent
  return before.includes(sent) ? before : `${before},${sent}`
}

function retryAt(news: Happened, fails: number, now: number): number | null {
  const wait = news.outcome === 'refused' ? REFUSAL_WAITS[fails - 1] : undefined
  return wait === undefined ? null : now + wait * 1000
}

/** A row of which nothing is known. */
export function blank(news: Pick<Happened, 'keyHash' | 'keyJson' | 'profileId'>): ModelSnapshot {
  return {
    key_hash: news.keyHash,
    key_json: news.keyJson,
    profile_id: news.profileId,
    state: 'absent',
    known: false,
    fp: null,
    ident: null,
    dest_id: null,
    rev: 0,
    last_fence: -1,
    last_run_id: null,
    hold_until: null,
    tried_fp: null,
    fail_count: 0,
    next_retry_at: null,
    err_class: null,
    err_code: null,
    err_message: null,
    job_id: null,
    prior_state: null,
    pending_op: null,
    pending_fp: null,
    pending_tried: null,
    pending_rev: null,
    pending_ident: null,
    first_synced_at: null,
    last_synced_at: null,
  }
}
