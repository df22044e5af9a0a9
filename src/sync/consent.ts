import { asFailure, type Diagnostic, warning } from '../error.ts'
import type { AskedConsent, SyncJob } from './job.ts'
import type { ConsentCounts, FeedNow, PlanCounts } from './ledger.ts'

/** Points by which the share of people who agreed may move between two plans. */
const MOST_POINTS = 20
/** Among fewer people than this a share says nothing. */
const FEW = 20

/** Why consents must not be believed, or undefined where nothing speaks against them. */
export function consentGuard({ consent }: Pick<SyncJob, 'consent'>, { consents }: PlanCounts): string | undefined {
  if (consent === undefined || consents === undefined) return undefined
  const { purpose, source } = consent
  const unfit = unfitFeed(consent, { isEmpty: consents.answers === 0, isStale: consents.isStale })
  if (unfit !== undefined) return unfit
  if (consents.before === undefined || consents.before.asked < FEW || !hasMoved(consents, consents.before))
    return undefined
  const [now, before] = [shareOf(consents), shareOf(consents.before)]
  return `The share of people who agreed to "${purpose}" moved from ${percent(before)} to ${percent(now)} since this sync was last sent. See whether source "${source}" is right.`
}

/** Why a source of consents must not be believed, or undefined where nothing speaks against it. */
export function unfitFeed(
  { purpose, source, maxAge }: AskedConsent,
  { isEmpty, isStale }: FeedNow,
): string | undefined {
  if (isEmpty)
    return `The consents of "${purpose}" are gone: source "${source}" has no rows. Mend what fills it; nobody is sent or withdrawn until then.`
  if (isStale)
    return `The consents of "${purpose}" are too old: the newest row of source "${source}" is older than ${maxAge}. Mend what fills it, or raise \`max_age\`.`
  return undefined
}

/** Who may be contacted cannot be found out: then nobody is. */
export function unreadFeed({ purpose, source }: AskedConsent, thrown: unknown): string {
  const words = asFailure(thrown).diagnostics.map(({ message }) => message)
  return `The consents of "${purpose}" could not be read from source "${source}": ${words.join(' ')}`
}

type Share = Pick<ConsentCounts, 'asked' | 'agreed'>

/** In whole numbers: 0.8 − 0.6 is more than 0.2. */
function hasMoved(now: Share, before: Share): boolean {
  const asked = Math.max(1, now.asked)
  return Math.abs(now.agreed * before.asked - before.agreed * asked) * 100 > MOST_POINTS * asked * before.asked
}

function shareOf({ asked, agreed }: Share): number {
  return asked === 0 ? 0 : agreed / asked
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** What somebody has to do by hand. */
export function withdrawnDiagnostics(
  { name, destination }: Pick<SyncJob, 'name' | 'destination'>,
  counts: PlanCounts | undefined,
): readonly Diagnostic[] {
  const rows = counts?.listed ?? 0
  if (rows === 0) return []
  const people = rows === 1 ? '1 person' : `${rows} people`
  const message = `"${destination}" still holds ${people} of "${name}" who may no longer be contacted, and has no default act that stops contact.`
  return [
    warning('sync/withdrawn', message, undefined, 'Name one with `on_withdraw:`, or withdraw them there by hand.'),
  ]
}
