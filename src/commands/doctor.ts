import { grants } from '../doctor/grants.ts'
import { type Checkup, doctor as looked } from '../doctor.ts'
import { errorReport } from '../report.ts'
import { atDesk, type Call, type Desk, heading } from './command.ts'
import { type Column, count, type Style, table, visible } from './layout.ts'
import { printDiagnostics } from './print-diagnostics.ts'

interface Options {
  readonly grants?: boolean
  readonly role?: string
}

/**
 * `cdp doctor`: can the warehouse be reached and do its part, and would every destination take what its syncs send? The
 * document of `--json` has a `Checkup` each. Exit code 1 where something failed. With `--grants` it opens nothing, and
 * prints the script that gives a role its rights in the warehouse.
 */
export function doctor(call: Call<Call['options'] & Options>): Promise<number> {
  return atDesk(call, (desk) => (call.options.grants ? script(desk, call.options.role) : examine(desk)))
}

async function script({ call, request, environment, screen }: Desk, role: string | undefined): Promise<number> {
  const text = await grants(request, environment, role)
  if (call.options.json) screen.document({ ...heading('doctor', 0), grants: text, errors: [] })
  else screen.print(text.trimEnd().split('\n'))
  return 0
}

async function examine({ call, request, environment, screen }: Desk): Promise<number> {
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
}

const STYLES: Readonly<Record<Checkup['status'], Style>> = { ok: 'green', failed: 'red', skipped: 'dim' }

const COLUMNS: readonly Column<Checkup>[] = [
  { title: 'what', value: ({ area }) => area },
  { title: 'name', value: ({ name }) => visible(name) },
  { title: 'of it', value: (one) => (one.area === 'sync' ? `to ${visible(one.destination)}` : one.look), optional: 1 },
  { title: 'state', value: ({ status }) => status, style: ({ status }) => STYLES[status] },
  { title: 'found', value: (one) => (one.area === 'sync' ? '' : visible(one.found ?? '')), optional: 2 },
]

function verdict(checks: readonly Checkup[], failed: readonly Checkup[]): string {
  const skipped = checks.filter(({ status }) => status === 'skipped').length
  const left =
    skipped === 0 ? '' : ` ${count(skipped, 'sync')} not for this target ${skipped === 1 ? 'was' : 'were'} left out.`
  if (failed.length === 0) return `All is well; nothing was changed.${left}`
  return `${failed.length} of ${count(checks.length, 'check')} failed; nothing was changed.${left}`
}
