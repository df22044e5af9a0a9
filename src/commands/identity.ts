import { identityBridges, identityDiff, identityShared } from '../answers.ts'
import { atDesk, type Call, heading } from './command.ts'
import { limitOf } from './options.ts'
import { printBridges } from './print-bridges.ts'
import { printDiff } from './print-diff.ts'
import { printShared } from './print-shared.ts'
import { remindOfValues, type ShowValues, showsValues } from './show-values.ts'

interface Asked extends ShowValues {
  readonly entity?: string
  readonly type?: string
  readonly limit?: string
}

type IdentityCall = Call<Call['options'] & Asked>

/** `cdp identity shared`: identifiers by fan-out. The document of `--json` is the `SharedReport`. */
export function shared(call: IdentityCall): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const { entity, type, limit } = call.options
    const asked = { entity, type, limit: limitOf(limit, 20), showValues: showsValues(desk) }
    const found = await identityShared(request, environment, asked)
    if (call.options.json) screen.document({ ...heading('identity shared', 0), ...found, errors: [] })
    else screen.print(printShared(found, screen.out))
    remindOfValues(desk)
    return 0
  })
}

/** `cdp identity bridges <identifier or id>`: where a profile would fall apart. `--json`: the `BridgesReport`. */
export function bridges(call: IdentityCall): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const { entity, limit } = call.options
    const asked = { argument: call.args[0] ?? '', entity, limit: limitOf(limit, 10), showValues: showsValues(desk) }
    const found = await identityBridges(request, environment, asked)
    if (call.options.json) screen.document({ ...heading('identity bridges', 0), ...found, errors: [] })
    else screen.print(printBridges(found, screen.out))
    remindOfValues(desk)
    return 0
  })
}

/**
 * `cdp identity diff`: what the project as it is now would change of the published profiles. `--json`: the
 * `IdentityDiff`. Exit code 0 also where a guard would refuse it, and before the first publish.
 */
export function diff(call: IdentityCall): Promise<number> {
  return atDesk(call, async (desk) => {
    const { request, environment, screen } = desk
    const found = await identityDiff(request, environment, {
      entity: call.options.entity,
      showValues: showsValues(desk),
    })
    if (call.options.json) screen.document({ ...heading('identity diff', 0), ...found, errors: [] })
    else screen.print(printDiff(found, screen.out))
    remindOfValues(desk)
    return 0
  })
}
