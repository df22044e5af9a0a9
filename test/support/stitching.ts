import { compileModels } from '../../src/arrange.ts'
import { type Built, build } from '../../src/build.ts'
import { compileState } from '../../src/compile/state.ts'
import type { Project } from '../../src/project/project.ts'
import { publish } from '../../src/publish.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { realClock } from './warehouse.ts'

/** Builds a project and publishes it; returns what became of its only identity graph. */
export async function stitched(session: Session, project: Project, runId = 'run'): Promise<Built> {
  const context = { project, dialect: session.dialect }
  const state = compileState(context)
  const built = await build(compileModels(context), { session, state, clock: realClock, runId, now: project.now })
  await publish(context, built, state, session, runId)
  const graph = built.models.find(({ model }) => model.kind === 'identity')
  if (graph === undefined) throw new Error('the project has no identity graph')
  return graph
}
