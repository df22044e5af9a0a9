import type { Entity } from '../../project/project.ts'
import { from, type Statement, sql, type Table } from '../../sql/sql.ts'
import { type Context, statement } from '../context.ts'
import type { Part, Script } from '../print.ts'
import { compileDiff, forgetBuild } from './diff.ts'
import { compileExplain, evidenceSources } from './explain.ts'
import { lookupStatements, publishedGraph } from './explain-lookup.ts'
import { graphTables } from './state.ts'

/** Everything that the commands which explain the published graphs may send, but for what drops their tables. */
export function explainScript(context: Context): Script {
  const entities = [...context.project.entities.values()]
  const { forms, phones } = lookupStatements(context)
  return {
    name: 'explain',
    title: 'what `cdp explain` and `cdp identity` ask; only `cdp identity diff` makes tables, and drops them again',
    parts: [
      { note: 'how an argument is compared', statements: [forms, phones.statement] },
      ...entities.flatMap((entity): readonly Part[] => {
        const asked = compileExplain(context, entity)
        const published = publishedGraph(context, entity, evidenceSources(context, entity))
        const { fanout } = asked
        const single = [asked.byValue, asked.byNumber, asked.members, asked.aliases, asked.history, asked.refused]
        return [
          {
            note: `cdp explain, identity bridges: ${entity.name}`,
            statements: [
              published.rules,
              ...(published.read === undefined ? [] : [published.read.statement]),
              asked.byId,
              asked.size,
              ...single.map((one) => one.statement),
              ...asked.records.map((one) => one.listing.statement),
              ...(fanout === undefined ? [] : [fanout.of.statement]),
            ],
          },
          ...(fanout === undefined
            ? []
            : [
                {
                  note: `cdp identity shared: ${entity.name}`,
                  statements: [fanout.ranked.statement, fanout.spread.statement],
                },
              ]),
        ]
      }),
      ...entities.map((entity) => ({
        note: `cdp identity diff, after a build of its identity models: ${entity.name}`,
        statements: [...diffOf(context, entity), ...graphTables(context, entity).map(({ table }) => countState(table))],
      })),
      { note: 'after its tables were dropped', statements: [forgetBuild(context)] },
    ],
  }
}

/** One row, `found`: how many rows a table of the state has. */
export function countState(table: Table): Statement {
  return statement(
    'count state',
    'whether anything was published into it',
    sql`select count(*) as found from ${from(table)}`,
  )
}

function diffOf(context: Context, entity: Entity): readonly Statement[] {
  const asked = compileDiff(context, entity)
  const listings = [
    asked.standings,
    asked.sizes,
    asked.largest,
    asked.refused,
    ...[asked.merges, asked.splits].flatMap((one) => [one.parts, one.names, one.reasons]),
  ]
  return [asked.create, asked.counts, ...listings.flatMap((one) => one?.statement ?? [])]
}
