import { join, relative } from 'node:path'
import { sandboxContents } from '../answers.ts'
import { atDesk, type Call, heading } from './command.ts'
import { visible } from './layout.ts'
import { printHeld } from './print-sandbox.ts'

/** `cdp sandbox show`: how many rows every emulated vendor holds, and where they can be looked at. */
export function show(call: Call): Promise<number> {
  return atDesk(call, async ({ request, environment, screen, seen }) => {
    const holdings = await sandboxContents(request, environment)
    if (call.options.json) {
      screen.document({ ...heading('sandbox show', 0), holdings, errors: [] })
      return 0
    }
    const folder = join(request.directory, '.cdp/sandbox', seen.project?.target.name ?? '')
    const where = visible(relative(process.cwd(), folder))
    if (holdings.length === 0) screen.print(['The sandbox is empty: "cdp run --sandbox" fills it.'])
    else
      screen.print([
        ...printHeld(holdings, screen.out),
        '',
        `The rows are in ${where}/: files as files, vendors as journals.`,
      ])
    return 0
  })
}
