import { compileConsent } from './compile/consent.ts'
import type { Context } from './compile/context.ts'
import { compileDataTests } from './compile/data-tests.ts'
import { compileIdentity } from './compile/identity/identity.ts'
import type { Model } from './compile/model.ts'
import { compileSegments } from './compile/segments.ts'
import { compileSetup, compileSources } from './compile/sources.ts'
import { compileSuppression } from './compile/suppression.ts'
import { compileSyncRows } from './compile/sync-rows.ts'
import { compileProfiles } from './compile/traits.ts'
import type { Tested } from './project/data-tests.ts'

/** Every model of a project, each after the models that it needs; otherwise in the project's order. */
export function compileModels(context: Context): readonly Model[] {
  const entities = [...context.project.entities.values()]
  const consents = entities.flatMap((entity) => compileConsent(context, entity) ?? [])
  return ordered([
    compileSetup(context),
    ...compileSources(context),
    ...entities.map((entity) => compileIdentity(context, entity)),
    ...entities.map((entity) => compileProfiles(context, entity)),
    // Every sync asks whether somebody was suppressed since the build.
    ...(consents.length + context.project.syncs.size === 0 ? [] : [compileSuppression(context), ...consents]),
    ...entities.flatMap((entity) => compileSegments(context, entity) ?? []),
    ...compileSyncRows(context),
  ])
}

/**
 * The models of a build that is to be published: data tests of sources stand before all that is computed from them,
 * those of profiles at the end. Without tests the models as they are.
 */
export function withDataTests(context: Context, models: readonly Model[]): readonly Model[] {
  const first = models.findIndex(({ kind }) => kind !== 'setup' && kind !== 'source')
  const start = first === -1 ? models.length : first
  const testing = (kind: Tested['kind'], name: string, needs: readonly Model[]): readonly Model[] => {
    const tests = context.project.dataTests.filter(({ of }) => of.kind === kind)
    if (tests.length === 0) return []
    const steps = [{ kind: 'tests' as const, scans: compileDataTests(context, tests, { profiles: 'built' }) }]
    return [{ name, kind: 'tests', needs: needs.map((one) => one.name), steps, output: undefined }]
  }
  const sources = models.slice(0, start)
  const rest = models.slice(start)
  return [
    ...sources,
    ...testing('source', 'tests/sources', sources),
    ...rest,
    ...testing('entity', 'tests/profiles', rest),
  ]
}

/** The models that make the given ones, those included, in the order in which they can run. */
export function arrange(models: readonly Model[], wanted: readonly string[]): readonly Model[] {
  const byName = new Map(models.map((model) => [model.name, model]))
  const needed = new Set<string>()
  const need = (name: string) => {
    if (needed.has(name)) return
    needed.add(name)
    byName.get(name)?.needs.forEach(need)
  }
  wanted.forEach(need)
  return models.filter((model) => needed.has(model.name))
}

function ordered(models: readonly Model[]): readonly Model[] {
  const byName = new Map(models.map((model) => [model.name, model]))
  const done = new Set<string>()
  const sorted: Model[] = []
  const visit = (model: Model) => {
    if (done.has(model.name)) return
    done.add(model.name)
    for (const name of model.needs) {
      const before = byName.get(name)
      if (before !== undefined) visit(before)
    }
    sorted.push(model)
  }
  models.forEach(visit)
  return sorted
}
