import { preview as previewed } from '../answers.ts'
import { atDesk, type Call, heading } from './command.ts'
import { masked, printPreview } from './print-preview.ts'

/** `cdp preview <segment>`: builds without publishing, and shows who is in the segment. */
export function preview(call: Call<Call['options'] & { readonly showValues?: boolean }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const found = await previewed(request, environment, call.args[0] ?? '')
    // Personal values never reach a file or a pipe: there they would stay.
    const open = call.options.showValues === true && screen.watched.out && !call.options.json
    const shown = open ? found : masked(found)
    if (call.options.json) screen.document({ ...heading('preview', 0), ...shown, errors: [] })
    else screen.print(printPreview(shown, screen.out))
    if (call.options.showValues && !open)
      screen.tell(['--show-values works on a terminal only; personal values are hidden.'])
    return 0
  })
}
