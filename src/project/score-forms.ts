import { problem } from '../error.ts'
import { keyPlace } from './key-place.ts'
import type { Condition, Expression, Reference } from './language.ts'
import { sourceFile } from './place.ts'
import type { Source } from './project.ts'
import { scalar } from './scalar.ts'
import { type Scope, sourceScope } from './scope.ts'
import {
  DEFAULT_CELLS,
  DEFAULT_TILES,
  PARTS,
  type RfmScore,
  type Score,
  type ScoredRows,
  type ValueScore,
  type WeightedScore,
} from './score.ts'
import { parseDuration } from './time.ts'
import type { TraitShape } from './trait-shape.ts'
import { type Defined, type Given, happened, sourceFor, traitScope, windowOf } from './trait-sources.ts'
import type { Node, Scalar } from './tree.ts'
import { isNumber, isTime, typeOf } from './types.ts'
import type { Item } from './validate.ts'
import { readExpression, readWhere } from './where.ts'

/** What each score may and must say. */
const KEYS = {
  rfm: { must: ['from', 'amount'], may: ['where', 'within', 'tiles', 'cells'] },
  weighted: { must: ['weights'], may: [] },
  value: { must: ['from', 'amount', 'horizon'], may: ['where'] },
} as const

/** Every key that goes with `score:`. */
export const SCORE_KEYS = [
  'score',
  ...new Set(Object.values(KEYS).flatMap(({ must, may }): readonly string[] => [...must, ...may])),
]

/** A trait that judges profiles; undefined after problems were added. */
export function scoreOf(given: Given, item: Item<TraitShape>): Defined | undefined {
  const kind = item.value.score
  if (!kind || !hasItsKeys(given, item, kind)) return undefined
  const before = given.problems.length
  const score = ofKind(given, item, kind)
  if (!score || given.problems.length > before) return undefined
  return { definition: { kind: 'score', score }, type: kind === 'rfm' ? 'text' : 'float' }
}

/** True where all keys are there that the score needs, and none of another score. */
function hasItsKeys({ problems }: Given, { name, key, node }: Item<TraitShape>, kind: Score['kind']): boolean {
  const { must, may } = KEYS[kind]
  const written = new Set(node.entries.map((entry) => entry.key.text))
  const missing = must.filter((one) => !written.has(one))
  const own: readonly string[] = ['score', ...must, ...may]
  const strangers = node.entries.filter((entry) => SCORE_KEYS.includes(entry.key.text) && !own.includes(entry.key.text))
  for (const one of missing)
    problems.push(problem('project/missing-key', `Trait "${name}" needs "${one}": it is a score of ${kind}.`, key.at()))
  for (const stranger of strangers) {
    const fix = `With "score: ${kind}" go: ${[...must, ...may].join(', ')}.`
    const message = `"${stranger.key.text}" does not go with "score: ${kind}".`
    problems.push(problem('project/unknown-key', message, stranger.key.at(), fix))
  }
  return missing.length === 0 && strangers.length === 0
}

function ofKind(given: Given, item: Item<TraitShape>, kind: Score['kind']): Score | undefined {
  switch (kind) {
    case 'rfm':
      return rfmOf(given, item)
    case 'weighted':
      return weightedOf(given, item)
    case 'value':
      return expectedOf(given, item)
  }
}

function rfmOf(given: Given, item: Item<TraitShape>): RfmScore | undefined {
  const { tiles = DEFAULT_TILES, cells } = item.value
  const rows = rowsOf(given, item)
  const named = cells ?? (tiles === DEFAULT_TILES ? defaultCells() : [])
  const read = named.flatMap(({ key, value }) => {
    const when = cellOf(given, value)
    return when ? [{ name: key.text, when }] : []
  })
  return rows && { kind: 'rfm', ...rows, tiles, cells: read }
}

function defaultCells(): readonly { readonly key: Scalar; readonly value: Node }[] {
  return Object.entries(DEFAULT_CELLS).map(([name, when]) => ({ key: own(name), value: own(when) }))
}

/** A text of our own in the place of one that an analyst wrote. */
function own(text: string): Scalar {
  return scalar({ file: sourceFile('default cells', text), text, from: 0, to: text.length, style: 'plain' })
}

function cellOf({ context, problems }: Given, written: Node): Condition | undefined {
  const when = readWhere(written, { names: partScope(context.settings.timezone) }, problems)
  const stranger = when && ownSqlIn(when)
  if (!stranger) return when
  const message = 'A cell is a condition on tiles, which have no names in SQL of the warehouse.'
  problems.push(problem('expr/syntax', message, stranger.at, `Compare ${PARTS.join(', ')}.`))
  return undefined
}

function ownSqlIn(condition: Condition): Extract<Condition, { kind: 'sql' }> | undefined {
  switch (condition.kind) {
    case 'sql':
      return condition
    case 'not':
      return ownSqlIn(condition.of)
    case 'all':
    case 'any':
      return condition.of.map(ownSqlIn).find((one) => one !== undefined)
    default:
      return undefined
  }
}

/** The names that cells speak of. */
function partScope(timezone: string): Scope {
  const known = PARTS.map((part) => `"${part}"`).join(', ')
  return {
    timezone,
    lookup: ([name, ...more]) => {
      const part = PARTS.find((one) => one === name && more.length === 0)
      return part && { to: { kind: 'column', column: part }, type: 'integer' }
    },
    qualifies: () => false,
    qualified: () => undefined,
    names: () => PARTS,
    complaint: (path) => ({
      code: 'ref/unknown-trait',
      message: `"${path.join('.')}" is no part of an RFM score.`,
      fix: `Its cells compare ${known}.`,
    }),
  }
}

/** What a score counts: the rows of one source that says when they happened. */
function rowsOf(given: Given, item: Item<TraitShape>): ScoredRows | undefined {
  const source = timedSource(given, item)
  const { amount: written, where: condition, within: window } = item.value
  if (!source || !written) return undefined
  const { timezone } = given.context.settings
  const scope = sourceScope({ source, sources: given.sources, timezone })
  const amount = amountOf(given, written, scope)
  const where = condition && readWhere(condition, { names: scope }, given.problems)
  const within = window && windowOf(given, window, source)
  return amount && { source: source.name, amount, where, within }
}

function timedSource(given: Given, item: Item<TraitShape>): Source | undefined {
  const [from, second] = item.value.from ?? []
  if (!from || second) {
    const message = `Trait "${item.name}" needs one source under "from".`
    given.problems.push(problem('project/missing-key', message, second?.at() ?? item.key.at()))
    return undefined
  }
  if (from.text === given.entity.of) {
    const message = `"${from.text}" is the entity that "${given.entity.name}" is of, and a score counts rows of a source.`
    const fix = `Score "${from.text}", and measure that: from: ${from.text}, avg: <its score>.`
    given.problems.push(problem('ref/unknown-source', message, from.at(), fix))
    return undefined
  }
  const source = sourceFor(given, from)
  const asker = { key: `score: ${item.value.score}`, at: from.at(), ofMembers: '' }
  return source && happened(given, source, asker) ? source : undefined
}

function amountOf(given: Given, written: Scalar, scope: Scope): Expression | undefined {
  const amount = readExpression(written, scope, given.problems)
  const type = amount && typeOf(amount)
  if (!type || isNumber(type) || type === 'unknown') return amount
  given.problems.push(problem('expr/wrong-type', `"amount" takes numbers, not ${type}.`, written.at()))
  return undefined
}

function expectedOf(given: Given, item: Item<TraitShape>): ValueScore | undefined {
  const rows = rowsOf(given, item)
  const horizon = item.value.horizon && daysOf(given, item.value.horizon)
  return rows && horizon ? { kind: 'value', ...rows, horizon } : undefined
}

/** `365 days` as 365; months and years as they are on average. */
function daysOf({ problems }: Given, written: Scalar): number | undefined {
  const duration = parseDuration(written.text)
  const days = duration && DAYS[duration.unit] * duration.amount
  if (days) return days
  const message = `"${written.text}" is no horizon.`
  problems.push(problem('project/wrong-type', message, written.at(), 'Write 365 days, or 12 months.'))
  return undefined
}

const DAYS = {
  second: 1 / 86_400,
  minute: 1 / 1_440,
  hour: 1 / 24,
  day: 1,
  week: 7,
  month: 365.25 / 12,
  quarter: 365.25 / 4,
  year: 365.25,
} as const

function weightedOf(given: Given, item: Item<TraitShape>): WeightedScore | undefined {
  const written = item.value.weights ?? []
  const weights = written.flatMap(({ key, value }) => {
    const [trait, weight] = [comparable(given, key), weightOf(given, value)]
    return trait && weight ? [{ trait, weight }] : []
  })
  if (written.length > 0) return { kind: 'weighted', weights }
  const message = `Trait "${item.name}" needs a trait under "weights".`
  given.problems.push(
    problem('project/missing-key', message, keyPlace(item.node, 'weights'), 'Write weights: { <trait>: 1 }.'),
  )
  return undefined
}

/** A trait, or a built-in column, whose values say who stands higher. */
function comparable(given: Given, written: Scalar): Reference | undefined {
  const { problems } = given
  const scope = traitScope(given)
  const path = written.text.trim().split('.')
  const found = scope.lookup(path)
  if (found?.to.kind !== 'trait') {
    const { code, message, fix } = scope.complaint(path)
    problems.push(problem(code, message, written.at(), fix))
    return undefined
  }
  const { to, type } = found
  if (isNumber(type) || isTime(type) || type === 'boolean' || type === 'unknown')
    return { kind: 'reference', to, type, at: written.at() }
  const what = type === 'list' ? 'a list' : 'text'
  const message = `Trait "${written.text}" is ${what}, and a weight takes numbers, times, and true or false.`
  problems.push(problem('expr/wrong-type', message, written.at(), FIGURE))
  return undefined
}

const FIGURE = 'Weigh a trait that makes a figure of it: expr: "case when tier = \'gold\' then 1 else 0 end".'

function weightOf({ problems }: Given, written: Scalar): number | undefined {
  const weight = /^[+-]?(?:\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})$/.test(written.text) ? Number(written.text) : 0
  if (weight !== 0) return weight
  const message = `"${written.text}" is no weight.`
  const fix = 'Write a number other than 0, such as 3 or -0.5; a negative one turns the order round.'
  problems.push(problem('project/wrong-type', message, written.at(), fix))
  return undefined
}
