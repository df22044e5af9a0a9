import { type At, type Diagnostic, problem, warning } from '../error.ts'
import { find, wantedIn } from './find.ts'
import { place } from './place.ts'
import type { Entity, Project } from './project.ts'
import { resolveDestinations } from './resolve-destinations.ts'
import { identifierTypes, resolveEntities } from './resolve-entities.ts'
import { type EntityScope, resolveSegments, scopeOf } from './resolve-segments.ts'
import { resolveSettings, type SettingsRequest } from './resolve-settings.ts'
import { resolveSources } from './resolve-sources.ts'
import { resolveSyncs } from './resolve-syncs.ts'
import { resolveTraits } from './resolve-traits.ts'
import type { Resolving } from './resolving.ts'
import type { Validated } from './validate.ts'

export interface ResolveRequest extends SettingsRequest {
  readonly sandbox?: boolean | undefined
}

/** The project with every name resolved. Where `diagnostics` hold an error, nothing may be run from it. */
export function resolve(
  validated: Validated,
  request: ResolveRequest,
): { readonly project: Project | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const problems: Diagnostic[] = []
  if (!validated.config) return { project: undefined, diagnostics: problems }
  const settings = resolveSettings(validated.config, request, problems)
  const { values, registries } = request
  const places = { relations: new Map<string, At>(), columns: [] }
  const context: Resolving = {
    validated,
    settings,
    registries,
    values,
    sandbox: request.sandbox ?? false,
    problems,
    places,
  }
  const sources = resolveSources(context, identifierTypes(context))
  const scopes = new Map<string, EntityScope>()
  for (const entity of resolveEntities(context).values()) {
    const { traits, names } = resolveTraits(context, entity, sources)
    const whole: Entity = { ...entity, traits }
    scopes.set(entity.name, scopeOf(whole, names, sources, settings.timezone))
  }
  checkTraits(context)
  const { segments, names } = resolveSegments(context, scopes)
  const connected = resolveDestinations(context)
  const syncs = resolveSyncs(context, { connected, entities: scopes, segments: names })
  checkUnused(context)
  if (!settings.target) return { project: undefined, diagnostics: problems }
  const project: Project = {
    name: settings.name,
    directory: validated.loaded.directory,
    target: settings.target,
    schemas: settings.schemas,
    timezone: settings.timezone,
    phoneCountry: settings.phoneCountry,
    now: settings.now,
    sources,
    entities: new Map([...scopes].map(([name, { entity }]) => [name, entity])),
    segments,
    destinations: new Map([...connected].map(([name, { destination }]) => [name, destination])),
    syncs,
    warnings: problems.filter((one) => one.severity === 'warning'),
    places,
  }
  return { project, diagnostics: problems }
}

/** Traits stand under the name of an entity. */
function checkTraits({ validated, problems }: Resolving): void {
  const { traits, entities } = validated
  const wanted = wantedIn('ref/unknown-entity', 'Entity', entities)
  for (const { key } of traits.values()) find(key, entities.items, wanted, problems)
  if (entities.names.size > 0 || entities.disabled.size > 0 || traits.size > 0) return
  if (validated.sources.names.size === 0) return
  problems.push(
    problem(
      'project/missing-key',
      'The project declares no entity.',
      undefined,
      'Say under `entities:` what a profile is about.',
    ),
  )
}

/** SQL files that no source names are computed by nobody. */
function checkUnused({ validated, problems }: Resolving): void {
  const used = new Set(
    [...validated.sources.items.values()].map(({ value }) => value.sql?.text.trim().replace(/^\.\//, '')),
  )
  const isSure = validated.sources.items.size === validated.sources.names.size
  for (const file of validated.loaded.sqlFiles)
    if (isSure && !used.has(file.path)) {
      const name = file.path.replace(/^.*\/|\.sql$/g, '')
      const fix = `Name it: sources: { ${name}: { sql: ${file.path} } }.`
      problems.push(
        warning('project/unused-sql', 'No source names this file.', place(file, 0, firstLine(file.text)), fix),
      )
    }
}

function firstLine(text: string): number {
  const end = text.indexOf('\n')
  return end === -1 ? text.length : end
}
