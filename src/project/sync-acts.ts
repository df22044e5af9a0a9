import type { Connector, LeaveAction, LeaveVerb, Mode } from '../connectors/connector.ts'
import { nearest, problem } from '../error.ts'
import type { Resolving } from './resolving.ts'
import type { SyncShape } from './schema.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'

/** What is done in a sync to rows that are not to be there any more. */
export interface Acts {
  /** Undefined = rows that leave are kept. */
  readonly onLeave: LeaveAction | undefined
  /** Undefined = nothing can stop contact there. */
  readonly onWithdraw: LeaveAction | undefined
}

type Vendor = Pick<Connector<unknown, unknown>, 'name' | 'leaves'>

/** The acts of a sync, as written or by default. */
export function actsOf(context: Resolving, item: Item<SyncShape>, connector: Vendor, mode: Mode): Acts {
  const { on_leave, on_withdraw } = item.value
  const onLeave = on_leave
    ? leaveOf(context, on_leave, connector, mode)
    : mode === 'mirror'
      ? mildest(connector, (one) => one.onRequest !== true)
      : undefined
  if (on_withdraw) return { onLeave, onWithdraw: withdrawOf(context, on_withdraw, connector, mode) }
  const stops = connector.leaves.some((one) => one.stopsContact && one.verb === onLeave?.verb)
  if (mode === 'append') return { onLeave, onWithdraw: undefined }
  return { onLeave, onWithdraw: mode === 'mirror' && stops ? onLeave : mildest(connector, (one) => one.stopsContact) }
}

type Written = NonNullable<SyncShape['on_leave']>

function leaveOf(context: Resolving, written: Written, connector: Vendor, mode: Mode): LeaveAction | undefined {
  if ('kind' in written && written.text === 'keep') return undefined
  if (mode === 'append') return refuse(context, 'In mode append nothing leaves, so "on_leave" has no meaning.', written)
  return actOf(context, 'on_leave', written, connector)?.action
}

function withdrawOf(context: Resolving, written: Written, connector: Vendor, mode: Mode): LeaveAction | undefined {
  if (mode === 'append')
    return refuse(context, 'In mode append nothing is withdrawn: sending stops. "on_withdraw" has no meaning.', written)
  const act = actOf(context, 'on_withdraw', written, connector)
  if (!act || act.verb.stopsContact) return act?.action
  const stopping = connector.leaves.filter((one) => one.stopsContact).map((one) => one.verb)
  const fix = stopping.length > 0 ? `These do: ${stopping.join(', ')}.` : undefined
  return refuse(context, `"${act.verb.verb}" does not stop people from being contacted.`, written, fix)
}

/** A verb of the connector with its argument. */
function actOf(
  context: Resolving,
  option: 'on_leave' | 'on_withdraw',
  written: Written,
  connector: Vendor,
): { readonly verb: LeaveVerb; readonly action: LeaveAction } | undefined {
  const [verb, argument] = 'kind' in written ? [written, undefined] : [written[0]?.key, written[0]?.value]
  if (!verb) return undefined
  const fail = (message: string, at: Scalar, fix?: string) => refuse(context, message, at, fix)
  const second = 'kind' in written ? undefined : written[1]?.key
  if (second) return fail(`"${option}" does one thing, and "${second.text}" is a second one.`, second)
  const known = connector.leaves.find((one) => one.verb === verb.text)
  const words = verbsFix(connector, verb.text, option)
  if (!known) return fail(`Connector "${connector.name}" cannot "${verb.text}".`, verb, words)
  if (known.takes === 'text' && !argument)
    return fail(`"${verb.text}" needs to know what.`, verb, `Write ${option}: { ${verb.text}: … }.`)
  if (known.takes === 'nothing' && argument)
    return fail(`"${verb.text}" takes nothing.`, argument, `Write ${option}: ${verb.text}.`)
  return { verb: known, action: { verb: known.verb, ...(argument && { argument: argument.text }) } }
}

function refuse({ problems }: Resolving, message: string, written: Written, fix?: string): undefined {
  const at = 'kind' in written ? written : written[0]?.key
  problems.push(problem('sync/leave', message, at?.at(), fix))
}

/** The mildest verb that serves: verbs that need an argument cannot be a default, those that delete never are. */
function mildest({ leaves }: Vendor, serves: (verb: LeaveVerb) => boolean = () => true): LeaveAction | undefined {
  const verb = leaves.find((one) => one.takes === 'nothing' && !one.deletes && serves(one))
  return verb && { verb: verb.verb }
}

function verbsFix({ leaves }: Vendor, word: string, option: 'on_leave' | 'on_withdraw'): string {
  const verbs = [...leaves.map((one) => one.verb), ...(option === 'on_leave' ? ['keep'] : [])]
  const close = nearest(word, verbs)
  return `${close ? `Did you mean "${close}"? ` : ''}It can: ${verbs.join(', ')}.`
}
