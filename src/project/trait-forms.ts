import { type Diagnostic, problem, unreachable } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import type { Need } from './cycles.ts'
import { find, placed, wantedIn } from './find.ts'
import type { Duration } from './language.ts'
import type { Entity, Measure, PickBy, Source, Trait, TraitDefinition } from './project.ts'
import { header, isAttributed, type Resolving } from './resolving.ts'
import { part } from './scalar.ts'
import type { TraitShape } from './schema.ts'
import { type EntityNames, entityScope, type Scope, sourceScope } from './scope.ts'
import { expressionMistake } from './sql-query.ts'
import { sqlTokens } from './sql-tokens.ts'
import { parseDuration } from './time.ts'
import { child, type Scalar } from './tree.ts'
import { isNumber, typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression, readWhere } from './where.ts'

/** What the traits of one entity are resolved with. */
export interface Given {
  readonly context: Resolving
  readonly entity: Omit<Entity, 'traits'>
  readonly sources: ReadonlyMap<string, Source>
  readonly names: EntityNames
  readonly problems: Diagnostic[]
}

const MEASURES = [
  'count',
  'count_distinct',
  'sum',
  'avg',
  'min',
  'max',
  'first',
  'last',
  'most_frequent',
  'exists',
] as const

const FORMS = {
  pick: ['pick', 'from', 'by'],
  aggregate: [...MEASURES, 'from', 'where', 'within'],
  expr: ['expr'],
  sql: ['sql'],
} as const

/** A trait of whichever form its keys show. */
export function traitOf(given: Given, item: Item<TraitShape>): Trait | undefined {
  const { value } = item
  const measures = MEASURES.filter((one) => value[one] !== undefined)
  const form = value.pick
    ? 'pick'
    : value.expr
      ? 'expr'
      : value.sql
        ? 'sql'
        : measures.length > 0
          ? 'aggregate'
          : undefined
  if (!form) {
    const message = `Trait "${item.name}" needs "pick", "expr", "sql", or "from" with one of ${MEASURES.join(', ')}.`
    given.problems.push(problem('project/missing-key', message, item.key.at()))
    return undefined
  }
  if (hasStrangers(given, item, form, measures)) return undefined
  const found = definitionOf(given, item, form)
  if (!found) return undefined
  const { definition, type, pii } = found
  return { ...header(item), entity: given.entity.name, type, pii: value.pii ?? pii, definition }
}

/** Keys of another form than that of the trait. */
function hasStrangers(
  given: Given,
  item: Item<TraitShape>,
  form: keyof typeof FORMS,
  measures: readonly string[],
): boolean {
  const main = form === 'aggregate' ? (measures[0] ?? '') : form
  const allowed: readonly string[] = FORMS[form].filter(
    (key) => form !== 'aggregate' || !isMeasure(key) || key === main,
  )
  const all: readonly string[] = Object.values(FORMS).flat()
  const strangers = item.node.entries.filter(({ key }) => all.includes(key.text) && !allowed.includes(key.text))
  for (const { key } of strangers) {
    const fix = `With "${main}" go: ${allowed.filter((one) => one !== main).join(', ') || 'no other keys'}.`
    given.problems.push(problem('project/unknown-key', `"${key.text}" does not go with "${main}".`, key.at(), fix))
  }
  return strangers.length > 0
}

function isMeasure(key: string): boolean {
  return (MEASURES as readonly string[]).includes(key)
}

interface Defined {
  readonly definition: TraitDefinition
  readonly type: ValueType
  readonly pii?: string | undefined
}

function definitionOf(given: Given, item: Item<TraitShape>, form: keyof typeof FORMS): Defined | undefined {
  switch (form) {
    case 'pick':
      return pickOf(given, item)
    case 'aggregate':
      return aggregateOf(given, item)
    case 'expr':
      return derivedOf(given, item)
    case 'sql':
      return sqlOf(given, item)
    default:
      return unreachable(form)
  }
}

function pickOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { pick, from = [], by = 'priority' } = item.value
  if (!pick) return undefined
  if (from.length === 0) {
    given.problems.push(problem('project/missing-key', `Trait "${item.name}" needs "from".`, item.key.at()))
    return undefined
  }
  const picked = from.map((written) => columnOf(given, written, pick))
  const sure = picked.flatMap((one) => one ?? [])
  if (sure.length < picked.length) return undefined
  for (const [index, { source }] of sure.entries()) checkTime(given, source, by, from[index])
  const columns = sure.map(({ source, column }) => ({ source: source.name, column }))
  const types = sure.map(({ source, column }) => source.types.get(column) ?? 'unknown')
  const pii = sure.flatMap(({ source, column }) => source.pii.get(column) ?? [])[0]
  return { definition: { kind: 'pick', columns, by }, type: sharedType(types), pii }
}

/** `crm_contacts` has the picked column; `orders.billing_email` names its own. */
function columnOf(given: Given, written: Scalar, pick: Scalar): { source: Source; column: string } | undefined {
  const dot = written.text.indexOf('.')
  const source = sourceFor(given, dot === -1 ? written : part(written, 0, dot))
  const column = dot === -1 ? pick : part(written, dot + 1, written.text.length)
  if (!source) return undefined
  given.context.places.columns.push({ source: source.name, column: column.text, at: column.at() })
  return { source, column: column.text }
}

/** A source whose rows belong to people of the entity. */
function sourceFor(given: Given, written: Scalar): Source | undefined {
  const wanted = wantedIn('ref/unknown-source', 'Source', given.context.validated.sources)
  const source = find(written, given.sources, wanted, given.problems)
  if (!source || isAttributed(source, given.entity, given.sources)) return source
  const message = `Source "${source.name}" has no identifier of entity "${given.entity.name}", so its rows belong to nobody.`
  const fix = 'Name its `identifiers:`, or the source that it belongs to under `belongs_to:`.'
  given.problems.push(problem('ref/unknown-identifier', message, written.at(), fix))
  return undefined
}

function checkTime(given: Given, source: Source, by: PickBy, written: Scalar | undefined): void {
  if (by !== 'most_recent' && by !== 'first') return
  if ((source.occurredAt ?? source.updatedAt ?? source.loadedAt) !== undefined) return
  const message = `"by: ${by}" needs a time, and source "${source.name}" has none.`
  const fix = `Name the \`at:\` or \`updated_at:\` of "${source.name}".`
  given.problems.push(problem('expr/no-time', message, written?.at(), fix))
}

/** The type of values that come from several columns. */
function sharedType(types: readonly ValueType[]): ValueType {
  const [first = 'unknown'] = types
  if (types.every((type) => type === first)) return first
  return types.every(isNumber) ? 'decimal' : 'unknown'
}

function aggregateOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { value } = item
  const [from, second] = value.from ?? []
  if (!from || second) {
    const message = `Trait "${item.name}" needs one source under "from".`
    given.problems.push(problem('project/missing-key', message, second?.at() ?? item.key.at()))
    return undefined
  }
  const source = sourceFor(given, from)
  if (!source) return undefined
  const { timezone } = given.context.settings
  const scope = sourceScope({ source, sources: given.sources, timezone })
  const before = given.problems.length
  const measure = measureOf(given, item, source, scope)
  const where = value.where && readWhere(value.where, { names: scope }, given.problems)
  const within = value.within && windowOf(given, value.within, source)
  if (!measure || given.problems.length > before) return undefined
  return { definition: { kind: 'aggregate', source: source.name, measure, where, within }, type: measuredType(measure) }
}

/** `within: 90 days`. */
function windowOf(given: Given, written: Scalar, source: Source): Duration | undefined {
  const duration = parseDuration(written.text)
  if (!duration)
    given.problems.push(
      problem('project/wrong-type', `"${written.text}" is no duration.`, written.at(), 'Write 90 days, or 24 hours.'),
    )
  else if (source.occurredAt === undefined)
    given.problems.push(
      problem(
        'expr/no-time',
        `"within" needs to know when a row happened, and source "${source.name}" does not say.`,
        written.at(),
        `Name the \`at:\` of "${source.name}".`,
      ),
    )
  return duration
}

function measureOf(given: Given, item: Item<TraitShape>, source: Source, scope: Scope): Measure | undefined {
  const kind = MEASURES.find((one) => item.value[one] !== undefined) ?? 'count'
  const written = kind === 'exists' ? child(item.node, 'exists') : item.value[kind]
  if (written?.kind !== 'scalar') return undefined
  if (kind === 'count') return countOf(given, written)
  if (kind === 'exists') return { kind }
  const of = readExpression(written, scope, given.problems)
  if (!of) return undefined
  const type = typeOf(of)
  if ((kind === 'sum' || kind === 'avg') && !isNumber(type) && type !== 'unknown') {
    given.problems.push(problem('expr/wrong-type', `"${kind}" takes numbers, not ${type}.`, written.at()))
    return undefined
  }
  if (
    (kind === 'first' || kind === 'last') &&
    (source.occurredAt ?? source.updatedAt ?? source.loadedAt) === undefined
  ) {
    const message = `"${kind}" needs a time, and source "${source.name}" has none.`
    given.problems.push(problem('expr/no-time', message, written.at(), `Name the \`at:\` of "${source.name}".`))
    return undefined
  }
  return { kind, of }
}

function countOf(given: Given, written: Scalar): Measure | undefined {
  if (written.text === 'rows' || written.text === '*') return { kind: 'count' }
  const fix = `Write \`count: rows\`, or \`count_distinct: ${written.text}\`; \`where:\` says which rows count.`
  given.problems.push(problem('project/wrong-type', `"count" counts rows, not "${written.text}".`, written.at(), fix))
  return undefined
}

function measuredType(measure: Measure): ValueType {
  switch (measure.kind) {
    case 'count':
    case 'count_distinct':
      return 'integer'
    case 'exists':
      return 'boolean'
    case 'avg':
      return 'float'
    case 'sum': {
      const type = typeOf(measure.of)
      return isNumber(type) ? type : 'decimal'
    }
    case 'min':
    case 'max':
    case 'first':
    case 'last':
    case 'most_frequent':
      return typeOf(measure.of)
    default:
      return unreachable(measure)
  }
}

function derivedOf(given: Given, { value }: Item<TraitShape>): Defined | undefined {
  if (!value.expr) return undefined
  const places = given.context.validated.traits.get(given.entity.name)?.traits.names ?? new Map()
  const scope = placed(entityScope(given.names, given.context.settings.timezone), given.entity.name, places)
  const expression = readExpression(value.expr, scope, given.problems)
  return expression && { definition: { kind: 'expression', expression }, type: typeOf(expression) }
}

function sqlOf(given: Given, { value: { sql } }: Item<TraitShape>): Defined | undefined {
  if (!sql) return undefined
  const mistake = expressionMistake(sql.text)
  if (mistake) {
    given.problems.push(problem(mistake.code, mistake.message, sql.at(mistake.from, mistake.to)))
    return undefined
  }
  const uses = [...new Set(usesOf(given, sql).map((need) => need.to))]
  return { definition: { kind: 'sql', text: sql.text, uses, at: sql.at() }, type: 'unknown' }
}

/** The traits that a piece of the warehouse's SQL speaks of. */
export function usesOf({ names }: Given, sql: Scalar): readonly Need[] {
  return sqlTokens(sql.text).tokens.flatMap((token) => {
    const name = token.kind === 'name' ? token.text.slice(1, -1) : token.text
    const isTrait = (token.kind === 'name' || token.kind === 'word') && names.traits.has(name)
    return isTrait ? [{ to: name, at: sql.at(token.from, token.to) }] : []
  })
}
