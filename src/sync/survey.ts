import { DestinationError, type Key, NetworkError } from '../connectors/connector.ts'
import { type Diagnostic, warning } from '../error.ts'
import type { SyncJob } from './job.ts'
import type { Lease } from './ledger.ts'

export type SurveyJob = Pick<SyncJob, 'name' | 'destination' | 'ledger' | 'into'> & {
  readonly channel?: SyncJob['channel'] | undefined
  readonly owns?: SyncJob['owns']
}

/** Keys that are written down at once. */
const PAGE = 5_000

/**
 * Asks a destination for all that it holds, where a mirror owns its place, for the plans of this fence. Who cannot be
 * asked keeps what we do not know of: the plan is made without, and that is told. `mayGoOn`: false ends the reading.
 */
export async function survey(
  job: SurveyJob,
  lease: Lease | undefined,
  mayGoOn: () => Promise<boolean> = async () => true,
): Promise<readonly Diagnostic[]> {
  const { owns, ledger, channel, into } = job
  if (owns === undefined || channel?.read === undefined) return []
  const { read } = channel
  try {
    await ledger.survey(lease, pages(read.call(channel, 'all', into), owns.keyText, mayGoOn))
    return []
  } catch (error) {
    if (!(error instanceof DestinationError) && !(error instanceof NetworkError)) throw error
    await ledger.survey(lease, nothing())
    const message = `What "${job.destination}" holds could not be read for "${job.name}": ${error.message.replace(/\.$/, '')}.`
    const fix = 'Rows that were never sent stay there; the next run asks again.'
    return [warning('destination/unreachable', message, undefined, fix)]
  }
}

async function* pages(
  rows: AsyncIterable<{ readonly key: Key }>,
  keyText: (key: Key) => string,
  mayGoOn: () => Promise<boolean>,
): AsyncGenerator<readonly string[]> {
  let page: string[] = []
  for await (const { key } of rows) {
    page.push(keyText(key))
    if (page.length < PAGE) continue
    yield page
    page = []
    // Whoever was fenced must not keep a vendor busy; what it plans is not sent.
    if (!(await mayGoOn())) return
  }
  if (page.length > 0) yield page
}

async function* nothing(): AsyncGenerator<readonly string[]> {}
