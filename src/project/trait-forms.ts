import { problem, unreachable } from '../error.ts'
import type { Need } from './cycles.ts'
import { placed } from './find.ts'
import type { Duration } from './language.ts'
import { MEASURES, measuredType, measureOf } from './measure.ts'
import { memberTrait } from './member-traits.ts'
import { pickOf } from './pick.ts'
import type { Source, Trait } from './project.ts'
import { header } from './resolving.ts'
import type { TraitShape } from './schema.ts'
import { entityScope, sourceScope } from './scope.ts'
import { expressionMistake } from './sql-query.ts'
import { sqlTokens } from './sql-tokens.ts'
import { parseDuration } from './time.ts'
import { type Defined, type Given, sourceFor } from './trait-sources.ts'
import type { Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression, readWhere } from './where.ts'

const FORMS = {
  pick: ['pick', 'from', 'by', 'source'],
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

function aggregateOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const { value } = item
  const [from, second] = value.from ?? []
  if (!from || second) {
    const message = `Trait "${item.name}" needs one source under "from".`
    given.problems.push(problem('project/missing-key', message, second?.at() ?? item.key.at()))
    return undefined
  }
  if (from.text === given.entity.of) return memberTrait(given, item)
  const source = sourceFor(given, from)
  if (!source) return undefined
  const { timezone } = given.context.settings
  const scope = sourceScope({ source, sources: given.sources, timezone })
  const before = given.problems.length
  const measure = measureOf(given, item, scope, source)
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
