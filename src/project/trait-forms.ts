import { problem, unreachable } from '../error.ts'
import { bucketOf } from './bucket.ts'
import type { Need } from './cycles.ts'
import { MEASURE_OPTIONS, MEASURES, type MeasureKey, measuredType, measureOf, optionsOf } from './measure.ts'
import { memberTrait } from './member-traits.ts'
import { pickOf } from './pick.ts'
import type { Trait } from './project.ts'
import { header } from './resolving.ts'
import { sourceScope } from './scope.ts'
import { SCORE_KEYS, scoreOf } from './score-forms.ts'
import { expressionMistake } from './sql-query.ts'
import { sqlTokens } from './sql-tokens.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Defined, type Given, sourceFor, traitScope, windowOf } from './trait-sources.ts'
import type { Scalar } from './tree.ts'
import { typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression, readWhere } from './where.ts'

/** The keys of each form; what is measured has further ones: see `optionsOf`. */
const FORMS = {
  pick: ['pick', 'from', 'by', 'source'],
  aggregate: ['from', 'where', 'within'],
  expr: ['expr'],
  bucket: ['bucket', 'steps'],
  sql: ['sql'],
  score: SCORE_KEYS,
} as const

/** Every key that belongs to some form. */
const KEYS: readonly string[] = [...Object.values(FORMS).flat(), ...MEASURES, ...MEASURE_OPTIONS]

/** A trait of whichever form its keys show. */
export function traitOf(given: Given, item: Item<TraitShape>): Trait | undefined {
  const { value } = item
  const measure = MEASURES.find((one) => value[one] !== undefined)
  const form =
    (['pick', 'expr', 'bucket', 'sql', 'score'] as const).find((one) => value[one] !== undefined) ??
    (measure && 'aggregate')
  if (!form) {
    const message = `Trait "${item.name}" needs "pick", "expr", "bucket", "sql", "score", or "from" with one of ${MEASURES.join(', ')}.`
    given.problems.push(problem('project/missing-key', message, item.key.at()))
    return undefined
  }
  if (hasStrangers(given, item, form, measure)) return undefined
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
  measure: MeasureKey | undefined,
): boolean {
  const isMeasured = form === 'aggregate' && measure !== undefined
  const main = isMeasured ? measure : form
  const allowed: readonly string[] = [...(isMeasured ? [measure, ...optionsOf(measure)] : []), ...FORMS[form]]
  const strangers = item.node.entries.filter(({ key }) => KEYS.includes(key.text) && !allowed.includes(key.text))
  for (const { key } of strangers) {
    const fix = `With "${main}" go: ${allowed.filter((one) => one !== main).join(', ') || 'no other keys'}.`
    given.problems.push(problem('project/unknown-key', `"${key.text}" does not go with "${main}".`, key.at(), fix))
  }
  return strangers.length > 0
}

function definitionOf(given: Given, item: Item<TraitShape>, form: keyof typeof FORMS): Defined | undefined {
  switch (form) {
    case 'pick':
      return pickOf(given, item)
    case 'aggregate':
      return aggregateOf(given, item)
    case 'expr':
      return derivedOf(given, item)
    case 'bucket':
      return bucketOf(given, item)
    case 'sql':
      return sqlOf(given, item)
    case 'score':
      return scoreOf(given, item)
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
  const measure = measureOf({ given, item, scope, source })
  const where = value.where && readWhere(value.where, { names: scope }, given.problems)
  const within = value.within && windowOf(given, value.within, source)
  if (!measure || given.problems.length > before) return undefined
  return { definition: { kind: 'aggregate', source: source.name, measure, where, within }, type: measuredType(measure) }
}

function derivedOf(given: Given, { value }: Item<TraitShape>): Defined | undefined {
  const expression = value.expr && readExpression(value.expr, traitScope(given), given.problems)
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
