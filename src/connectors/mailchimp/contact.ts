import type { Change, Io, Json } from '../connector.ts'
import type { Groups } from './groups.ts'
import type { MergeFields } from './merge-fields.ts'
import { mergeValue } from './merge-value.ts'
import { type Into, targetOf } from './place.ts'

/** What serves to say what a change writes. */
export interface Content {
  readonly into: Into
  readonly groups: Groups
  readonly mode: Io['mode']
  readonly fields: MergeFields
}

type Properties = Readonly<Record<string, Json>>

/** What a change writes of a contact, but for address, status and tags. `isNew`: the list does not have it yet. */
export function contentOf(change: Change, { into, groups, fields }: Content, isNew: boolean): Properties {
  const merge: Record<string, Json> = {}
  const interests: Record<string, Json> = {}
  const permissions: Json[] = []
  const contact: Record<string, Json> = {}
  for (const [name, value] of Object.entries(change.fields)) {
    const target = targetOf(name)
    switch (target?.kind) {
      case undefined:
        break
      case 'merge':
        // What the list has no field for needs no clearing.
        if (value !== null || fields.has(target.tag)) merge[target.tag] = mergeValue(value, fields.get(target.tag))
        break
      case 'interest':
        interests[groups.interests.get(target.name) ?? target.name] = isTrue(value)
        break
      case 'permission': {
        const marketing_permission_id = groups.permissions.get(target.name) ?? target.name
        // Who is there may have taken it back since: our value may be the older one.
        if (isNew || !isTrue(value) || into.raise_permissions)
          permissions.push({ marketing_permission_id, enabled: isTrue(value) })
        break
      }
      case 'contact':
        // When and whence somebody signed up is evidence: there is no emptying it.
        if (value !== null || target.name === 'language') contact[target.name] = value === null ? '' : String(value)
    }
  }
  return {
    merge_fields: merge,
    ...contact,
    ...(Object.keys(interests).length > 0 && { interests }),
    ...(permissions.length > 0 && { marketing_permissions: permissions }),
  }
}

/** The tags that a contact gets: that of the audience whenever it is written, for others may have taken it away. */
export function tagsOf(op: Change['op'], into: Into): readonly string[] {
  return [...(op === 'create' ? into.tags : []), ...(into.tag === undefined ? [] : [into.tag])]
}

function isTrue(value: Json): boolean {
  return value === true || value === 'true'
}

/** The address of a contact, as the sync has it. */
export function addressOf(change: Change): string {
  const value = change.key.email
  return typeof value === 'string' ? value.trim() : ''
}

/** The address by which Mailchimp knows a contact. */
export function emailOf(change: Change): string {
  return addressOf(change).toLowerCase()
}
