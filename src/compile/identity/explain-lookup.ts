import type { Entity, Source } from '../../project/project.ts'
import { from, parameter, type Statement, Steps, sql, text, unionAll } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import { type Listing, listing } from '../listing.ts'
import { stateTable } from '../names.ts'
import { PHONE_VERSION } from '../rows.ts'
import { marksState, seenState } from './tables.ts'

/** What turns an identifier, as somebody wrote it, into the form in which it is compared. */
export interface LookupStatements {
  /** One row: the forms `email`, `text` and `exact` of `$value`, each null where nothing is left. */
  readonly forms: Statement
  /** How rows that hold the phone `$value`, written like that, were read. */
  readonly phones: Listing<{ readonly e164: 'text' }>
}

export function lookupStatements(context: Context): LookupStatements {
  const { dialect } = context
  const value = dialect.cast(parameter('value'), 'text')
  const form = (how: 'email' | 'text' | 'exact') => dialect.normalise(sql`v.value`, how, 'text')
  return {
    forms: statement(
      'identifier forms',
      'a value in the forms in which identifiers are compared',
      sql`
        select
          ${form('email')} as email,
          ${form('text')} as text,
          ${form('exact')} as exact
        from (select ${value} as value) as v`,
    ),
    phones: listing(context, {
      name: 'identifier phones',
      reason: 'the numbers that were made of a phone in some country (one row a number)',
      columns: { e164: 'text' },
      steps: new Steps(),
      rows: sql`
        select distinct p.e164
        from ${from(stateTable(context.project, 'phone'))} as p
        where p.raw = ${value} and p.version = ${text(PHONE_VERSION)} and p.e164 is not null`,
    }),
  }
}

const READ = { source: 'text', rows_then: 'integer?', combinations: 'integer' } as const

/** What the published state of a graph was made with. */
export interface PublishedGraph {
  /** One row: `rules` and `blocks`, null where the graph was never published. */
  readonly rules: Statement
  /** Per source: its rows when it was published (null for a list), and what is remembered of them. */
  readonly read: Listing<typeof READ> | undefined
}

/** `sources`: those whose table in the state is there; undefined `read` where there is none. */
export function publishedGraph(context: Context, entity: Entity, sources: readonly Source[]): PublishedGraph {
  const marks = from(marksState(context))
  const each = sources.map(
    (source) => sql`
      select
        ${text(source.name)} as source,
        (
          select max(total)
          from ${marks}
          where entity = ${text(entity.name)} and source = ${text(source.name)}
        ) as rows_then,
        (select count(*) from ${from(seenState(context, entity, source))}) as combinations`,
  )
  return {
    rules: statement(
      `published ${entity.name} rules`,
      'the rules of the last published build',
      sql`
        select max(rules) as rules, max(blocks) as blocks
        from ${marks}
        where entity = ${text(entity.name)}`,
    ),
    read:
      each.length === 0
        ? undefined
        : listing(context, {
            name: `published ${entity.name} sources`,
            reason: 'what is remembered of each source (one row a source)',
            columns: READ,
            steps: new Steps(),
            rows: unionAll(each),
          }),
  }
}
