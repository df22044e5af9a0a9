import type { Entity } from '../project/project.ts'
import { column, from, id, lines, type Sql, Steps, sql, stacked } from '../sql/sql.ts'
import { type Context, NOW, relation, timeOf } from './context.ts'
import { joiningNow, profileIdsNow } from './identity/overlay.ts'
import { clockTable } from './names.ts'
import { folds, isKept, nodeName, partName, partsOf, partsTable } from './parts.ts'
import { firstOf, identifierColumns } from './rows.ts'
import { addScan, type ScanColumn } from './scan.ts'
import type { Scan } from './scans.ts'

/** What the scan of an append-only source gives: the parts of each profile folded, and what was asked of recent rows. */
export function foldedQuery(context: Context, entity: Entity, scan: Scan): Sql {
  const { columns } = scan
  const steps = new Steps()
  const folded = addFolded(steps, context, entity, scan)
  const recent = addRecent(steps, context, entity, scan)
  const value = ({ name, folded: of }: ScanColumn): Sql =>
    of === undefined || !isKept(scan, name) ? column('r', name) : of.value((part) => column('g', partName(name, part)))
  return steps.select(sql`
    select
      ${lines([sql`p.profile_id`, ...columns.map((one) => sql`${value(one)} as ${id(one.name)}`)])}
    ${stacked([
      sql`from ${folded} as g`,
      sql`cross join ${from(clockTable(context.project))} as clock`,
      sql`
        join (
          ${profileIdsNow(context, entity)}
        ) as p on p.anchor = g.cdp_profile`,
      ...(recent === undefined ? [] : [sql`left join ${recent} as r on r.profile_id = p.profile_id`]),
    ])}`)
}

function addFolded(steps: Steps, context: Context, entity: Entity, scan: Scan): Sql {
  const { source } = scan
  const parts = partsOf(scan)
  const aliases = identifierColumns(source, entity).map((_, index) => `n${index + 1}`)
  const joining = steps.add(
    'joining',
    'every identifier that joins, and the number of its profile',
    joiningNow(context, entity),
  )
  const owned = steps.add(
    `${source.name}_owned`,
    'whose the rows of each combination are: the profile of its strongest identifier',
    sql`
      select
        ${lines([sql`${firstOf(aliases.map((alias) => column(alias, 'profile')))} as cdp_profile`, ...parts.map(({ name }) => column('t', name))])}
      from ${from(partsTable(context, entity, source))} as t
      ${stacked(
        aliases.map(
          (alias, index) => sql`
            left join ${joining} as ${id(alias)} on ${column(alias, 'node_id')} = ${column('t', nodeName(index))}`,
        ),
      )}`,
  )
  return steps.add(
    `${source.name}_folded`,
    'the parts of each profile in one (one row a profile)',
    sql`
      select
        ${lines([sql`t.cdp_profile`, ...folds(parts, 't')])}
      from ${owned} as t
      where t.cdp_profile is not null
      group by t.cdp_profile`,
  )
}

/** Adds what is asked of recent rows, a row per profile that has such; undefined where nothing is. */
function addRecent(steps: Steps, context: Context, entity: Entity, { source, columns }: Scan): Sql | undefined {
  const { dialect, project } = context
  const asked = columns.filter(({ reading }) => reading.kind === 'recent')
  if (asked.length === 0) return undefined
  const starts = new Map(
    asked.flatMap(({ reading }) => {
      if (reading.kind !== 'recent') return []
      const { amount, unit } = reading.within
      return [[`${amount} ${unit}`, dialect.shift(NOW, -amount, unit)] as const]
    }),
  )
  const [only, ...others] = [...starts.values()]
  const first = only === undefined || others.length > 0 ? dialect.least([...starts.values()]) : only
  const time = timeOf(context, source, 's') ?? sql`null`
  const some = steps.add(
    `${source.name}_recent`,
    'rows within the longest window that is asked for, which are read again in every build',
    sql`
      select s.*
      from ${relation(context, source)} as s
      cross join ${from(clockTable(project))} as clock
      where ${time} >= ${first}
        and ${time} <= ${NOW}`,
  )
  const scanned = addScan(steps, context, entity, { source, columns: asked, some })
  return steps.add(`${source.name}_of_recent`, 'what is asked of them (one row a profile)', scanned)
}
