import { explain as explained } from '../answers.ts'
import { atDesk, type Call, heading } from './command.ts'
import { printExplanation } from './print-explain.ts'
import { remindOfValues, type ShowValues, showsValues } from './show-values.ts'

/**
 * `cdp explain <identifier or id> [<other>]`: the records of one profile, or what ties or parts two. The document of
 * `--json` is the `Explanation` under the usual heading. Exit code 2 where an argument is nobody, or several.
 */
export function explain(call: Call<Call['options'] & ShowValues & { readonly entity?: string }>): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const asked = { arguments: call.args, entity: call.options.entity, showValues: showsValues(desk) }
    const found = await explained(request, environment, asked)
    if (call.options.json) screen.document({ ...heading('explain', 0), ...found, errors: [] })
    else screen.print(printExplanation(found, screen.out))
    remindOfValues(desk)
    return 0
  })
}
