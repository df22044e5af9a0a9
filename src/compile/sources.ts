import type { Source } from '../project/project.ts'
import { from, parameter, type Sql, sql, verbatim } from '../sql/sql.ts'
import { type Context, making, relation, step, textColumns } from './context.ts'
import type { Model } from './model.ts'
import { buildTable } from './names.ts'

/** The models that copy files and SQL models into the build, so that every later statement reads one snapshot. */
export function compileSources(context: Context): readonly Model[] {
  return [...context.project.sources.values()].flatMap((source) => {
    const query = copied(context, source)
    if (query === undefined) return []
    const output = buildTable(context.project, 'source_', source.name)
    const reason =
      source.relation.kind === 'file' ? 'the files as they are now, read once' : 'the SQL model as it is now'
    return [
      {
        name: `sources/${source.name}`,
        kind: 'source' as const,
        needs: ['setup', ...reads(source).map((name) => `sources/${name}`)],
        steps: [making(context, output, `source ${source.name}`, reason, query)],
        output,
      },
    ]
  })
}

/** The models that a model over these sources must wait for; tables of the warehouse are there already. */
export function sourceModels(context: Context, sources: Iterable<string>): readonly string[] {
  return [...new Set(sources)]
    .filter((name) => context.project.sources.get(name)?.relation.kind !== 'table')
    .map((name) => `sources/${name}`)
}

function copied(context: Context, source: Source): Sql | undefined {
  switch (source.relation.kind) {
    case 'table':
      return undefined
    case 'file': {
      const types = new Map([...[...textColumns(source)].map((name) => [name, 'text'] as const), ...source.types])
      const files = context.dialect.files(source.relation.path, source.relation.format, types)
      if (files === undefined) throw new Error(`source ${source.name}: this warehouse reads no files`)
      return sql`select * from ${files}`
    }
    case 'sql': {
      const pieces = source.relation.pieces.map((piece) =>
        typeof piece === 'string' ? verbatim(piece) : referenced(context, piece.source),
      )
      return sql`
        select *
        from (
          ${pieces.reduce((before, piece) => sql`${before}${piece}`)}
        ) as model`
    }
  }
}

function referenced(context: Context, name: string): Sql {
  const source = context.project.sources.get(name)
  if (source === undefined) throw new Error(`source ${name} was not resolved`)
  return relation(context, source)
}

function reads(source: Source): readonly string[] {
  if (source.relation.kind !== 'sql') return []
  return source.relation.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.source]))
}

/** The statements that every build begins with: schemas, and the one row that holds the business time. */
export function compileSetup(context: Context): Model {
  const { dialect, project } = context
  const clock = buildTable(project, 'clock')
  return {
    name: 'setup',
    kind: 'setup',
    needs: [],
    steps: [
      step(
        'create clock',
        'the one clock of this build',
        dialect.createEmptyTable(clock, [{ name: 'now', type: 'timestamp' }]),
      ),
      step(
        'set clock',
        'business time: as the project says, else the warehouse time at the start',
        sql`
          insert into ${from(clock)}
          select coalesce(${dialect.instant(parameter('now'))}, ${dialect.clock()})`,
      ),
    ],
    output: undefined,
  }
}
