import type { Entity, IdentifierType } from '../project/project.ts'
import {
  column,
  from,
  id,
  parameter,
  type Sql,
  type Statement,
  Steps,
  sql,
  type Table,
  text,
  unionAll,
} from '../sql/sql.ts'
import { type Context, making, statement } from './context.ts'
import { membersNow } from './identity/overlay.ts'
import { attributesTable } from './identity/tables.ts'
import type { Model } from './model.ts'
import { buildTable, profileTable, stateTable } from './names.ts'

/** Columns of the list of identifiers that are not to be contacted. */
export const SUPPRESSION_COLUMNS = {
  ident_type: 'text',
  /** First 32 hex digits of the SHA-256 of the normalised value: the list outlives the person's data. */
  ident_hash: 'text',
  /** Null = for every purpose. */
  scope: 'text',
  reason: 'text',
  at: 'timestamp',
} as const

/** Whom nobody may contact, by hash. Only added to. */
export function suppressionState({ project }: Context): Table {
  return stateTable(project, 'suppression')
}

/** The list as the build found it: what was added since then is looked for again while a plan is sent. */
export function suppressionTable({ project }: Context): Table {
  return buildTable(project, 'suppression')
}

/** (profile_id, scope): profiles with an identifier that is on the list. */
export function suppressedTable({ project }: Context, entity: string): Table {
  return buildTable(project, entity, '_suppressed')
}

/** The model that copies the list, for all entities. */
export function compileSuppression(context: Context): Model {
  const query = sql`
    select distinct ident_type, ident_hash, scope
    from ${from(suppressionState(context))}`
  return {
    name: 'suppression',
    kind: 'consent',
    needs: ['setup'],
    steps: [making(context, suppressionTable(context), 'suppression', 'the list as it is now, read once', query)],
    output: undefined,
  }
}

/** Profiles with an identifier that is on a list of (ident_type, ident_hash, scope). */
export function suppressedQuery(context: Context, entity: Entity, list: Sql): Sql {
  const steps = new Steps()
  const known = steps.add(
    'known',
    'every identifier of every profile, those that join nobody included',
    unionAll([
      sql`
        select m.profile_id, m.type, m.value
        from (
          ${membersNow(context, entity)}
        ) as m`,
      sql`
        select profile_id, type, value
        from ${from(attributesTable(context, entity))}`,
      ...identifyingTraits(context, entity),
    ]),
  )
  return steps.select(sql`
    select distinct k.profile_id, x.scope
    from ${known} as k
    join ${list} as x on x.ident_type = k.type and x.ident_hash = ${context.dialect.sha256Half(sql`k.value`)}`)
}

/** Values that block lists keep out of the graph are sent all the same. Phones are in the graph as they are compared. */
function identifyingTraits(context: Context, entity: Entity): readonly Sql[] {
  return [...entity.traits.values()].flatMap((trait) => {
    const type = identifierOf(context, entity, trait.name)
    if (type === undefined || type.normalise === 'phone') return []
    return [
      sql`
        select
          p.profile_id, ${text(type.name)} as type,
          ${context.dialect.normalise(column('p', trait.name), type.normalise, trait.type)} as value
        from ${from(profileTable(context.project, entity.name))} as p`,
    ]
  })
}

/** The identifier type of a trait: that of all the columns it picks; undefined where they are of no one type. */
export function identifierOf({ project }: Context, entity: Entity, trait: string): IdentifierType | undefined {
  const definition = entity.traits.get(trait)?.definition
  if (definition?.kind !== 'pick') return undefined
  const types = definition.columns.map(
    ({ source, column: name }) =>
      project.sources.get(source)?.identifiers.find((identifier) => identifier.column === name)?.type,
  )
  const [first] = types
  return types.every((one) => one === first) ? entity.identifiers.find(({ name }) => name === first) : undefined
}

/** Columns of `rows` in `suppressStatement`. */
export const SUPPRESS_COLUMNS = ['type', 'value', 'scope', 'reason'] as const

/**
 * Adds identifiers of an entity to the list. Parameter: `rows`, a JSON array of objects with the `SUPPRESS_COLUMNS`;
 * values are normalised here, but for phones, which come in E.164. A row without `scope` is for every purpose.
 */
export function suppressStatement(context: Context, entity: Entity): Statement {
  const { dialect } = context
  const forms = entity.identifiers.flatMap(({ name, normalise }) =>
    normalise === 'phone' ? [] : [sql`when ${text(name)} then ${dialect.normalise(sql`r.value`, normalise, 'text')}`],
  )
  const all = [...forms, sql`else trim(r.value)`].reduce(
    (before, form) => sql`
    ${before}
    ${form}`,
  )
  return statement(
    `suppress ${entity.name}`,
    'they are not contacted from now on; values are kept as hashes only',
    sql`
      insert into ${from(suppressionState(context))} (ident_type, ident_hash, scope, reason, ${id('at')})
      select n.type, ${dialect.sha256Half(sql`n.value`)}, n.scope, n.reason, ${dialect.clock()}
      from (
        select r.type, r.scope, r.reason, case r.type
          ${all}
        end as value
        from ${dialect.rowsOf(parameter('rows'), SUPPRESS_COLUMNS)} as r
      ) as n
      where n.value is not null`,
  )
}
