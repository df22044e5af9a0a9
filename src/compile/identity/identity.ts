import type { Entity } from '../../project/project.ts'
import type { Context } from '../context.ts'
import type { Model } from '../model.ts'
import { sourceModels } from '../sources.ts'
import { carrySteps, unitSteps } from './carry.ts'
import { edgeSteps } from './edges.ts'
import { graphOf } from './evidence.ts'
import { judgingSteps } from './judging.ts'
import { memberSteps } from './members.ts'
import { memberNeeds } from './ownership.ts'
import { phoneStep, readingSteps } from './reading.ts'
import { standingSteps } from './standing.ts'
import { identitySummary } from './summary.ts'
import { surveyStep } from './survey.ts'

/**
 * The identity graph of an entity. Identifiers are nodes with lasting numbers, the rows that hold several of them are
 * edges, every connected component is a profile, and the ids of profiles are carried from the last published build.
 *
 * A build reads only rows that are new or may have changed, and solves only what they touch; the first one, one whose
 * rules changed and `--full-refresh` solve everything. Both give the same clusters and the same ids. Nothing is
 * changed before publishing: a build writes what will change. A group (`of:`) is solved whole in every build: whose its
 * rows are changes with the graph of its members.
 */
export function compileIdentity(context: Context, entity: Entity): Model {
  const graph = graphOf(context, entity)
  const isGroup = entity.of !== undefined
  const steps = [
    surveyStep(context, graph),
    ...phoneStep(context, graph),
    ...readingSteps(context, graph),
    ...standingSteps(context, graph),
    ...edgeSteps(context, graph),
    ...unitSteps(context, graph),
    ...judgingSteps(context, graph),
    ...carrySteps(context, graph),
    ...memberSteps(context, graph),
  ]
  return {
    name: `identity/${entity.name}`,
    kind: 'identity',
    needs: [
      'setup',
      ...sourceModels(
        context,
        graph.read.map((source) => source.name),
      ),
      ...memberNeeds(context, graph),
    ],
    steps: isGroup ? steps.filter((step) => step.kind !== 'statement' || step.when !== 'changes') : steps,
    output: undefined,
    summary: identitySummary(context, graph),
    guard: entity.guard,
  }
}
