import { groupsOf } from '../project/columns.ts'
import type { Entity } from '../project/project.ts'
import { type Context, making } from './context.ts'
import { attributesStep } from './identity/attributes.ts'
import { type MemberScan, memberScan } from './member-scan.ts'
import type { Model, Step } from './model.ts'
import { profileTable } from './names.ts'
import { countedName, isInParts, partsQuery, partsTable } from './parts.ts'
import { recallStep } from './parts-mark.ts'
import { foldedQuery } from './parts-scan.ts'
import { profileQuery } from './profile.ts'
import { scanQuery } from './scan.ts'
import { type Scan, scansOf, scanTable } from './scans.ts'
import { sourceModels, withParents } from './sources.ts'

/**
 * The profiles of an entity: one aggregated scan per source, whatever the number of traits and segments, then one row
 * per profile. Events of segments ride on the same scans as anonymous traits.
 */
export function compileProfiles(context: Context, entity: Entity): Model {
  const { project } = context
  const scans = scansOf(context, entity)
  const members = memberScan(context, entity)
  return {
    name: `profiles/${entity.name}`,
    kind: 'profile',
    needs: [
      `identity/${entity.name}`,
      ...groupsOf(project, entity).map((group) => `identity/${group.name}`),
      ...(members === undefined ? [] : [`profiles/${members.member.name}`]),
      ...sourceModels(
        context,
        scans.flatMap(({ source }) => withParents(project, source)),
      ),
    ],
    steps: [
      attributesStep(context, entity),
      ...scans.flatMap((scan) =>
        isInParts(scan) ? partSteps(context, entity, scan) : [scanStep(context, entity, scan)],
      ),
      ...(members === undefined ? [] : [memberStep(context, entity, members)]),
      making(
        context,
        profileTable(project, entity.name),
        `${entity.name} profiles`,
        'one row a profile, one column a trait',
        profileQuery(context, entity, scans, members),
      ),
    ],
    output: profileTable(project, entity.name),
  }
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

/** Of an append-only source only new rows are read, where what was added up before is of use. */
function partSteps(context: Context, entity: Entity, scan: Scan): readonly Step[] {
  const { source } = scan
  const table = partsTable(context, entity, source)
  const parameter = countedName(entity, source)
  const parts = (rows: 'all' | 'new'): Step => ({
    ...making(
      context,
      table,
      `${entity.name} parts of ${source.name}`,
      `what ${rows} rows of ${source.name} add up to`,
      partsQuery(context, entity, scan, rows),
    ),
    when: { parameter, isNull: rows === 'all' },
  })
  return [
    recallStep(context, entity, scan),
    parts('all'),
    parts('new'),
    making(
      context,
      scanTable(context, entity, source),
      `${entity.name} from ${source.name}`,
      `all that is asked of ${source.name}: the parts of each profile in one, and its recent rows`,
      foldedQuery(context, entity, scan),
    ),
  ]
}

function memberStep(context: Context, entity: Entity, { member, table, query }: MemberScan): Step {
  const reason = `all that is asked of the members of a ${entity.name}, in one scan`
  return making(context, table, `${entity.name} from ${member.name}`, reason, query)
}
