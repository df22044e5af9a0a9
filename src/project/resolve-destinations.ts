import type { Connector } from '../connectors/connector.ts'
import { nearest, problem } from '../error.ts'
import type { Unit } from '../sql/dialect.ts'
import { accountOf } from './accounts.ts'
import { checkRenamed } from './former-names.ts'
import type { Destination } from './project.ts'
import { header, type Resolving } from './resolving.ts'
import { parseDuration } from './time.ts'
import type { Scalar } from './tree.ts'
import type { DestinationShape, Item } from './validate.ts'

/** A destination with the connector that serves it. */
export interface Connected {
  readonly destination: Destination
  readonly connector: Connector<unknown, unknown>
}

/** Every destination whose account has the shape that its connector describes. */
export function resolveDestinations(context: Resolving): ReadonlyMap<string, Connected> {
  const connected = new Map<string, Connected>()
  for (const item of context.validated.destinations.items.values()) {
    const found = connectorOf(context, item.value.type)
    const destination = found && destinationOf(context, item, found)
    if (destination) connected.set(item.name, { destination, connector: found })
  }
  checkRenamed(context, 'destinations')
  return connected
}

function connectorOf({ registries, problems }: Resolving, type: Scalar): Connector<unknown, unknown> | undefined {
  const connector = registries.connectors.get(type.text)
  if (connector) return connector
  const known = [...registries.connectors.keys()]
  const close = nearest(type.text, known)
  const fix = close ? `Did you mean "${close}"?` : `Known types: ${known.join(', ')}.`
  problems.push(problem('ref/unknown-destination', `There is no connector "${type.text}".`, type.at(), fix))
  return undefined
}

function destinationOf(
  context: Resolving,
  item: Item<DestinationShape>,
  connector: Connector<unknown, unknown>,
): Destination | undefined {
  const { value, key } = item
  const { problems, values, settings } = context
  const targets = value.targets?.map((one) => targetName(context, one))
  const isActive = !targets || settings.target === undefined || targets.includes(settings.target.name)
  const account = accountOf(value.account, connector.account, {
    problems,
    what: `Destination "${item.name}"`,
    at: key.at(),
    values,
    unset: context.sandbox || !isActive ? 'silent' : 'warn',
  })
  const settlesWithin = value.settles_within && milliseconds(context, value.settles_within)
  return (
    account && {
      ...header(item),
      type: connector.name,
      ...(value.was && { was: value.was.text }),
      account: connector.inherit?.(account.value, settings) ?? account.value,
      secrets: account.secrets,
      settlesWithin,
      allowPrivate: value.allow_private ?? false,
      targets,
      // Checked where syncs are known, because a segment of another entity is none of theirs.
      exclude: (value.exclude ?? []).map((one) => one.text),
    }
  )
}

function targetName({ settings, problems }: Resolving, written: Scalar): string {
  if (!settings.targets.includes(written.text)) {
    const close = nearest(written.text, settings.targets)
    const fix = close && `Did you mean "${close}"?`
    problems.push(problem('ref/unknown-target', `Target "${written.text}" is not defined.`, written.at(), fix))
  }
  return written.text
}

const MILLISECONDS: Partial<Record<Unit, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
}

function milliseconds({ problems }: Resolving, written: Scalar): number | undefined {
  const duration = parseDuration(written.text)
  const unit = duration && MILLISECONDS[duration.unit]
  if (written.text === '0') return 0
  if (duration && unit) return duration.amount * unit
  const message = `"${written.text}" is no duration.`
  problems.push(problem('project/wrong-type', message, written.at(), 'Write 5m, 2 hours or 0.'))
  return undefined
}
