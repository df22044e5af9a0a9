import { type At, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Need } from './cycles.ts'
import { DEFAULT_TILES, rfmColumns } from './score.ts'
import type { TraitShape } from './trait-shape.ts'
import type { Given } from './trait-sources.ts'
import type { Item } from './validate.ts'

/** The columns that scores add beside their own, before anything else of them is known. */
export function scoreColumns(
  items: ReadonlyMap<string, Item<TraitShape>>,
): readonly { readonly name: string; readonly type: ValueType }[] {
  return [...items.values()].flatMap(({ name, value: { score, tiles = DEFAULT_TILES, cells } }) =>
    score === 'rfm' ? rfmColumns(name, cells !== undefined ? cells.length > 0 : tiles === DEFAULT_TILES) : [],
  )
}

/** The traits that a weighted score compares. */
export function weightNeeds({ weights = [] }: TraitShape): readonly Need[] {
  return weights.map(({ key }) => ({ to: key.text.trim().split('.').at(-1) ?? '', at: key.at() }))
}

/** Reports what bears a name that a score needs for itself. Most warehouses take names that differ in case for one. */
export function checkScoreNames(
  { entity, problems }: Given,
  items: ReadonlyMap<string, Item<TraitShape>>,
  names: ReadonlyMap<string, At>,
): void {
  for (const { name: score, value, key } of items.values()) {
    if (!value.score) continue
    const isOurs = (name: string) => name.toLowerCase().startsWith(`${score.toLowerCase()}__`)
    const list = entity.identifiers.map(({ name }) => `all_${name}`).find(isOurs)
    const taken = [...[...names].filter(([name]) => isOurs(name)), ...(list ? [[list, key.at()] as const] : [])]
    for (const [name, at] of taken) {
      const message = `"${name}" is kept for score "${score}", whose columns begin with "${score}__".`
      problems.push(problem('project/bad-name', message, at, 'Choose another name for one of them.'))
    }
  }
}
