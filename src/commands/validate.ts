import { validate as check } from '../pipeline.ts'
import { errorReport } from '../report.ts'
import { atDesk, type Call, heading, say } from './command.ts'
import { tally } from './print-diagnostics.ts'

/** `cdp validate`: every diagnostic of the project; with `--warehouse` also those that need the warehouse. */
export function validate(call: Call<Call['options'] & { readonly warehouse?: boolean }>): Promise<number> {
  return atDesk(call, async (desk) => {
    const diagnostics = await check(desk.request, desk.environment, { warehouse: call.options.warehouse === true })
    const code = diagnostics.some(({ severity }) => severity === 'error') ? 2 : 0
    say(desk, diagnostics)
    if (call.options.json) desk.screen.document({ ...heading('validate', code), errors: diagnostics.map(errorReport) })
    else if (!call.options.quiet)
      desk.screen.print([`${code === 0 ? 'The project is valid' : 'The project is not valid'}: ${tally(diagnostics)}.`])
    return code
  })
}
