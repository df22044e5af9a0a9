import { unlock as unlocked } from '../mending.ts'
import { atDesk, type Call, heading } from './command.ts'
import { visible } from './layout.ts'

/**
 * `cdp unlock <sync> [--force]`: takes the lease of a sync from a run that will not end. The document of `--json` is
 * the `Unlocked`. Exit code 0 also where nobody held it, 5 where its holder still runs.
 */
export function unlock(call: Call<Call['options'] & { readonly force?: boolean }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const asked = { sync: call.args[0] ?? '', force: call.options.force === true }
    const found = await unlocked(request, environment, asked)
    const name = visible(found.sync)
    if (call.options.json) screen.document({ ...heading('unlock', 0), ...found, errors: [] })
    else if (!found.lease) screen.print([`Nobody holds "${name}".`])
    else
      screen.print([
        `"${name}" was held by ${visible(found.lease.holder)} (${FATES[found.holder ?? 'unknown']}), run ${visible(found.lease.run_id)}.`,
        'The lease is free. What that run may have sent is kept as unsure, and the next run sends it again.',
      ])
    return 0
  })
}

const FATES = {
  alive: 'still running: it stops at its next checkpoint',
  gone: 'which runs no more',
  unknown: 'whose fate cannot be known from here',
} as const
