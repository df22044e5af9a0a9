import { placed } from './find.ts'
import { keyPlace } from './key-place.ts'
import { measuredType, measureOf } from './measure.ts'
import { entityScope } from './scope.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Defined, type Given, happened } from './trait-sources.ts'
import type { Item } from './validate.ts'
import { readWhere } from './where.ts'

/**
 * A trait of a group that is measured over its members: names are their traits. Undefined after problems were added,
 * and where the members' entity itself is broken, which is told there.
 */
export function memberTrait(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { context, members, problems } = given
  if (!members) return undefined
  const before = problems.length
  const places = context.validated.traits.get(members.name)?.traits.names ?? new Map()
  const scope = placed(entityScope(members, context.settings.timezone), members.name, places)
  const measure = measureOf({ given, item, scope, source: undefined })
  const where = item.value.where && readWhere(item.value.where, { names: scope }, problems)
  if (item.value.within) {
    const ofMembers = `Compare one of its times: where: last_seen_at >= ${item.value.within.text} ago.`
    happened(given, undefined, { key: 'within', at: keyPlace(item.node, 'within'), ofMembers })
  }
  if (!measure || problems.length > before) return undefined
  return { definition: { kind: 'members', measure, where }, type: measuredType(measure) }
}
