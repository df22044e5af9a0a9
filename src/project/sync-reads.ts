import type { Connector, LeaveAction, Mode } from '../connectors/connector.ts'
import { problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Sync } from './project.ts'
import type { Resolving } from './resolving.ts'
import type { SyncShape } from './schema.ts'
import type { Item } from './validate.ts'

/** A sync and what serves it. */
export interface Readable {
  readonly item: Item<SyncShape>
  readonly connector: Connector<unknown, unknown>
  readonly mode: Mode
  readonly into: unknown
}

/** An owner, with what it does and by what it knows rows. */
export interface Owner extends Readable {
  readonly onLeave: LeaveAction | undefined
  readonly key: Sync['key']
  /** Types of what the key may be made of, by name. */
  readonly types: ReadonlyMap<string, ValueType>
}

/** Does the sync remove what it never sent? Then it is a mirror that can read its place and take rows away from it. */
export function ownsOf({ problems }: Resolving, owner: Owner): true | undefined {
  const { item, connector, mode, into, onLeave } = owner
  if (!item.value.owned) return undefined
  const at = item.node.entries.find(({ key }) => key.text === 'owned')?.key.at()
  const refuse = (message: string, fix?: string): undefined => {
    problems.push(problem('sync/owned', message, at, fix))
    return undefined
  }
  if (mode !== 'mirror')
    return refuse(`Only a mirror owns its place, and the mode is ${mode}.`, 'Write `mode: mirror`.')
  if (connector.delivers(mode, into) === 'whole')
    return refuse('The place is written whole: what is not in the audience is gone anyway.', 'Take `owned` away.')
  if (!connector.reads?.(mode, into))
    return refuse(
      `Connector "${connector.name}" cannot read what the place holds, so rows that were never sent are not known.`,
    )
  const taking = connector.leaves.filter(({ takesAway }) => takesAway).map(({ verb }) => verb)
  if (onLeave === undefined || !taking.includes(onLeave.verb))
    return refuse(
      `\`on_leave: ${onLeave?.verb ?? 'keep'}\` leaves rows where they are, so that what was never sent would be found there again and again.`,
      taking.length > 0 ? `These take rows away: ${taking.join(', ')}.` : undefined,
    )
  const inexact = owner.key.find(({ trait }) => {
    const type = owner.types.get(trait)
    return type !== 'text' && type !== 'integer'
  })
  if (inexact !== undefined)
    return refuse(
      `"${inexact.theirs}" is neither text nor a whole number: a vendor may write it otherwise, and our own rows would be taken for rows of others.`,
    )
  return true
}

/** Fields that are written only where they are empty need a destination that says what it holds. */
export function refuseUnread({ problems }: Resolving, { item, connector, mode, into }: Readable): void {
  for (const { key, value } of item.value.fields ?? []) {
    if ('kind' in value || value.write !== 'if_empty') continue
    const refuse = (message: string, fix: string) => problems.push(problem('sync/unreadable', message, key.at(), fix))
    if (connector.delivers(mode, into) === 'whole')
      refuse(
        `Connector "${connector.name}" writes the whole place anew in mode ${mode}: nothing that was there stays, so "${key.text}" cannot be left alone where it is filled.`,
        'Take `write: if_empty` away.',
      )
    else if (!connector.reads?.(mode, into))
      refuse(
        `What "${key.text}" holds cannot be read by connector "${connector.name}", so it cannot be left alone where it is filled.`,
        'Write `write: on_create`, or take `write` away.',
      )
  }
}
