import { ROW_OUTCOMES, type RowOutcome } from '../catalog/log.ts'
import { type CdpError, failure } from '../error.ts'
import { log as logged } from '../mending.ts'
import { atDesk, type Call, heading } from './command.ts'
import { limitOf } from './options.ts'
import { printLog } from './print-log.ts'
import { remindOfValues, type ShowValues, showsValues } from './show-values.ts'

interface Asked extends ShowValues {
  readonly sync?: string
  readonly person?: string
  readonly outcome?: string
  readonly since?: string
  readonly limit?: string
}

/** `cdp log`: what each run did, and what became of rows. The document of `--json` is the `Log`. */
export function log(call: Call<Call['options'] & Asked>): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const { sync, person, outcome, since, limit } = call.options
    const found = await logged(request, environment, {
      sync,
      person,
      outcome: outcomeOf(outcome),
      since: sinceOf(since, environment.world.clock.wall()),
      limit: limitOf(limit, 20),
      showValues: showsValues(desk),
    })
    if (call.options.json) screen.document({ ...heading('log', 0), ...found, errors: [] })
    else screen.print(printLog(found, screen.out))
    remindOfValues(desk)
    return 0
  })
}

function outcomeOf(written: string | undefined): RowOutcome | undefined {
  const outcome = ROW_OUTCOMES.find((one) => one === written)
  if (written === undefined || outcome !== undefined) return outcome
  throw wrong(`"${written}" in --outcome is none.`, `Use one of ${ROW_OUTCOMES.join(', ')}.`)
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `7d` before now, or a time, in ISO 8601. Throws CdpError `command/arguments`. */
export function sinceOf(written: string | undefined, now: Date): string | undefined {
  if (written === undefined) return undefined
  const [, amount, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(written) ?? []
  if (amount !== undefined) return new Date(now.getTime() - Number(amount) * (UNITS[unit] ?? 0)).toISOString()
  const time = /^\d{4}-\d\d-\d\d/.test(written) ? Date.parse(written) : Number.NaN
  if (!Number.isNaN(time)) return new Date(time).toISOString()
  throw wrong(`"${written}" in --since is no time.`, 'Write it like 30m, 24h, 7d, 2w or 2026-11-01.')
}

function wrong(message: string, fix: string): CdpError {
  return failure('project', 'command/arguments', message, fix)
}
