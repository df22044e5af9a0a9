import type { Entity, IdentifierType, Purpose } from '../project/project.ts'
import { column, from, id, join, type Sql, type Steps, sql, stacked, text } from '../sql/sql.ts'
import { saidOfPeople, saidOfValues, spokenTypes } from './consent.ts'
import type { Context } from './context.ts'
import { profileTable, stateTable } from './names.ts'
import { PHONE_VERSION } from './rows.ts'
import { identifierOf, suppressedTable } from './suppression.ts'

/** What people are contacted for, and by what. */
export interface Contact {
  /** Undefined = no purpose is named: only those are barred who are suppressed for every purpose. */
  readonly purpose: string | undefined
  /** Traits by which the vendor knows people. A consent that names such a value speaks for that value alone. */
  readonly traits: readonly string[]
}

/**
 * Adds the step that says who may not be contacted: (profile_id, reason), one row a profile of the entity; `reason` is
 * suppressed or consent. Plans and segments ask here, so that they agree. `prefix` keeps the names of steps apart.
 */
export function addBarred(steps: Steps, context: Context, entity: Entity, contact: Contact, prefix = ''): Sql {
  const purpose = contact.purpose === undefined ? undefined : context.project.purposes.get(contact.purpose)
  const suppressed = steps.add(
    `${prefix}suppressed`,
    'who has asked not to be contacted, or must not be (one row a profile)',
    sql`
      select distinct profile_id
      from ${from(suppressedTable(context, entity.name))}
      where scope is null${contact.purpose === undefined ? sql`` : sql` or lower(scope) = ${text(contact.purpose.toLowerCase())}`}`,
  )
  if (purpose?.feed === undefined)
    return steps.add(
      `${prefix}barred`,
      'who may not be contacted',
      sql`
        select profile_id, 'suppressed' as reason
        from ${suppressed}`,
    )
  return addConsents(steps, context, entity, suppressed, { purpose, traits: contact.traits, prefix })
}

/** Where traits and segments are columns, too: may the person be contacted for the purpose? Never null. */
export function mayColumn(purpose: string): string {
  return `cdp_may_${purpose}`
}

/** Where it stands who said what. */
export interface Asked {
  readonly purpose: Purpose
  readonly traits: readonly string[]
  readonly prefix: string
  /** What was said, with the columns of `answersQuery`; undefined = as the build read it. */
  readonly answers?: Sql
}

/** A value that a profile is known by, and the step of what was said of such values. */
interface Value {
  readonly trait: string
  readonly type: IdentifierType
  readonly alias: string
  readonly consents: Sql
}

function addConsents(steps: Steps, context: Context, entity: Entity, suppressed: Sql, asked: Asked): Sql {
  const said = addSaid(steps, context, entity, asked)
  return steps.add(
    `${asked.prefix}barred`,
    'who may not be contacted: suppressed, or without a yes that no later no revokes (at most one row a profile)',
    sql`
      select
        p.profile_id,
        case when x.profile_id is not null then 'suppressed' else 'consent' end as reason
      from ${from(profileTable(context.project, entity.name))} as p
      ${stacked([sql`left join ${suppressed} as x on x.profile_id = p.profile_id`, ...said.joins])}
      where x.profile_id is not null or not (${said.isAllowed})`,
  )
}

/** Joins of at most one row each to a profile `p`, and whether they say that it may be contacted: never null. */
export function addSaid(
  steps: Steps,
  context: Context,
  entity: Entity,
  asked: Asked,
): { readonly joins: readonly Sql[]; readonly isAllowed: Sql } {
  const { purpose, prefix, answers } = asked
  const values = valuesOf(steps, context, entity, asked)
  const people = steps.add(
    `${prefix}said`,
    'what was said of whole people: the last yes and the last no (one row a profile)',
    saidOfPeople(context, entity, purpose, distinctTypes(values), answers),
  )
  const phones = values.some(({ type }) => type.normalise === 'phone') ? addPhones(steps, context, prefix) : undefined
  return {
    joins: [
      sql`left join ${people} as c on c.profile_id = p.profile_id`,
      ...values.flatMap((value) => joinsOf(context, entity, value, phones)),
    ],
    isAllowed: isAllowed(context, values),
  }
}

function valuesOf(
  steps: Steps,
  context: Context,
  entity: Entity,
  { purpose, traits, prefix, answers }: Asked,
): readonly Value[] {
  const named = traits.flatMap((trait) => {
    const type = identifierOf(context, entity, trait)
    return type ? [{ trait, type }] : []
  })
  const types = spokenTypes(
    context,
    entity,
    named.map(({ type }) => type),
  )
  const consents = new Map(
    types.map((type) => [
      type,
      steps.add(
        `${prefix}said_of_${type.name}`,
        `what was said of each ${type.name} alone (one row a value)`,
        saidOfValues(context, entity, purpose, type, answers),
      ),
    ]),
  )
  return named.flatMap(({ trait, type }, index) => {
    const step = consents.get(type)
    return step ? [{ trait, type, alias: `v${index + 1}`, consents: step }] : []
  })
}

function distinctTypes(values: readonly Value[]): readonly IdentifierType[] {
  return [...new Set(values.map(({ type }) => type))]
}

/** Phones are looked up as they were written; one that is read differently in several countries, in the default one. */
function addPhones(steps: Steps, context: Context, prefix: string): Sql {
  const home = sql`region = ${text(context.project.phoneCountry ?? '')}`
  return steps.add(
    `${prefix}phones`,
    'phones in the form in which they are compared (one row a written number)',
    sql`
      select raw, coalesce(${context.dialect.aggregate('max', sql`e164`, home)}, min(e164)) as e164
      from ${from(stateTable(context.project, 'phone'))}
      where version = ${text(PHONE_VERSION)}
      group by raw`,
  )
}

function joinsOf(context: Context, entity: Entity, value: Value, phones: Sql | undefined): readonly Sql[] {
  const { type, trait, alias, consents } = value
  const written = column('p', trait)
  const known = entity.traits.get(trait)?.type ?? 'unknown'
  const lookup = `${alias}_phone`
  if (type.normalise === 'phone' && phones !== undefined)
    return [
      sql`left join ${phones} as ${id(lookup)} on ${column(lookup, 'raw')} = ${context.dialect.normalise(written, 'exact', known)}`,
      sql`left join ${consents} as ${id(alias)} on ${column(alias, 'value')} = ${column(lookup, 'e164')}`,
    ]
  const how = type.normalise === 'phone' ? 'exact' : type.normalise
  return [
    sql`left join ${consents} as ${id(alias)} on ${column(alias, 'value')} = ${context.dialect.normalise(written, how, known)}`,
  ]
}

/** Never null. No value that is sent was refused, and the last yes of person or values is later than the person's no. */
function isAllowed({ dialect }: Context, values: readonly Value[]): Sql {
  const grants = ['c', ...values.map(({ alias }) => alias)].map((alias) => column(alias, 'granted_at'))
  const [only] = grants
  const granted = grants.length === 1 && only ? only : dialect.greatest(grants)
  const beats = (yes: Sql, no: Sql) => sql`coalesce(${yes} > ${no}, ${yes} is not null)`
  const refused = values.map(({ alias }) => {
    const holds = beats(column(alias, 'granted_at'), column(alias, 'denied_at'))
    return sql`(${column(alias, 'value')} is null or ${holds})`
  })
  return join([beats(granted, sql`c.denied_at`), ...refused], ' and ', 0)
}
