import { rekey as rekeyed } from '../ledger-rekey.ts'
import { atDesk, type Call, heading } from './command.ts'
import { count, visible } from './layout.ts'

/** `cdp state rekey <sync>`: moves rows to the key that the sync has now. The document of `--json` is the `Rekeyed`. */
export function rekey(call: Call): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const found = await rekeyed(request, environment, { sync: call.args[0] ?? '' })
    if (call.options.json) screen.document({ ...heading('state rekey', 0), ...found, errors: [] })
    else
      screen.print([
        `Nothing was sent. ${count(found.moved, 'row')} of "${visible(found.sync)}" moved to the new key.`,
        ...(found.moved === 0
          ? []
          : [
              `Nobody looked whether "${visible(found.destination)}" knows them by the new key; if it does not, the next changes become rows of their own there.`,
              `Where it can be read back, "cdp verify ${visible(found.sync)}" tells.`,
            ]),
        ...(found.left === 0
          ? []
          : [
              `${count(found.left, 'row')} stay under the old key: nobody has a new one for them. A mirror removes them.`,
            ]),
      ])
    return 0
  })
}
