import pLimit from 'p-limit'
import { type At, CdpError, type Diagnostic, nearest, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { id, join, type Sql, Steps, sql, verbatim } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { builtInColumns, traitColumns } from './columns.ts'
import { ordered } from './cycles.ts'
import { fileExists } from './glob.ts'
import { type IdentityList, identityLists, PAIR_COLUMNS } from './identity-lists.ts'
import type { Condition } from './language.ts'
import type { ColumnPlace, Entity, Project, Source, TraitDefinition } from './project.ts'
import { eventsIn, followersOf, referencesIn, sequencesIn } from './references.ts'
import { type PlainRelation, tableName, tableOf, tableText } from './relation.ts'
import type { ScoredRows } from './score.ts'

type Columns = ReadonlyMap<string, ValueType>

/** So many sources are looked at together. */
const TOGETHER = 4

/**
 * What the project names and the warehouse does not have: tables, files and columns, each at its place; and SQL of the
 * user's that the warehouse cannot read. Changes nothing.
 */
export async function checkWarehouse(project: Project, session: Session): Promise<readonly Diagnostic[]> {
  const limit = pLimit(TOGETHER)
  const lists = identityLists(project)
  const sources = [...project.sources.values(), ...lists.map(({ source }) => source)]
  const looks = await Promise.all(sources.map((source) => limit(() => look(project, session, source))))
  const columns = new Map(looks.flatMap((one) => (one.columns ? [[one.source, one.columns] as const] : [])))
  const fragments = fragmentsOf(project).filter(({ source }) => source === undefined || columns.has(source))
  const read = await Promise.all(fragments.map((fragment) => limit(() => checkFragment(project, session, fragment))))
  return [
    ...looks.flatMap((one) => one.problems),
    ...sources.flatMap((source) => takenColumns(project, source, columns.get(source.name))),
    ...missingColumns(project, columns),
    ...lists.flatMap((list) => missingPairs(project, list, columns.get(list.source.name))),
    ...read.flat(),
  ]
}

interface Look {
  readonly source: string
  /** Undefined where the source could not be looked at. */
  readonly columns: Columns | undefined
  readonly problems: readonly Diagnostic[]
}

async function look(project: Project, session: Session, source: Source): Promise<Look> {
  const at = project.places?.relations.get(source.name) ?? source.at
  const found = (columns: Columns): Look => ({ source: source.name, columns, problems: [] })
  const missing = (one: Diagnostic): Look => ({ source: source.name, columns: undefined, problems: [one] })
  const relation = plain(source)
  const table = relation.kind === 'table' ? tableOf(relation) : undefined
  if (relation.kind === 'table' && table !== undefined) {
    const columns = await session.columns(table)
    return columns ? found(columns) : missing(noTable(tableText(relation), at))
  }
  if (relation.kind === 'file' && !fileExists(project.directory, relation.path))
    return missing(problem('warehouse/missing-file', `No file is found at "${relation.path}".`, at))
  const needed = relation.kind === 'sql' ? modelsBelow(project, source) : []
  try {
    return found(await session.describe(select(project, session, source, needed)))
  } catch (error) {
    if (relation.kind === 'table') return missing(noTable(relation.table, at))
    if (isDenied(error)) return missing(denied(source, error, at))
    const words = wordsOf(error)
    return missing(
      relation.kind === 'sql'
        ? problem('sql/syntax', `The warehouse cannot read this SQL: ${words}`, at)
        : problem('warehouse/statement', `The warehouse cannot read this file: ${words}`, at),
    )
  }
}

/** Columns whose names the tool gives to what it computes from a row. */
function takenColumns(project: Project, source: Source, columns: Columns | undefined): readonly Diagnostic[] {
  const types = [...project.entities.values()].flatMap((entity) => entity.identifiers.map(({ name }) => name))
  const taken = new RegExp(
    `^cdp(_key|_time|_local|_profile(_id)?|_member|_open|_node_\\d+|\\d*_(${types.join('|')})(_valid)?)$`,
    'i',
  )
  const at = project.places?.relations.get(source.name) ?? source.at
  const fix = 'Read the source with `sql:`, and give the column another name there.'
  return [...(columns?.keys() ?? [])]
    .filter((name) => taken.test(name))
    .map((name) =>
      problem('project/bad-name', `The tool itself makes a column "${name}"; "${source.name}" has one.`, at, fix),
    )
}

/** Where the rows of a source or list are read from. */
function plain({ relation }: Source): PlainRelation {
  return relation.kind === 'pairs' ? relation.of : relation
}

function noTable(name: string, at: At): Diagnostic {
  return problem('warehouse/missing-table', `The warehouse has no table or view "${name}".`, at)
}

function isDenied(error: unknown): error is CdpError {
  return error instanceof CdpError && error.diagnostics.some(({ code }) => code === 'warehouse/permission')
}

function denied(source: Source, error: CdpError, at: At): Diagnostic {
  const words = error.cause instanceof Error ? error.cause.message : error.message
  return problem(
    'warehouse/permission',
    `Source "${source.name}" may not be read: ${words}.`,
    at,
    error.diagnostics[0]?.fix,
  )
}

/** The warehouse's own words. Anything but a refusal of the statement is no answer to the question. */
function wordsOf(error: unknown): string {
  if (!(error instanceof CdpError) || !error.diagnostics.some((one) => one.code === 'warehouse/statement')) throw error
  const words = error.cause instanceof Error ? error.cause.message : error.message
  return words.trim().replace(/\n[\s\S]*$/, '')
}

/** SQL models that a model reads, each after those that it needs itself. */
function modelsBelow(project: Project, source: Source): readonly Source[] {
  const reads = (one: Source) => {
    const relation = plain(one)
    return relation.kind === 'sql' ? relation.pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece])) : []
  }
  const graph = new Map<string, { to: string; at: At }[]>()
  const open = [source]
  for (let one = open.pop(); one; one = open.pop()) {
    const needs = reads(one).map((piece) => ({ to: piece.source, at: source.at }))
    graph.set(one.name, needs)
    open.push(...needs.flatMap(({ to }) => (graph.has(to) ? [] : (project.sources.get(to) ?? []))))
  }
  return ordered(graph).flatMap((name) => {
    const one = project.sources.get(name)
    return one && plain(one).kind === 'sql' && one !== source ? [one] : []
  })
}

/** A select of everything in a source, the SQL models below it as steps. */
function select(project: Project, session: Session, source: Source, needed: readonly Source[]): Sql {
  const steps = new Steps()
  for (const one of needed) steps.add(stepName(one), `SQL model ${one.name}`, relationSql(project, session, one))
  return steps.select(sql`
    select *
    from ${subquery(project, session, source)}`)
}

function stepName(source: Source): string {
  return `cdp_source_${source.name}`
}

function relationSql(project: Project, session: Session, source: Source): Sql {
  const relation = plain(source)
  switch (relation.kind) {
    case 'table':
      return tableName(relation)
    case 'file':
      // No types here: a type for a column that is not there would be refused in other words than ours.
      return session.dialect.files(relation.path, relation.format, new Map(), 'names') ?? sql`nothing`
    case 'sql': {
      const pieces = relation.pieces.map((piece) =>
        typeof piece === 'string' ? verbatim(piece) : referenced(project, session, piece.source),
      )
      return join(pieces, '', Number.POSITIVE_INFINITY)
    }
  }
}

function referenced(project: Project, session: Session, name: string): Sql {
  const source = project.sources.get(name)
  if (!source) throw new Error(`source ${name} was not resolved`)
  return plain(source).kind === 'sql' ? id(stepName(source)) : relationSql(project, session, source)
}

/** Every column that the project names and its source does not have, at its place, once a place. */
function missingColumns(project: Project, columns: ReadonlyMap<string, Columns>): readonly Diagnostic[] {
  const titles = new Map(identityLists(project).map(({ source, title }) => [source.name, title]))
  return namedColumns(project).flatMap(({ source, column, at }) => {
    const real = columns.get(source)
    if (!real || real.has(column)) return []
    const close = nearest(column, real.keys())
    const fix =
      close === undefined ? `It has: ${[...real.keys()].slice(0, 12).join(', ')}.` : `Did you mean "${close}"?`
    const title = titles.get(source) ?? `Source "${source}"`
    return [problem('warehouse/missing-column', `${title} has no column "${column}".`, at, fix)]
  })
}

/** The columns that a list of pairs has whatever the project says, said where the list is named. */
function missingPairs(
  project: Project,
  { source, title }: IdentityList,
  real: Columns | undefined,
): readonly Diagnostic[] {
  const missing = PAIR_COLUMNS.filter((column) => real && !real.has(column))
  if (source.relation.kind !== 'pairs' || missing.length === 0) return []
  const at = project.places?.relations.get(source.name) ?? source.at
  const named = missing.map((column) => `"${column}"`).join(' and ')
  const message = `${title} has no ${missing.length > 1 ? 'columns' : 'column'} ${named}.`
  const fix = `Name its columns under "identifiers:"; without that it has ${PAIR_COLUMNS.join(', ')}.`
  return [problem('warehouse/missing-column', message, at, fix)]
}

/** Every place at which the project names a column of a source. */
export function namedColumns(project: Project): readonly ColumnPlace[] {
  const ofTraits = [...project.entities.values()].flatMap((entity) =>
    [...entity.traits.values()].flatMap(({ definition }) => {
      const score = scoredRows(definition)
      if (score) return columnsIn([score.amount, score.where], score.source)
      return definition.kind === 'aggregate' ? columnsIn([definition.measure, definition.where], definition.source) : []
    }),
  )
  const ofEvents = conditionsOf(project).flatMap(({ condition }) => [
    ...[...eventsIn(condition)].flatMap((event) => columnsIn(event, event.source)),
    ...[...sequencesIn(condition)].flatMap(followersOf).flatMap(({ source, where }) => columnsIn(where, source)),
  ])
  return [...(project.places?.columns ?? []), ...ofTraits, ...ofEvents]
}

/** The rows that a score counts. */
function scoredRows(definition: TraitDefinition): ScoredRows | undefined {
  return definition.kind === 'score' && definition.score.kind !== 'weighted' ? definition.score : undefined
}

function columnsIn(tree: unknown, source: string): readonly ColumnPlace[] {
  return [...referencesIn(tree)].flatMap(({ to, at }) => {
    if (to.kind === 'column') return [{ source, column: to.column, at }]
    return to.kind === 'parent' ? [{ source: to.source, column: to.column, at }] : []
  })
}

/** The conditions on profiles. */
function conditionsOf(project: Project): readonly { entity: string; condition: Condition }[] {
  const all = [...project.segments.values(), ...project.syncs.values()]
  return all.flatMap(({ entity, where }) => (entity !== undefined && where ? [{ entity, condition: where }] : []))
}

/** A piece of the warehouse's own SQL inside our language. */
interface Fragment {
  readonly text: string
  readonly at: At
  readonly isCondition: boolean
  /** Undefined where it speaks of the rows of a source alone. */
  readonly entity?: string
  /** The source of whose rows it speaks; undefined = it speaks of profiles. */
  readonly source?: string
}

function fragmentsOf(project: Project): readonly Fragment[] {
  const traits = [...project.entities.values()].flatMap((entity) =>
    [...entity.traits.values()].flatMap(({ definition }): readonly Fragment[] => {
      const base = { entity: entity.name }
      if (definition.kind === 'sql') return [{ ...base, ...definition, isCondition: false }]
      const scored = scoredRows(definition)
      if (scored) return scored.where ? sqlIn(scored.where, { ...base, source: scored.source }) : []
      if (definition.kind !== 'members' && definition.kind !== 'aggregate') return []
      const { measure, where } = definition
      const about = definition.kind === 'members' ? { entity: entity.of ?? '' } : { ...base, source: definition.source }
      const conditions = [where, measure.kind === 'share' ? measure.on : undefined]
      return conditions.flatMap((one) => (one === undefined ? [] : sqlIn(one, about)))
    }),
  )
  const tests = project.dataTests.flatMap(({ of, where }) => {
    if (where === undefined) return []
    return sqlIn(where, of.kind === 'source' ? { source: of.name } : { entity: of.name })
  })
  return [
    ...traits,
    ...tests,
    ...[...project.syncs.values()].flatMap(({ rows }) => (rows?.where ? sqlIn(rows.where, rows) : [])),
    ...conditionsOf(project).flatMap(({ entity, condition }) => sqlIn(condition, { entity })),
  ]
}

function sqlIn(condition: Condition, about: Pick<Fragment, 'entity' | 'source'>): readonly Fragment[] {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return condition.of.flatMap((one) => sqlIn(one, about))
    case 'not':
      return sqlIn(condition.of, about)
    case 'did':
      return condition.event.where ? sqlIn(condition.event.where, { ...about, source: condition.event.source }) : []
    case 'sequence':
      return followersOf(condition.sequence).flatMap(({ source, where }) =>
        where ? sqlIn(where, { ...about, source }) : [],
      )
    case 'sql':
      return [{ ...about, text: condition.text, at: condition.at, isCondition: true }]
    case 'test':
    case 'member_of':
    case 'was_member_of':
      return []
  }
}

async function checkFragment(project: Project, session: Session, fragment: Fragment): Promise<readonly Diagnostic[]> {
  const source = fragment.source === undefined ? undefined : project.sources.get(fragment.source)
  const entity = fragment.entity === undefined ? undefined : project.entities.get(fragment.entity)
  const steps = new Steps()
  const value = sql`(${verbatim(fragment.text)}) as answer`
  if (source)
    for (const one of modelsBelow(project, source))
      steps.add(stepName(one), `SQL model ${one.name}`, relationSql(project, session, one))
  const query = source
    ? sql`select ${value} from (select * from ${subquery(project, session, source)}) as s`
    : fragment.source === undefined && entity
      ? sql`select ${value} from (select ${emptyProfile(project, session, entity)}) as p`
      : undefined
  if (query === undefined) return []
  try {
    const [type] = (await session.describe(steps.select(query))).values()
    if (!fragment.isCondition || type === 'boolean' || type === 'unknown') return []
    return [problem('expr/wrong-type', `This SQL gives ${type}, and a condition is true or false.`, fragment.at)]
  } catch (error) {
    return [problem('sql/syntax', `The warehouse cannot read this SQL: ${wordsOf(error)}`, fragment.at)]
  }
}

function subquery(project: Project, session: Session, source: Source): Sql {
  const relation = relationSql(project, session, source)
  return plain(source).kind === 'sql' ? sql`(${relation}) as model` : relation
}

/** One profile of nulls: what is not typed takes any type that it meets. */
function emptyProfile(project: Project, session: Session, entity: Entity): Sql {
  const columns = [
    ...builtInColumns(project, entity).map((column) => [column.name, column.type] as const),
    ...entity.identifiers.map((one) => [`all_${one.name}`, 'list'] as const),
    ...traitColumns(entity.traits).map((trait) => [trait.name, trait.type] as const),
  ]
  return join(
    columns.map(([name, type]) => {
      const empty = type === 'unknown' ? sql`null` : session.dialect.cast(sql`null`, type)
      return sql`${empty} as ${id(name)}`
    }),
  )
}
