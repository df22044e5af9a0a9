import { test as tested } from '../tests.ts'
import { atDesk, type Call } from './command.ts'
import { printTests } from './print-test.ts'
import { remindOfValues, type ShowValues, showsValues } from './show-values.ts'

interface Asked extends ShowValues {
  readonly unit?: boolean
  readonly data?: boolean
}

/** `cdp test`: unit tests and data tests, or one of the two. The document of `--json` is the `TestReport`. */
export function test(call: Call<Call['options'] & Asked>): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const { unit = false, data = false, json, quiet } = call.options
    const both = unit === data
    const asked = { unit: unit || both, data: data || both, showValues: showsValues(desk) }
    const report = await tested(request, environment, asked)
    if (json) screen.document(report)
    else screen.print(printTests(report, screen.out, { quiet: quiet === true }))
    remindOfValues(desk)
    return report.exit_code
  })
}
