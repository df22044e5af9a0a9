import { expectedQuery, JUDGED_COLUMNS } from './compile/ledger-expected.ts'
import { moveQuery, movesQuery, rekeyQuery } from './compile/ledger-rekey.ts'
import type { Environment, Request } from './environment.ts'
import { type CdpError, failure } from './error.ts'
import { comparing, pageOf, type Work, withTables } from './ledger-compare.ts'
import { taken } from './mending.ts'
import type { Sync } from './project/project.ts'
import { underLease } from './sync/mend.ts'

/** What became of rows when the key of a sync was changed. */
export interface Rekeyed {
  readonly sync: string
  readonly destination: string
  /** Rows that stand under the new key now; what was acknowledged of them stays. */
  readonly moved: number
  /** Rows that stay under their old key: their profile is gone, or has no new key of its own. A mirror removes them. */
  readonly left: number
}

/**
 * Moves rows from the keys that a sync had to those that it has, by the profile under which they were sent. Sends
 * nothing. Throws CdpError where nothing is published, or another run holds the lease.
 */
export async function rekey(
  request: Request,
  environment: Environment,
  asked: { readonly sync: string },
): Promise<Rekeyed> {
  return comparing(request, environment, asked.sync, async (work) => {
    const { bench, of, run } = work
    if (bench.sync.rows !== undefined) throw ofRows(bench.sync)
    const mended = await underLease(bench.job, (lease) =>
      withTables(work, lease.fence, async () => {
        await run([['expected', 'the keys that profiles have now', work.table(of.compare.expected, expectedQuery(of))]])
        await markOld(work)
        await run([['moves', 'which key each gets', work.table(of.compare.pairs, movesQuery(of))]])
        const counts = await work.first('rekey', 'how many there are', rekeyQuery(of))
        await run([['move', 'rows get their new key', moveQuery(of)]], lease)
        const moved = Number(counts.moved)
        const value = { moved, left: Number(counts.old_keys) - moved }
        return { value, event: { event: 'rekeyed', counts: value } }
      }),
    )
    if (mended.kind === 'taken') throw taken(bench.sync, mended)
    return { sync: bench.sync.name, destination: bench.sync.destination, ...mended.value }
  })
}

/** A person has one row in a sync of people; of rows only the old key could say which is which. */
function ofRows({ name, rows }: Sync): CdpError {
  return failure(
    'project',
    'project/not-supported',
    `"${name}" sends the rows of "${rows?.source}", which have no other name than their key: old keys cannot be told.`,
    `Put the key back, or forget what was sent (\`cdp state reset ${name} --yes\`) and send it anew.`,
  )
}

/** Marks rows whose key has other names than that of the sync: the same names with another value are another row. */
async function markOld({ bench: { session, sync }, of, tokens }: Work): Promise<void> {
  const names = JSON.stringify(sync.key.map(({ theirs }) => theirs))
  for await (const { columns } of session.read(of.tables.snapshot, ['key_hash', 'key_json'], 5_000)) {
    const [hashes = [], keys = []] = columns
    const old = hashes.filter((_, row) => JSON.stringify(Object.keys(JSON.parse(keys[row] ?? '{}'))) !== names)
    const rows = old.map((hash) => [hash, 'old'])
    await session.append(of.compare.judged, pageOf(rows, JUDGED_COLUMNS.length), tokens)
  }
}
