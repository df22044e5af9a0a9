import { validate as check } from '../pipeline.ts'
import { errorReport } from '../report.ts'
import { atDesk, type Call, type Desk, heading, say } from './command.ts'
import { visible } from './layout.ts'
import { tally } from './print-diagnostics.ts'

/** `cdp validate`: every diagnostic of the project; with `--warehouse` also those that need the warehouse. */
export function validate(call: Call<Call['options'] & { readonly warehouse?: boolean }>): Promise<number> {
  return atDesk(call, async (desk) => {
    const diagnostics = await check(desk.request, desk.environment, { warehouse: call.options.warehouse === true })
    const code = diagnostics.some(({ severity }) => severity === 'error') ? 2 : 0
    say(desk, diagnostics)
    if (call.options.json) desk.screen.document({ ...heading('validate', code), errors: diagnostics.map(errorReport) })
    else if (!call.options.quiet)
      desk.screen.print([
        ...manifestLine(desk),
        `${code === 0 ? 'The project is valid' : 'The project is not valid'}: ${tally(diagnostics)}.`,
      ])
    return code
  })
}

/** How old what is known of dbt is. */
function manifestLine({ seen }: Desk): readonly string[] {
  const manifest = seen.project?.dbt?.manifest
  if (manifest === undefined) return []
  const { path, madeAt, dbtVersion, adapter } = manifest
  return [visible(`Models of dbt are those of ${path}, made ${madeAt} by dbt ${dbtVersion} for ${adapter}.`)]
}
