import type { Entity, Project, Source } from '../project/project.ts'
import { type Context, making } from './context.ts'
import type { Model, Step } from './model.ts'
import { profileTable } from './names.ts'
import { profileQuery } from './profile.ts'
import { scanQuery } from './scan.ts'
import { type Scan, scansOf, scanTable } from './scans.ts'
import { sourceModels } from './sources.ts'

/**
 * The profiles of an entity: one aggregated scan per source, whatever the number of traits and segments, then one row
 * per profile. Events of segments ride on the same scans as anonymous traits.
 */
export function compileProfiles(context: Context, entity: Entity): Model {
  const { project } = context
  const scans = scansOf(context, entity)
  return {
    name: `profiles/${entity.name}`,
    kind: 'profile',
    needs: [
      `identity/${entity.name}`,
      ...sourceModels(
        context,
        scans.flatMap(({ source }) => withParents(project, source)),
      ),
    ],
    steps: [
      ...scans.map((scan) => scanStep(context, entity, scan)),
      making(
        context,
        profileTable(project, entity.name),
        `${entity.name} profiles`,
        'one row a profile, one column a trait',
        profileQuery(context, entity, scans),
      ),
    ],
    output: profileTable(project, entity.name),
  }
}

/** A source and those whose rows its rows belong to. */
export function withParents(project: Project, source: Source): readonly string[] {
  const parents = [...source.belongsTo.keys()].flatMap((name) => project.sources.get(name) ?? [])
  return [source.name, ...parents.flatMap((parent) => withParents(project, parent))]
}

function scanStep(context: Context, entity: Entity, scan: Scan): Step {
  const { source, columns } = scan
  const query = scanQuery(context, entity, source, columns)
  return making(
    context,
    scanTable(context, entity, source),
    `${entity.name} from ${source.name}`,
    `all that is asked of ${source.name}, in one scan`,
    query,
  )
}
