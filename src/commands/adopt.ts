import { type CdpError, failure } from '../error.ts'
import { type Adopted, type AdoptFrom, adopt as adopted } from '../ledger-compare.ts'
import { atDesk, type Call, heading } from './command.ts'
import { count, visible } from './layout.ts'

interface Asked {
  readonly fromDestination?: boolean
  readonly fromFile?: string
  readonly keyColumn?: readonly string[]
}

/** `cdp state adopt <sync>`: takes over what a destination holds. The document of `--json` is the `Adopted`. */
export function adopt(call: Call<Call['options'] & Asked>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const from = fromOf(call.options)
    const found = await adopted(request, environment, { sync: call.args[0] ?? '', from })
    if (call.options.json) screen.document({ ...heading('state adopt', 0), ...found, errors: [] })
    else screen.print(lines(found, from))
    return 0
  })
}

function fromOf({ fromDestination, fromFile, keyColumn }: Asked): AdoptFrom {
  if ((fromDestination === true) === (fromFile !== undefined))
    throw wrong('What is to be adopted must be said once.', 'Write --from-destination or --from-file <path>.')
  if (fromFile === undefined) return { kind: 'destination' }
  if (keyColumn === undefined)
    throw wrong('"--from-file" needs the column that holds the key.', 'Write --key-column <name>.')
  return { kind: 'file', path: fromFile, columns: keyColumn }
}

function wrong(message: string, fix: string): CdpError {
  return failure('project', 'command/arguments', message, fix)
}

function lines({ sync, destination, equal, differs, known, strangers }: Adopted, from: AdoptFrom): readonly string[] {
  const strange =
    from.kind === 'file'
      ? `${count(strangers, 'row')} not in the audience, adopted: a mirror removes them.`
      : `${count(strangers, 'row')} not in the audience, left alone.`
  return [
    `Nothing was sent. "${visible(destination)}" holds for "${visible(sync)}":`,
    ...(from.kind === 'file' ? [] : [`  ${count(equal, 'row')} as they would be sent.`]),
    `  ${count(differs, 'row')} ${from.kind === 'file' ? 'with values that nobody told' : 'otherwise'}: the next run corrects them.`,
    ...(known === 0 ? [] : [`  ${count(known, 'row')} that the ledger knew already.`]),
    ...(strangers === 0 ? [] : [`  ${strange}`]),
  ]
}
