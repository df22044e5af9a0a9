import { problem, warning } from '../error.ts'
import type { Entity, Source } from './project.ts'
import { isAttributed, makesProfiles, type Resolving } from './resolving.ts'

/**
 * Entities that no source knows, which are errors, and groups (`of:`) whose rows are never a member's, which is worth
 * a warning. Asked only of a project that is right otherwise: a broken source may be the one.
 */
export function checkEntitySources(
  { validated, problems }: Resolving,
  entities: readonly Entity[],
  sources: ReadonlyMap<string, Source>,
): void {
  if (problems.some(({ severity }) => severity === 'error')) return
  const isOnly = entities.filter(({ of }) => of === undefined).length === 1
  for (const entity of entities) {
    const naming = [...sources.values()].filter((source) => names(source, entity))
    const isKnown = naming.length > 0 || (isOnly && [...sources.values()].some((one) => makesProfiles(one, entity)))
    if (!isKnown) {
      const message = `No source holds an identifier of entity "${entity.name}", so it has no profiles.`
      const types = entity.identifiers.map(({ name }) => `"${name}"`).join(' or ')
      const fix = `Name under \`identifiers:\` of a source the column that holds ${types}.`
      problems.push(problem('ref/unknown-identifier', message, entity.at, fix))
    }
    const member = entities.find(({ name }) => name === entity.of)
    if (!isKnown || !member || naming.some((source) => isAttributed(source, member, sources))) continue
    const message = `No source holds identifiers of both "${entity.name}" and "${member.name}", so no ${entity.name} has members.`
    const fix = `Name an identifier of "${member.name}" in ${naming.map(({ name }) => `"${name}"`).join(' or ')}.`
    const at = validated.entities.items.get(entity.name)?.value.of?.at()
    problems.push(warning('ref/unknown-identifier', message, at, fix))
  }
}

function names(source: Source, entity: Entity): boolean {
  return source.identifiers.some(({ type }) => entity.identifiers.some(({ name }) => name === type))
}
