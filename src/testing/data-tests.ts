import { arrange, compileModels } from '../arrange.ts'
import { type DataTestOutcome, runDataTests } from '../build/data-tests.ts'
import type { Build } from '../build.ts'
import { type PublishedBuild, publishedBuild } from '../catalog/published.ts'
import { leavingNothing } from '../catalog/scratch.ts'
import type { Context } from '../compile/context.ts'
import { compileDataTests } from '../compile/data-tests.ts'
import type { Model } from '../compile/model.ts'
import { publishedView } from '../compile/names.ts'
import { sourceModels } from '../compile/sources.ts'
import type { DataTest } from '../project/data-tests.ts'
import { referencesIn } from '../project/references.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** What data tests found outside of a run. */
export interface DataTested {
  /** All of them, in the order of the files. */
  readonly tests: readonly DataTest[]
  readonly outcomes: readonly DataTestOutcome[]
  readonly skipped: readonly SkippedTest[]
  /** The build whose profiles were tested; undefined where there are none, or where no test asks for them. */
  readonly profiles: PublishedBuild | undefined
}

/** A test of profiles that are not there. */
export interface SkippedTest {
  readonly test: DataTest
  readonly why: string
}

export interface DataTesting {
  readonly context: Context
  readonly session: Session
  readonly runId: string
  /** True: keys of rows that fail are shown even where they say who somebody is. */
  readonly showValues: boolean
  /** Runs models beside what readers see. */
  readonly build: (models: readonly Model[]) => Promise<Build>
}

/**
 * Tests sources as they are now, and profiles as they are published. Nothing is built but copies of files and SQL
 * models, which are dropped again.
 */
export async function testData(tests: readonly DataTest[], testing: DataTesting): Promise<DataTested> {
  const { context, session, runId, build, showValues } = testing
  const ofSources = tests.filter(({ of }) => of.kind === 'source')
  const ofEntities = tests.filter(({ of }) => of.kind === 'entity')
  const profiles = ofEntities.length === 0 ? undefined : await publishedBuild(context, session)
  const skipped = await missing(context, session, ofEntities)
  const left = ofEntities.filter((test) => !skipped.some((one) => one.test === test))
  const models = arrange(compileModels(context), ['setup', ...sourceModels(context, readBy([...ofSources, ...left]))])
  return leavingNothing({ context, session, models, more: [], runId }, async () => {
    const { number } = await build(models)
    const scans = [
      ...compileDataTests(context, ofSources, { profiles: 'built', showValues }),
      ...compileDataTests(context, left, { profiles: 'published', showValues }),
    ]
    return { tests, outcomes: await runDataTests(session, scans, { b: number }), skipped, profiles }
  })
}

/** The sources that tests read. */
function readBy(tests: readonly DataTest[]): readonly string[] {
  return tests.flatMap(({ of, check }) => [
    ...(of.kind === 'source' ? [of.name] : []),
    ...(check.kind === 'relationships' ? [check.to] : []),
  ])
}

/** Tests of profiles that were never published, or of traits that they have not yet. */
async function missing(
  context: Context,
  session: Session,
  tests: readonly DataTest[],
): Promise<readonly SkippedTest[]> {
  const skipped: SkippedTest[] = []
  for (const name of new Set(tests.map(({ of }) => of.name))) {
    const columns = await session.columns(publishedView(context.project, name))
    for (const test of tests.filter(({ of }) => of.name === name)) {
      const unknown = columns && traitsOf(test).find((trait) => !columns.has(trait))
      if (columns === undefined) skipped.push({ test, why: `No profiles of "${name}" are published yet.` })
      else if (unknown !== undefined)
        skipped.push({ test, why: `The published profiles of "${name}" have no "${unknown}" yet.` })
    }
  }
  return skipped
}

function traitsOf({ check, where, column }: DataTest): readonly string[] {
  const named = [...referencesIn([check, where])].flatMap(({ to }) => ('trait' in to ? [to.trait] : []))
  const columns = check.kind === 'unique' ? check.columns : []
  return [...(column === undefined ? [] : [column]), ...columns, ...named]
}
