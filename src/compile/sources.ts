import { identityLists, PAIR_COLUMNS, pairColumn } from '../project/identity-lists.ts'
import type { Project, Source } from '../project/project.ts'
import { type PlainRelation, type Relation, tableName } from '../project/relation.ts'
import type { ValueType } from '../sql/dialect.ts'
import { from, id, lines, parameter, type Sql, Steps, sql, text, verbatim } from '../sql/sql.ts'
import { type Context, making, relation, statement, step, textColumns } from './context.ts'
import type { Model } from './model.ts'
import { buildTable } from './names.ts'

/**
 * The models that copy files, SQL models and lists of pairs into the build, so that every later statement reads one
 * snapshot.
 */
export function compileSources(context: Context): readonly Model[] {
  const lists = identityLists(context.project).map(({ source }) => source)
  return [...context.project.sources.values(), ...lists].flatMap((source) => {
    const copy = copied(context, source)
    if (copy === undefined) return []
    const output = buildTable(context.project, 'source_', source.name)
    return [
      {
        name: `sources/${source.name}`,
        kind: 'source' as const,
        needs: ['setup', ...reads(source).map((name) => `sources/${name}`)],
        steps: [making(context, output, `source ${source.name}`, copy.reason, copy.query)],
        output,
      },
    ]
  })
}

/** The models that a model over these sources or lists must wait for; tables of the warehouse are there already. */
export function sourceModels({ project }: Context, sources: Iterable<string>): readonly string[] {
  const lists = new Map(identityLists(project).map(({ source }) => [source.name, source]))
  return [...new Set(sources)]
    .filter((name) => (project.sources.get(name) ?? lists.get(name))?.relation.kind !== 'table')
    .map((name) => `sources/${name}`)
}

/** A source and those whose rows its rows belong to. */
export function withParents(project: Project, source: Source): readonly string[] {
  const parents = [...source.belongsTo.keys()].flatMap((name) => project.sources.get(name) ?? [])
  return [source.name, ...parents.flatMap((parent) => withParents(project, parent))]
}

/**
 * Adds the steps that read a source at this very moment, also where the build has a copy of it, and gives what its rows
 * are selected from.
 */
export function addSourceNow(steps: Steps, context: Context, source: Source, known: Map<string, Sql> = new Map()): Sql {
  if (source.relation.kind === 'table') return tableName(source.relation)
  const before = known.get(source.name)
  if (before) return before
  const refer = (name: string) => addSourceNow(steps, context, sourceNamed(context, name), known)
  const copy = copied(context, source, refer)
  if (copy === undefined) throw new Error(`source ${source.name} has no rows of its own`)
  const step = steps.add(`${source.name}_now`, 'the rows as they are at this moment', copy.query)
  known.set(source.name, step)
  return step
}

/** A query of everything in a source, and why it is made a table of the build; undefined for a table of the warehouse. */
function copied(
  context: Context,
  source: Source,
  refer: Refer = (name) => relation(context, sourceNamed(context, name)),
): { readonly reason: string; readonly query: Sql } | undefined {
  const where = source.relation
  switch (where.kind) {
    case 'table':
      return undefined
    case 'file': {
      const types = new Map([...[...textColumns(source)].map((name) => [name, 'text'] as const), ...source.types])
      const query = sql`select * from ${rowsOf(context, source.name, where, refer, types)}`
      return { reason: 'the files as they are now, read once', query }
    }
    case 'sql': {
      const query = sql`
        select *
        from ${rowsOf(context, source.name, where, refer)}`
      return { reason: 'the SQL model as it is now', query }
    }
    case 'pairs': {
      const reason = 'the pairs as they are now, a column for each type and side of a value'
      return { reason, query: sidesOf(context, source.name, where, refer) }
    }
  }
}

/** Where the rows of a source that an SQL model names are selected from. */
type Refer = (source: string) => Sql

/** Where the rows of a relation are selected from. `types`: those of a file's columns. */
function rowsOf(
  context: Context,
  name: string,
  relation: PlainRelation,
  refer: Refer,
  types: ReadonlyMap<string, ValueType> = new Map(),
): Sql {
  switch (relation.kind) {
    case 'table':
      return tableName(relation)
    case 'file': {
      const files = context.dialect.files(relation.path, relation.format, types)
      if (files === undefined) throw new Error(`source ${name}: this warehouse reads no files`)
      return files
    }
    case 'sql': {
      const pieces = relation.pieces.map((piece) => (typeof piece === 'string' ? verbatim(piece) : refer(piece.source)))
      return sql`
        (
          ${pieces.reduce((before, piece) => sql`${before}${piece}`)}
        ) as model`
    }
  }
}

/** (email_a, email_b, phone_a, …): each value of a pair in the column of its side and type, the others null. */
function sidesOf(
  context: Context,
  name: string,
  { of, types }: Extract<Relation, { kind: 'pairs' }>,
  refer: Refer,
): Sql {
  const [typeA, valueA, typeB, valueB] = PAIR_COLUMNS
  const word = (column: string) => sql`lower(trim(${context.dialect.cast(id(column), 'text')})) as ${id(column)}`
  const steps = new Steps()
  const pairs = steps.add(
    'pairs',
    'the rows as they were written; types are compared without case and blanks',
    sql`
      select
        ${lines([word(typeA), id(valueA), word(typeB), id(valueB)])}
      from ${rowsOf(context, name, of, refer, new Map(PAIR_COLUMNS.map((column) => [column, 'text'] as const)))}`,
  )
  const side = (type: string, one: 'a' | 'b', [kind, value]: readonly [string, string]) =>
    sql`case when ${id(kind)} = ${text(type.toLowerCase())} then ${id(value)} end as ${id(pairColumn(type, one))}`
  return steps.select(sql`
    select
      ${lines(types.flatMap((type) => [side(type, 'a', [typeA, valueA]), side(type, 'b', [typeB, valueB])]))}
    from ${pairs}`)
}

function sourceNamed({ project }: Context, name: string): Source {
  const source = project.sources.get(name)
  if (source === undefined) throw new Error(`source ${name} was not resolved`)
  return source
}

/** The sources that an SQL model names. */
function reads({ relation }: Source): readonly string[] {
  const plain = relation.kind === 'pairs' ? relation.of : relation
  if (plain.kind !== 'sql') return []
  return plain.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.source]))
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
      {
        kind: 'statement',
        statement: statement(
          'create clock',
          'the one clock of this build',
          dialect.createEmptyTable(clock, [{ name: 'now', type: 'timestamp' }]),
        ),
        makes: clock,
      },
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
