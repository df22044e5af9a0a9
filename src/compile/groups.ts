import { groupColumn } from '../project/columns.ts'
import { referencesIn } from '../project/references.ts'
import { column, from, id, lines, type Sql, sql } from '../sql/sql.ts'
import type { Context } from './context.ts'
import { profileTable } from './names.ts'

/** The traits of groups that conditions speak of, by group, in order of their names. */
export function groupTraits(conditions: unknown): ReadonlyMap<string, readonly string[]> {
  const asked = new Map<string, Set<string>>()
  for (const { to } of referencesIn(conditions))
    if (to.kind === 'group') asked.set(to.entity, (asked.get(to.entity) ?? new Set()).add(to.trait))
  return new Map([...asked].sort(([a], [b]) => (a < b ? -1 : 1)).map(([group, traits]) => [group, [...traits].sort()]))
}

/**
 * Joins the groups of profiles `p` whose traits the conditions speak of: at most one row a profile, none where it
 * belongs to no group. Every column is called `group.trait`, so that a bare name in an analyst's SQL can only mean a
 * trait of the profile.
 */
export function groupJoins(context: Context, conditions: unknown): readonly Sql[] {
  return [...groupTraits(conditions)].map(([group, traits]) => {
    const columns = [...new Set(['profile_id', ...traits])]
    return sql`
      left join (
        select
          ${lines(columns.map((name) => sql`${id(name)} as ${id(traitOfGroup(group, name))}`))}
        from ${from(profileTable(context.project, group))}
      ) as ${id(groupAlias(group))}
        on ${column(groupAlias(group), traitOfGroup(group, 'profile_id'))} = ${column('p', groupColumn(group))}`
  })
}

/** The columns that `groupJoins` adds and that conditions speak of, under the names that they keep. */
export function groupFacts(conditions: unknown): readonly Sql[] {
  return [...groupTraits(conditions)].flatMap(([group, traits]) =>
    traits.map((trait) => column(groupAlias(group), traitOfGroup(group, trait))),
  )
}

/** The alias of a joined group. */
export function groupAlias(group: string): string {
  return `group_${group}`
}

/** The column that holds a trait of a group beside the traits of a member: no trait bears such a name. */
export function traitOfGroup(group: string, trait: string): string {
  return `${group}.${trait}`
}
