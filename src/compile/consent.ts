import type { ConsentFeed } from '../project/consent.ts'
import type { Entity, IdentifierType, Purpose, Source, Sync } from '../project/project.ts'
import type { Dialect } from '../sql/dialect.ts'
import { column, from, id, join, lines, type Sql, Steps, sql, stacked, type Table, text, unionAll } from '../sql/sql.ts'
import { addAttributed, isAttributed } from './attributed.ts'
import { type Context, making, NOW } from './context.ts'
import type { Model } from './model.ts'
import { buildTable, clockTable } from './names.ts'
import { identifierColumns } from './rows.ts'
import { sourceModels, withParents } from './sources.ts'
import { suppressedQuery, suppressedTable, suppressionTable } from './suppression.ts'

/**
 * (feed, purpose, profile_id, said_<type>…, granted_at, denied_at, answers, seen_at): what was said about each purpose,
 * one row for each combination of a person and the identifiers that were named. `granted_at` and `denied_at` are the
 * times of the last yes that holds and of the last no; an answer without a time is a no that nothing beats, and so is
 * one of the future. `seen_at`: the newest row that is not of the future.
 */
export function consentTable({ project }: Context, entity: string): Table {
  return buildTable(project, entity, '_consents')
}

/** Who may be contacted: what people said, and who is suppressed. Undefined where nobody of the entity is. */
export function compileConsent(context: Context, entity: Entity): Model | undefined {
  const { project } = context
  const isAsked =
    [...project.syncs.values()].some((sync) => sync.entity === entity.name) ||
    [...project.segments.values()].some((one) => one.entity === entity.name && one.purpose !== undefined)
  if (!isAsked) return undefined
  const feeds = feedsOf(context, entity)
  const make = (name: string, reason: string, table: Table, query: Sql) =>
    making(context, table, `${entity.name} ${name}`, reason, query)
  const list = from(suppressionTable(context))
  return {
    name: `consent/${entity.name}`,
    kind: 'consent',
    needs: [
      `profiles/${entity.name}`,
      'suppression',
      ...sourceModels(
        context,
        feeds.flatMap(({ source }) => withParents(project, source)),
      ),
    ],
    steps: [
      make(
        'suppressed',
        'who has an identifier that is not to be contacted',
        suppressedTable(context, entity.name),
        suppressedQuery(context, entity, list),
      ),
      ...(feeds.length === 0
        ? []
        : [
            make(
              'consents',
              'who said yes or no to what, each source read once',
              consentTable(context, entity.name),
              consentQuery(context, entity, feeds),
            ),
          ]),
    ],
    output: undefined,
  }
}

/** One place where answers are, and the purposes it speaks of. */
export interface Feed {
  readonly feed: ConsentFeed
  readonly source: Source
  readonly purposes: readonly Purpose[]
}

/** The feeds that speak of people of an entity; their position is their number in the table. */
export function feedsOf(context: Context, entity: Entity): readonly Feed[] {
  const { project } = context
  const feeds = new Map<ConsentFeed, Purpose[]>()
  for (const purpose of project.purposes.values())
    if (purpose.feed) feeds.set(purpose.feed, [...(feeds.get(purpose.feed) ?? []), purpose])
  return [...feeds].flatMap(([feed, purposes]) => {
    const source = project.sources.get(feed.source)
    return source && isAttributed(context, source, entity) ? [{ feed, source, purposes }] : []
  })
}

/** The number of a purpose's feed in the table. */
export function feedNumber(context: Context, entity: Entity, purpose: Purpose): number {
  return feedsOf(context, entity).findIndex(({ purposes }) => purposes.includes(purpose)) + 1
}

/**
 * The identifier types for whose values alone a row can speak. A source with several columns of one type speaks of the
 * person, for which of them is meant cannot be known.
 */
export function saidTypes(context: Context, entity: Entity): readonly IdentifierType[] {
  const feeds = feedsOf(context, entity)
  return entity.identifiers.filter((type) => feeds.some(({ source }) => saidBy(source, entity, type) !== undefined))
}

function saidBy(source: Source, entity: Entity, type: IdentifierType) {
  const [first, second] = identifierColumns(source, entity).filter((one) => one.type === type)
  return second === undefined ? first : undefined
}

function said(type: Pick<IdentifierType, 'name'>): string {
  return `said_${type.name}`
}

function consentQuery(context: Context, entity: Entity, feeds: readonly Feed[]): Sql {
  const { dialect, project } = context
  const types = saidTypes(context, entity)
  const steps = new Steps()
  const rows = new Map<string, Sql | undefined>()
  for (const { source } of feeds)
    if (!rows.has(source.name)) rows.set(source.name, addAttributed(steps, context, source, entity))
  const answers = steps.add(
    'answers',
    'one row an answer: a yes that holds has a time of granting, any other one of denial',
    unionAll(
      feeds.flatMap((feed, index) => {
        const attributed = rows.get(feed.source.name)
        const clock = from(clockTable(project))
        return attributed
          ? [answersQuery(context, entity, { ...feed, number: index + 1, attributed, types, clock })]
          : []
      }),
    ),
  )
  const groups = [sql`feed`, sql`purpose`, sql`profile_id`, ...types.map((type) => id(said(type)))]
  return steps.select(sql`
    select
      ${lines([
        join(groups),
        sql`max(granted_at) as granted_at`,
        sql`max(denied_at) as denied_at`,
        sql`count(*) as answers`,
        sql`${dialect.aggregate('max', sql`seen_at`, sql`seen_at <= ${NOW}`)} as seen_at`,
      ])}
    from ${answers}
    cross join ${from(clockTable(project))} as clock
    group by ${join(groups)}`)
}

/** A time after all others. */
const NEVER = '9999-12-31T00:00:00Z'

/** Rows of a feed's source whose people are known. */
export interface Attributed extends Feed {
  readonly number: number
  readonly attributed: Sql
  /** Types whose values are told, if the rows name any. */
  readonly types: readonly IdentifierType[]
  /** One row: `now`. */
  readonly clock: Sql
}

/**
 * (feed, purpose, profile_id, said_<type>…, granted_at, denied_at, seen_at): one row an answer. A yes that holds has a
 * time of granting, any other answer one of denial.
 */
export function answersQuery(context: Context, entity: Entity, given: Attributed): Sql {
  const { dialect } = context
  const { feed, source, purposes, types } = given
  const at = dialect.tryCast(column('a', feed.at), 'timestamp')
  const status = plain(dialect, feed.status)
  const isYes = sql`coalesce(${status} in (${join(feed.granted.map(text))}) and ${at} <= ${NOW}, false)`
  const { expiresAfter } = feed
  const holds =
    expiresAfter === undefined
      ? isYes
      : sql`${isYes} and ${at} > ${dialect.shift(NOW, -expiresAfter.amount, expiresAfter.unit)}`
  const identifiers = types.map((type) => {
    const named = saidBy(source, entity, type)
    return sql`${named ? column('a', named.as) : dialect.cast(sql`null`, 'text')} as ${id(said(type))}`
  })
  return sql`
    select
      ${lines([
        sql`${given.number} as feed`,
        sql`${purposeOf(dialect, feed, purposes)} as purpose`,
        sql`a.cdp_profile_id as profile_id`,
        ...identifiers,
        sql`case when ${holds} then ${at} end as granted_at`,
        sql`case when not ${isYes} then coalesce(${at}, ${dialect.instantLiteral(NEVER)}) end as denied_at`,
        sql`${seenAt(context, given)} as seen_at`,
      ])}
    from ${given.attributed} as a
    cross join ${given.clock} as clock`
}

/** When a row `a` of a feed reached the warehouse, or else when it was said. */
export function seenAt({ dialect }: Context, { feed, source }: Pick<Feed, 'feed' | 'source'>): Sql {
  return dialect.tryCast(column('a', source.loadedAt ?? feed.at), 'timestamp')
}

/** True of the rows `a` of a feed that speak of a purpose. */
export function speaksOf({ dialect }: Context, { feed }: Pick<Feed, 'feed'>, purpose: Purpose): Sql {
  return feed.purpose === undefined ? sql`true` : sql`${plain(dialect, feed.purpose)} = ${purposeText(purpose)}`
}

/** The purpose of a row; empty where the project has no such purpose. */
function purposeOf(dialect: Dialect, feed: ConsentFeed, purposes: readonly Purpose[]): Sql {
  const names = purposes.map(purposeText)
  if (feed.purpose === undefined) return names[0] ?? text('')
  const written = plain(dialect, feed.purpose)
  return sql`case when ${written} in (${join(names)}) then ${written} else '' end`
}

function plain(dialect: Dialect, name: string): Sql {
  return sql`lower(trim(${dialect.cast(column('a', name), 'text')}))`
}

/** A purpose as the table has it. */
export function purposeText({ name }: Pick<Purpose, 'name'>): Sql {
  return text(name.toLowerCase())
}

/** The types of which consents speak for a value alone, among those that a sync sends as key or to find a row by. */
export function spokenTypes(
  context: Context,
  entity: Entity,
  types: readonly IdentifierType[],
): readonly IdentifierType[] {
  return saidTypes(context, entity).filter((type) => types.includes(type))
}

/** (profile_id, granted_at, denied_at): what was said of whole people; rows that name one of `types` are not. */
export function saidOfPeople(
  context: Context,
  entity: Entity,
  purpose: Purpose,
  types: readonly IdentifierType[],
  answers: Sql = from(consentTable(context, entity.name)),
): Sql {
  const about = types.map((type) => sql`and ${id(said(type))} is null`)
  return sql`
    select profile_id, max(granted_at) as granted_at, max(denied_at) as denied_at
    from ${answers}
    where ${stacked([sql`purpose = ${purposeText(purpose)}`, sql`and profile_id is not null`, ...about])}
    group by profile_id`
}

/** (value, granted_at, denied_at): what was said of each value of a type. */
export function saidOfValues(
  context: Context,
  entity: Entity,
  purpose: Purpose,
  type: IdentifierType,
  answers: Sql = from(consentTable(context, entity.name)),
): Sql {
  return sql`
    select ${id(said(type))} as value, max(granted_at) as granted_at, max(denied_at) as denied_at
    from ${answers}
    where purpose = ${purposeText(purpose)} and ${id(said(type))} is not null
    group by ${id(said(type))}`
}

/** The traits that a sync sends as its key, and those by which the vendor finds a row. */
export function namingTraits(sync: Sync, matchFields: ReadonlySet<string>): readonly string[] {
  const matched = sync.fields.flatMap(({ theirs, value }) =>
    matchFields.has(theirs) && value.kind === 'trait' ? [value.trait] : [],
  )
  const names = [...new Set([...sync.key.map(({ trait }) => trait), ...matched])]
  const { rows } = sync
  if (rows === undefined) return names
  return names.flatMap((name) => {
    const to = rows.columns.get(name)?.to
    return to?.kind === 'trait' ? [to.trait] : []
  })
}
