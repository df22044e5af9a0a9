import { compileModels } from '../arrange.ts'
import { build } from '../build.ts'
import { type Explanation, readExplanation } from '../catalog/explain.ts'
import { statement } from '../compile/context.ts'
import { compileState } from '../compile/state.ts'
import { CdpError } from '../error.ts'
import type { UnitTest } from '../project/unit-test.ts'
import { publish } from '../publish.ts'
import type { Bench, Built } from './bench.ts'
import { identityOnly } from './narrow.ts'

/**
 * What ties two people of a test, or keeps them apart. Explanations are of what is published, so the graph is built
 * once more, published in the test's own warehouse, and everything is dropped. Null where nothing can be said.
 */
export async function explainPair(
  { session, clock, made: created }: Bench,
  built: Built,
  test: UnitTest,
  asked: { readonly entity: string; readonly who: readonly [string, string] },
): Promise<Explanation | null> {
  const context = { ...built.context, project: identityOnly(built.context.project, asked.entity) }
  const { state: stateSchema, models } = context.project.schemas
  const state = compileState(context)
  const runId = `${test.name} explained`
  try {
    const made = await build(compileModels(context), {
      session,
      clock,
      state,
      runId,
      now: test.now,
      ignoreGuards: true,
      fullRefresh: true,
    })
    await publish(context, made, state, session, runId)
    return await readExplanation(context, session, { arguments: asked.who, entity: asked.entity, showValues: true })
  } catch (thrown) {
    // Somebody who is named by a row's key has no name here; that the two are not one is said without a reason then.
    if (thrown instanceof CdpError && thrown.who === 'project') return null
    throw thrown
  } finally {
    const drops = [models, stateSchema].map((schema) =>
      statement('forget test', 'the next test begins with nothing', context.dialect.dropSchema(schema)),
    )
    await session.script(drops.map((one) => ({ statement: one })))
    created.clear()
  }
}
