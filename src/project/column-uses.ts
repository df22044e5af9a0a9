import type { Expression } from './language.ts'
import type { Project } from './project.ts'
import { isNumber, isTime, typeOf } from './types.ts'

/** Something that the project says of a column whose type is not declared. */
export interface ColumnUse {
  readonly source: string
  readonly column: string
  /** What it is used as; `nothing`: it is only named. */
  readonly kind: UseKind
  /** False where a text of digits could be meant as well: `code = 12`. */
  readonly sure: boolean
}

export type UseKind = 'number' | 'text' | 'boolean' | 'time' | 'nothing'

type Want = Pick<ColumnUse, 'kind' | 'sure'>

/** How traits and segments use the columns of sources, what they say for sure first. */
export function usesOf(project: Pick<Project, 'entities' | 'segments'>): readonly ColumnUse[] {
  let found: readonly Found[] = []
  // What a trait is used as says what its column is; traits are used by traits: three rounds see through such chains.
  for (let round = 0; round < 3; round++) found = [...allIn(project, wantsIn(found))]
  const rank = ({ kind, sure }: Want) => (kind === 'nothing' ? 2 : sure ? 0 : 1)
  return found.flatMap((one) => (one.of === 'column' ? [one] : [])).sort((a, b) => rank(a) - rank(b))
}

type Found = ({ readonly of: 'column' } & ColumnUse) | ({ readonly of: 'trait'; readonly trait: string } & Want)

function* allIn(project: Pick<Project, 'entities' | 'segments'>, wants: ReadonlyMap<string, Want>): Generator<Found> {
  for (const segment of project.segments.values()) yield* walk(segment, undefined, NOTHING)
  for (const entity of project.entities.values())
    for (const trait of entity.traits.values()) {
      const want = wants.get(`${entity.name}.${trait.name}`) ?? NOTHING
      const { definition } = trait
      if (definition.kind === 'pick')
        for (const { source, column } of definition.columns) yield { of: 'column', source, column, ...want }
      else yield* walk(definition, undefined, want)
    }
}

function wantsIn(found: readonly Found[]): ReadonlyMap<string, Want> {
  const wants = new Map<string, Want>()
  for (const one of found)
    if (one.of === 'trait' && one.kind !== 'nothing' && !wants.get(one.trait)?.sure)
      wants.set(one.trait, { kind: one.kind, sure: one.sure })
  return wants
}

const NOTHING: Want = { kind: 'nothing', sure: false }
const sure = (kind: UseKind): Want => ({ kind, sure: true })

/** What each part of a condition, measure or event is used as. Trees are plain data: forms to come are walked, too. */
function* walk(tree: unknown, source: string | undefined, want: Want): Generator<Found> {
  if (Array.isArray(tree)) for (const one of tree) yield* walk(one, source, want)
  else if (isRecord(tree)) {
    const rows = typeof tree.source === 'string' && tree.kind !== 'parent' ? tree.source : source
    if (tree.kind === 'reference')
      yield* named(tree as unknown as Extract<Expression, { kind: 'reference' }>, source, want)
    else for (const [key, value] of Object.entries(tree)) yield* walk(value, rows, wantOf(tree, key, want))
  }
}

function isRecord(tree: unknown): tree is Readonly<Record<string, unknown>> {
  return typeof tree === 'object' && tree !== null && !(tree instanceof Map)
}

function* named(
  { to, type }: Extract<Expression, { kind: 'reference' }>,
  source: string | undefined,
  want: Want,
): Generator<Found> {
  if (type !== 'unknown') return
  if (to.kind === 'trait' || to.kind === 'group') yield { of: 'trait', trait: `${to.entity}.${to.trait}`, ...want }
  if (to.kind === 'parent') yield { of: 'column', source: to.source, column: to.column, ...want }
  if (to.kind === 'column' && source !== undefined) yield { of: 'column', source, column: to.column, ...want }
}

/** What the part `key` of a tree is used as, where the whole is wanted as `want`. */
function wantOf(tree: Readonly<Record<string, unknown>>, key: string, want: Want): Want {
  if (key === 'after' || key === 'before') return sure('time')
  // What rows are put in order by says nothing of the value that is taken.
  if (key === 'by') return NOTHING
  if (key === 'measure' && 'bounds' in tree)
    return isRecord(tree.measure) && tree.measure.kind === 'count_distinct' ? NOTHING : sure('number')
  switch (tree.kind) {
    case 'compare':
    case 'in':
    case 'between':
      return met(tree as unknown as Expression)
    case 'arithmetic':
    case 'negate':
    case 'sum':
    case 'avg':
    case 'median':
    case 'percentile':
      return sure('number')
    case 'rfm':
    case 'value':
      return key === 'amount' ? sure('number') : want
    case 'shift':
    case 'truncate':
      return sure('time')
    case 'pattern':
      return { kind: 'text', sure: tree.how !== 'contains' }
    case 'holds':
      return { kind: 'text', sure: false }
    case 'and':
    case 'or':
    case 'not':
    case 'test':
      return sure('boolean')
    case 'call':
      return argument(String(tree.name), tree.args as readonly Expression[], want)
    case 'case':
      return key === 'when' || key === 'otherwise' ? want : NOTHING
    case 'isNull':
    case 'isEmpty':
    case 'count_distinct':
      return NOTHING
    default:
      return key === 'test' ? sure('boolean') : want
  }
}

/** What the values of a comparison are, as far as one of them says. */
function met(tree: Expression): Want {
  const parts = Object.values(tree)
    .flat()
    .filter((one): one is Expression => isRecord(one) && 'kind' in one)
  const kinds = parts.map((part) => kindOf(part, tree))
  return kinds.find((one) => one.sure) ?? kinds.find(({ kind }) => kind !== 'nothing') ?? NOTHING
}

function kindOf(part: Expression, within: Expression): Want {
  if (part.kind === 'untyped') {
    if (/^(true|false)$/i.test(part.value)) return { kind: 'boolean', sure: false }
    const isOrder = within.kind === 'between' || (within.kind === 'compare' && !/^!?=$/.test(within.op))
    if (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(part.value)) return { kind: 'number', sure: isOrder }
    return sure('text')
  }
  const type = typeOf(part)
  if (isNumber(type)) return sure('number')
  if (isTime(type)) return sure('time')
  return type === 'text' || type === 'boolean' ? sure(type) : NOTHING
}

function argument(name: string, args: readonly Expression[], want: Want): Want {
  switch (name) {
    case 'lower':
    case 'upper':
    case 'trim':
    case 'concat':
      return sure('text')
    case 'round':
    case 'abs':
      return sure('number')
    case 'days_between':
    case 'year':
    case 'month':
    case 'day':
    case 'weekday':
    case 'hour':
      return sure('time')
    case 'length':
    case 'substring':
      return { kind: 'text', sure: false }
    default: {
      const known = args.map((one) => kindOf(one, one)).find((one) => one.sure)
      return known ?? want
    }
  }
}
