import { type Checkup, doctor as looked } from '../doctor.ts'
import { errorReport } from '../report.ts'
import { atDesk, type Call, heading } from './command.ts'
import { type Column, count, type Style, table, visible } from './layout.ts'
import { printDiagnostics } from './print-diagnostics.ts'

/**
 * `cdp doctor`: can the warehouse be reached, and would every destination take what its syncs send? The document of
 * `--json` has a `Checkup` each. Exit code 1 where something failed.
 */
export function doctor(call: Call): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const checks = await looked(request, environment)
    const failed = checks.filter(({ status }) => status === 'failed')
    const code = failed.length > 0 ? 1 : 0
    const diagnostics = checks.flatMap((one) => one.diagnostics)
    if (call.options.json) {
      const told = checks.map(({ diagnostics: said, ...one }) => ({ ...one, errors: said.map(errorReport) }))
      screen.document({ ...heading('doctor', code), checks: told, errors: diagnostics.map(errorReport) })
      return code
    }
    if (!call.options.quiet) screen.print([...table(COLUMNS, checks, screen.out), ''])
    screen.tell(printDiagnostics(diagnostics, screen.err))
    if (!call.options.quiet) screen.print([verdict(checks, failed)])
    return code
  })
}

const STYLES: Readonly<Record<Checkup['status'], Style>> = { ok: 'green', failed: 'red', skipped: 'dim' }

const COLUMNS: readonly Column<Checkup>[] = [
  { title: 'what', value: ({ area }) => area },
  { title: 'name', value: ({ name }) => visible(name) },
  { title: 'to', value: (one) => (one.area === 'sync' ? visible(one.destination) : ''), optional: 1 },
  { title: 'state', value: ({ status }) => status, style: ({ status }) => STYLES[status] },
]

function verdict(checks: readonly Checkup[], failed: readonly Checkup[]): string {
  const skipped = checks.filter(({ status }) => status === 'skipped').length
  const left =
    skipped === 0 ? '' : ` ${count(skipped, 'sync')} not for this target ${skipped === 1 ? 'was' : 'were'} left out.`
  if (failed.length === 0) return `All is well; nothing was changed.${left}`
  return `${failed.length} of ${count(checks.length, 'check')} failed; nothing was changed.${left}`
}
