import type { Limit, Volume } from '../connectors/connector.ts'
import type { Breach } from './breach.ts'
import { consentGuard } from './consent.ts'
import type { SyncJob } from './job.ts'
import type { PlanCounts } from './ledger.ts'
import { changeWords, type MappingChange } from './mapping.ts'

/** Fewer rows than this are never held to be a mass. */
const FEW = 20
/** Changes are no share of a snapshot that is smaller: half of a dozen rows is an ordinary day. */
const KNOWN_ENOUGH = 1_000
const MAX_REMOVED = 0.1
const MAX_CHANGED = 0.5
const MAX_INVALID = 0.001
const MAX_INVALID_ROWS = 1_000
const MAX_CALLS = 0.8

/** What a guard must know of a sync. */
export type Guarded = Pick<SyncJob, 'name' | 'onLeave' | 'delivers' | 'guard' | 'segment' | 'source' | 'consent'> &
  Partial<Pick<SyncJob, 'connector' | 'account' | 'into'>>

/** What is known of a plan beside its counts. */
export interface Found {
  /** The target for which the state was made, where the chosen one is another. */
  readonly otherTarget?: string | undefined
  readonly change?: MappingChange | undefined
  /** Rows are sent only because the mapping differs, and somebody has to choose, or has chosen. */
  readonly resends?: { readonly rows: number; readonly chosen: boolean } | undefined
  /** Removals are held: they do no harm. */
  readonly removalsHeld?: boolean
}

/** Everything that speaks against sending a plan; empty where nothing does. */
export function breaches(job: Guarded, counts: PlanCounts, found: Found = {}): readonly Breach[] {
  return [
    environment(found),
    consents(job, counts),
    mapping(job, counts, found),
    emptyAudience(job, counts),
    removed(job, counts, found),
    changed(job, counts, found),
    invalid(job, counts),
    created(job, counts),
    calls(job, counts),
  ].flatMap((breach) => breach ?? [])
}

/** How many requests it takes to send so many rows, batches being full; undefined where the limits are not known. */
export function callsFor({ delivers, connector, account, into }: Partial<Guarded>, volume: Volume): number | undefined {
  if (delivers === 'whole') return volume.upsert + volume.remove > 0 ? 1 : 0
  if (connector === undefined || account === undefined) return undefined
  const { upsert, remove } = connector.limits(account, into, volume)
  return requestsFor(upsert, volume.upsert) + requestsFor(remove, volume.remove)
}

/** What a plan would send. */
export function volumeOf({ creates, updates, removes }: Pick<PlanCounts, 'creates' | 'updates' | 'removes'>): Volume {
  return { upsert: creates + updates, remove: removes, updates }
}

function requestsFor({ rows, requests = 1 }: Limit, volume: number): number {
  return Math.round(Math.ceil(volume / rows) * requests)
}

const APPLY = '`cdp plan -o plan.json`, then `cdp apply plan.json --override <plan id>`'
const IF_RIGHT = `If it is right: ${APPLY}.`

function consents(job: Guarded, counts: PlanCounts): Breach | undefined {
  const message = consentGuard(job, counts)
  return message === undefined ? undefined : { guard: 'consent', message, fix: IF_RIGHT }
}

function environment({ otherTarget }: Found): Breach | undefined {
  if (otherTarget === undefined) return undefined
  return {
    guard: 'environment',
    message: `The state was made for target "${otherTarget}": this may be a copy of its warehouse, and both would send.`,
    fix: `Give this target a state of its own (\`schemas: { state: … }\`, or another database). If it has taken the place of "${otherTarget}": ${APPLY}.`,
  }
}

function mapping(job: Guarded, counts: PlanCounts, { change, resends }: Found): Breach | undefined {
  if (change?.kind === 'key') return counts.snapshot === 0 ? undefined : newKey(job, counts, change)
  if (change === undefined || resends === undefined || resends.chosen || resends.rows === 0) return undefined
  const about = callsFor(job, { upsert: resends.rows, remove: 0, updates: resends.rows })
  const cost = about === undefined ? '' : `, about ${count(about, 'call')}`
  const amount = `${count(resends.rows, 'row')}${cost}`
  const words = changeWords(change)
  if (change.lost.length > 0)
    return {
      guard: 'mapping',
      message: `The fields have changed (${words}): ${amount}. Which rows differ for that reason alone cannot be told, because what the fields were made of is no more: ${change.lost.join(', ')}.`,
      fix: `Bring back ${change.lost.join(', ')} for one run, or write \`on_mapping_change: resync\` to send every row that differs. Once only: ${APPLY}.`,
    }
  return {
    guard: 'mapping',
    message: `The fields have changed (${words}): ${amount}, though the data has not.`,
    fix: `Write \`on_mapping_change: resync\` to send them, or \`rebase\` to send each when its data changes. To send them once: ${APPLY}.`,
  }
}

function newKey(job: Guarded, counts: PlanCounts, { before, now }: Extract<MappingChange, { kind: 'key' }>): Breach {
  const removes = job.onLeave !== undefined || job.delivers === 'whole'
  const fate = removes ? 'would be removed' : 'would be left there'
  return {
    guard: 'key',
    message: `The key has changed from ${before} to ${now}: ${count(counts.creates + counts.owed.creates, 'row')} would be sent as new, and what is known by the old key ${fate}.`,
    fix: `Put the key back, ${job.source === undefined ? `or carry the state over with \`cdp state rekey ${job.name}\`` : 'or make it a sync of another name'}. If they are to be sent as new: ${APPLY}.`,
  }
}

function emptyAudience(job: Guarded, counts: PlanCounts): Breach | undefined {
  const { audience, withdraws } = counts
  const snapshot = thereOf(counts)
  const removes = job.onLeave !== undefined || job.delivers === 'whole' || withdraws > 0
  if (!removes || audience > 0 || snapshot === 0) return undefined
  return {
    guard: 'empty_audience',
    message: `The audience is empty, and ${count(snapshot, 'row')} would leave the destination. ${look(job)}`,
    fix: IF_RIGHT,
  }
}

function removed(job: Guarded, counts: PlanCounts, { removalsHeld }: Found): Breach | undefined {
  const leaving = removalsOf(counts)
  const share = job.guard.maxRemoved ?? MAX_REMOVED
  // Of an empty audience it is said already that everybody leaves.
  const there = thereOf(counts)
  if (removalsHeld || counts.audience === 0 || leaving < FEW || leaving <= share * there) return undefined
  const never = counts.strangers === 0 ? '' : ` ${number(counts.strangers)} of them cdp never sent.`
  return {
    guard: 'max_removed',
    message: `${number(leaving)} of ${count(there, 'row')} would leave the destination: more than ${percent(share)}.${never} ${look(job)}`,
    fix: IF_RIGHT,
  }
}

/** Updates and removals; new rows change nothing of what is there, and an interrupted first run must be able to go on. */
function changed(job: Guarded, counts: PlanCounts, { removalsHeld, resends }: Found): Breach | undefined {
  const share = job.guard.maxChanged ?? MAX_CHANGED
  const updates = resends === undefined ? counts.updates + counts.owed.updates : 0
  const leaving = removalsHeld ? 0 : removalsOf(counts)
  const changes = updates + leaving
  if (counts.audience === 0 || counts.snapshot < KNOWN_ENOUGH || changes <= share * counts.snapshot) return undefined
  return {
    guard: 'max_changed',
    message: `${number(updates)} of ${count(counts.snapshot, 'row')} would be updated and ${number(leaving)} would leave: more than ${percent(share)}. ${look(job)}`,
    fix: IF_RIGHT,
  }
}

function invalid(job: Guarded, { invalid, copies, audience }: PlanCounts): Breach | undefined {
  const share = job.guard.maxInvalid ?? MAX_INVALID
  const most = job.guard.maxInvalid === undefined ? MAX_INVALID_ROWS : Number.POSITIVE_INFINITY
  if (invalid < FEW || (invalid <= share * audience && invalid <= most)) return undefined
  const limit = invalid > share * audience ? percent(share) : count(most, 'row')
  return {
    guard: 'max_invalid',
    message: `${number(invalid)} of ${count(audience, 'row')} have no key of their own: more than ${limit}. In ${number(invalid - copies)} it is null, ${number(copies)} share one with others.`,
    fix: `Look at the ${job.source === undefined ? 'trait' : 'column'} that is the key; leave such rows out with \`where:\`, or allow more with \`guard: { max_invalid: … }\`. To send the others once: ${APPLY}.`,
  }
}

function created({ guard, ...job }: Guarded, { creates, owed }: PlanCounts): Breach | undefined {
  const rows = creates + owed.creates
  if (guard.maxCreates === undefined || rows <= guard.maxCreates) return undefined
  return {
    guard: 'max_creates',
    message: `${count(rows, 'row')} would be created: more than ${number(guard.maxCreates)}. ${look(job)}`,
    fix: IF_RIGHT,
  }
}

function calls(job: Guarded, counts: PlanCounts): Breach | undefined {
  const { connector, account, into } = job
  if (connector === undefined || account === undefined) return undefined
  const volume = volumeOf(counts)
  const limits = connector.limits(account, into, volume)
  const quota = Math.min(
    limits.upsert.perDay ?? Number.POSITIVE_INFINITY,
    limits.remove.perDay ?? Number.POSITIVE_INFINITY,
  )
  const share = job.guard.maxCalls ?? MAX_CALLS
  const estimate = callsFor(job, volume) ?? 0
  if (estimate <= share * quota) return undefined
  return {
    guard: 'max_calls',
    message: `It would take about ${count(estimate, 'call')}, of the ${number(quota)} that the vendor answers in a day: more than ${percent(share)}.`,
    fix: `Send a part with \`--max-changes\`, or all of it: ${APPLY}.`,
  }
}

/** Nobody may be held back from what they asked for: those who withdrew do not count. */
function removalsOf({ removes, owed, withdraws }: PlanCounts): number {
  return removes + owed.removes - withdraws
}

/** What the destination holds: what we sent, and what we found there besides. */
function thereOf({ snapshot, strangers }: PlanCounts): number {
  return snapshot + strangers
}

function look({ segment, source }: Pick<Guarded, 'segment' | 'source'>): string {
  if (source !== undefined) return `Look at source "${source}", and at the \`where:\` of the sync.`
  return segment === undefined
    ? 'Look at the sources of the audience, and at its `where:`.'
    : `Look at the sources of "${segment}", and at \`cdp preview ${segment}\`.`
}

function count(value: number, what: string): string {
  return value === 1 ? `1 ${what}` : `${number(value)} ${what}s`
}

/** `1,200,000`. */
function number(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}
