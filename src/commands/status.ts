import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { status as readStatus } from '../answers.ts'
import { CdpError } from '../error.ts'
import type { Report } from '../report.ts'
import { atDesk, type Call, type Desk, heading } from './command.ts'
import { printRun } from './print-run.ts'
import { printStatus } from './print-status.ts'

/** `cdp status`: what is published, and what every sync holds and owes. */
export function status(call: Call): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    try {
      const found = await readStatus(request, environment)
      if (call.options.json) screen.document({ ...heading('status', 0), ...found, errors: [] })
      else screen.print(printStatus(found, environment.world.clock.wall(), screen.out))
      return 0
    } catch (thrown) {
      if (isLocked(thrown) && !call.options.json) await showLastRun(desk)
      throw thrown
    }
  })
}

function isLocked(thrown: unknown): boolean {
  return thrown instanceof CdpError && thrown.diagnostics.some(({ code }) => code === 'warehouse/locked')
}

/** While a run holds the file of the warehouse, the last report is all that can be read. */
async function showLastRun({ request, screen }: Desk): Promise<void> {
  const text = await readFile(join(request.directory, '.cdp/run_results.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return
  const report = JSON.parse(text) as Report
  screen.print([screen.out.paint('bold', `The last run that ended (it began at ${report.started_at})`), ''])
  screen.print(printRun(report, { page: screen.out, failures: [], next: [] }))
  screen.print([''])
}
