import { reconcile as reconciled, type Verified, verify as verified } from '../ledger-compare.ts'
import { atDesk, type Call, heading } from './command.ts'
import { count, visible } from './layout.ts'
import { limitOf } from './options.ts'

/**
 * `cdp verify <sync> --sample N`: reads a sample back. The document of `--json` is the `Verified`. Exit code 3 where a
 * row differs or is missing.
 */
export function verify(call: Call<Call['options'] & { readonly sample?: string }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const rows = limitOf(call.options.sample, 100, '--sample')
    const found = await verified(request, environment, { sync: call.args[0] ?? '', rows })
    const code = found.differs + found.missing > 0 ? 3 : 0
    if (call.options.json) screen.document({ ...heading('verify', code), ...found, errors: [] })
    else screen.print([...tally(found), ...estimate(found)])
    return code
  })
}

/**
 * `cdp reconcile <sync>`: reads everything back. The document of `--json` is the `Reconciled`. Exit code 3 where the
 * next run has something to mend.
 */
export function reconcile(call: Call): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const found = await reconciled(request, environment, { sync: call.args[0] ?? '' })
    const owed = found.differs + found.missing
    const code = owed > 0 ? 3 : 0
    if (call.options.json) screen.document({ ...heading('reconcile', code), ...found, errors: [] })
    else
      screen.print([
        ...tally(found),
        ...uncompared(found),
        ...(owed === 0 ? [] : [`The next run sends ${count(owed, 'row')} again.`]),
      ])
    return code
  })
}

function tally(
  found: Pick<Verified, 'destination' | 'rows' | 'equal' | 'differs' | 'missing' | 'fields'>,
): readonly string[] {
  const fields = Object.entries(found.fields).map(([name, rows]) => `${visible(name)} ${rows}`)
  return [
    `${count(found.rows, 'row')} read back from "${visible(found.destination)}"; nothing was sent.`,
    `  ${count(found.equal, 'row')} as sent`,
    `  ${count(found.differs, 'row')} differ${fields.length === 0 ? '' : ` (${fields.join(', ')})`}`,
    `  ${count(found.missing, 'row')} missing`,
  ]
}

function estimate(found: Verified): readonly string[] {
  const { rows, comparable, wrong } = found
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  return [
    ...(rows === 0
      ? []
      : [
          `Wrong: ${percent(wrong.share)} of ${count(comparable, 'row')}, at 95 % between ${percent(wrong.low)} and ${percent(wrong.high)}.`,
        ]),
    ...uncompared(found),
  ]
}

/** What was acknowledged is known as a fingerprint: it can be compared only while it is what would be sent. */
function uncompared({ synced, comparable }: Pick<Verified, 'synced' | 'comparable'>): readonly string[] {
  const rest = synced - comparable
  if (rest === 0) return []
  const why = 'their data or fields have changed since, they have left, or a request may still take effect'
  return [
    `${count(rest, 'acknowledged row')} ${rest === 1 ? 'was' : 'were'} not compared: ${why}. The next run settles them; then look again.`,
  ]
}
