import { type At, type Diagnostic, problem, warning } from '../error.ts'
import { checkAppendOnly } from './append-only.ts'
import { openDbt } from './dbt-manifest.ts'
import { checkEntitySources } from './entity-sources.ts'
import { find, wantedIn } from './find.ts'
import { LIST_KEYS } from './identity-lists.ts'
import { place } from './place.ts'
import type { Entity, Project, Source } from './project.ts'
import { resolvePurposes } from './resolve-consent.ts'
import { resolveDataTests } from './resolve-data-tests.ts'
import { resolveDestinations } from './resolve-destinations.ts'
import { identifierTypes, resolveEntities } from './resolve-entities.ts'
import { type EntityScope, resolveSegments, scopeOf } from './resolve-segments.ts'
import { resolveSettings, type SettingsRequest } from './resolve-settings.ts'
import { resolveSources } from './resolve-sources.ts'
import { resolveSyncs } from './resolve-syncs.ts'
import { resolveTraits } from './resolve-traits.ts'
import { resolveUnitTests } from './resolve-unit-tests.ts'
import type { Resolving } from './resolving.ts'
import { NO_UNIT_TESTS } from './unit-test.ts'
import type { Validated } from './validate.ts'

export interface ResolveRequest extends Omit<SettingsRequest, 'dbtFolder'> {
  readonly sandbox?: boolean | undefined
}

/** The project with every name resolved. Where `diagnostics` hold an error, nothing may be run from it. */
export function resolve(
  validated: Validated,
  request: ResolveRequest,
): { readonly project: Project | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const problems: Diagnostic[] = []
  if (!validated.config) return { project: undefined, diagnostics: problems }
  const dbt = openDbt(validated.loaded.directory, validated.config.dbt?.manifest?.text)
  const settings = resolveSettings(validated.config, { ...request, dbtFolder: dbt.folder }, problems)
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
    dbt,
  }
  const sources = resolveSources(context, identifierTypes(context))
  const scopes = resolveScopes(context, sources)
  checkTraits(context)
  const purposes = resolvePurposes(context, sources)
  const { segments, names } = resolveSegments(context, scopes, { purposes, sources })
  const connected = resolveDestinations(context)
  const syncs = resolveSyncs(context, { connected, entities: scopes, segments: names, purposes, sources })
  const dataTests = resolveDataTests(context, sources, scopes)
  checkUnused(context)
  const entities = new Map([...scopes].map(([name, { entity }]) => [name, entity]))
  checkEntitySources(context, [...entities.values()], sources)
  checkAppendOnly(context, { sources, entities: entities.values(), asking: [...segments.values(), ...syncs.values()] })
  if (!settings.target) return { project: undefined, diagnostics: problems }
  const project: Project = {
    name: settings.name,
    directory: validated.loaded.directory,
    target: settings.target,
    schemas: settings.schemas,
    timezone: settings.timezone,
    phoneCountry: settings.phoneCountry,
    now: settings.now,
    history: settings.history,
    sources,
    entities,
    segments,
    purposes,
    destinations: new Map([...connected].map(([name, { destination }]) => [name, destination])),
    syncs,
    dataTests,
    unitTests: NO_UNIT_TESTS,
    warnings: problems.filter((one) => one.severity === 'warning'),
    places,
    dbt: dbtFacts(context),
  }
  const tested = { ...project, unitTests: resolveUnitTests(context, project) }
  return { project: tested, diagnostics: problems }
}

function dbtFacts({ dbt, validated }: Resolving): Project['dbt'] {
  const manifest = dbt.used()
  const { owner } = validated.config?.dbt ?? {}
  return manifest === undefined && owner === undefined ? undefined : { manifest, owner }
}

/** Every entity with its traits, in the order of the files. */
function resolveScopes(context: Resolving, sources: ReadonlyMap<string, Source>): ReadonlyMap<string, EntityScope> {
  const scopes = new Map<string, EntityScope>()
  const entities = [...resolveEntities(context).values()]
  const isGroup = ({ of }: Pick<Entity, 'of'>) => of !== undefined
  // Traits of a group speak of the traits of its members.
  for (const entity of [...entities.filter((one) => !isGroup(one)), ...entities.filter(isGroup)]) {
    const { traits, names } = resolveTraits(context, entity, sources, scopes.get(entity.of ?? '')?.names)
    scopes.set(entity.name, scopeOf({ ...entity, traits }, names, sources, context.settings.timezone))
  }
  const groupsOf = (member: string) =>
    [...scopes.values()].flatMap(({ entity, names }) => (entity.of === member ? [names] : []))
  return new Map(
    entities.flatMap(({ name }) => {
      const scope = scopes.get(name)
      return scope ? [[name, { ...scope, groups: groupsOf(name) }] as const] : []
    }),
  )
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

/** SQL files that no source and no list names are computed by nobody. */
function checkUnused({ validated, problems }: Resolving): void {
  const { sources, entities } = validated
  const owners = [
    ...[...sources.items.values()].map(({ value }) => value),
    ...[...entities.items.values()].flatMap(({ value }) => Object.values(LIST_KEYS).map((key) => value[key])),
  ]
  const used = new Set(owners.map((value) => value?.sql?.text.trim().replace(/^\.\//, '')))
  const isSure = sources.items.size === sources.names.size && entities.items.size === entities.names.size
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
