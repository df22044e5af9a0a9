import { type Diagnostic, nearest, problem } from '../error.ts'
import { DATA_TESTS, type DataTestKind, type Tested as Place, testsOf } from './data-test-shapes.ts'
import type { Allowance, DataTest, Severity, Tested } from './data-tests.ts'
import { keyPlace } from './key-place.ts'
import type { Reference } from './language.ts'
import type { Source } from './project.ts'
import { referencesIn } from './references.ts'
import type { Resolving } from './resolving.ts'
import type { Scope } from './scope.ts'
import { shareOf } from './share.ts'
import type { Dict, Node, Scalar } from './tree.ts'
import { readWhere } from './where.ts'

/** What tests are read for. */
export interface Owner {
  readonly context: Resolving
  readonly sources: ReadonlyMap<string, Source>
  readonly of: Tested
  /** Its columns or traits. */
  readonly scope: Scope
}

/** One test as it is written, a bare name as a map of one key. */
export interface FoundTest {
  readonly kind: DataTestKind
  readonly key: Scalar
  readonly dict: Dict
}

/** Which test an item of a list is; undefined after a problem was added. `what`: under which it stands. */
export function foundTest(node: Node, what: Place, problems: Diagnostic[]): FoundTest | undefined {
  const dict = asDict(node)
  const keys = dict?.entries.map(({ key }) => key) ?? []
  const [key, second] = keys.filter(({ text }) => Object.hasOwn(DATA_TESTS, text))
  if (dict === undefined || key === undefined) {
    const wrong = keys.find(({ text }) => !OPTIONS.some((option) => option === text))
    problems.push(noTest(wrong, node, what))
    return undefined
  }
  if (second !== undefined) {
    const message = `"${second.text}" stands beside "${key.text}", and one item is one test.`
    problems.push(problem('project/wrong-type', message, second.at(), 'Write each as an item of the list.'))
    return undefined
  }
  const kind = testsOf(what).find((one) => one === key.text)
  if (kind === undefined) problems.push(noTest(key, node, what))
  return kind && { kind, key, dict }
}

function asDict(node: Node): Dict | undefined {
  if (node.kind !== 'scalar') return node.kind === 'dict' ? node : undefined
  if (node.isNull) return undefined
  const nothing: Scalar = { ...node, text: '', quoted: false, isNull: true }
  return { kind: 'dict', entries: [{ key: node, value: nothing }], at: () => node.at() }
}

function noTest(key: Scalar | undefined, node: Node, what: Place): Diagnostic {
  const known = testsOf(what)
  const fix = `Tests of ${ARTICLE[what]} ${what}: ${known.join(', ')}.`
  if (key === undefined) return problem('project/missing-key', 'Expected a test, found none.', node.at(), fix)
  const close = nearest(key.text, known)
  const message = `"${key.text}" is no test of ${ARTICLE[what]} ${what}.`
  return problem('project/unknown-key', message, key.at(), close ? `Did you mean "${close}"? ${fix}` : fix)
}

const ARTICLE: Readonly<Record<Place, string>> = { column: 'a', source: 'a', trait: 'a', entity: 'an' }

/** What every test may say. */
export interface Options {
  readonly name?: Scalar | undefined
  readonly severity?: Severity | undefined
  readonly where?: Node | undefined
  readonly max_failures?: Scalar | undefined
}

const OPTIONS = ['name', 'severity', 'where', 'max_failures'] as const satisfies readonly (keyof Options)[]

/**
 * The options of a test, whether they stand beside its key or below it; undefined after a problem was added. `found`:
 * undefined where they can stand in one place only.
 */
export function optionsOf(
  owner: Owner,
  found: FoundTest | undefined,
  outer: Options,
  inner: Options,
): (Pick<DataTest, 'severity' | 'where' | 'mayFail'> & { readonly name: string | undefined }) | undefined {
  const { context, scope } = owner
  const twice = OPTIONS.filter((option) => outer[option] !== undefined && inner[option] !== undefined)
  for (const option of found ? twice : []) {
    const message = `The option "${option}" of "${found?.kind}" stands beside it and below it.`
    context.problems.push(problem('yaml/duplicate-key', message, found && keyPlace(found.dict, found.kind, option)))
  }
  const { name, severity = 'error', where: written, max_failures: most } = { ...outer, ...defined(inner) }
  const where = written && readWhere(written, { names: scope }, context.problems)
  const mayFail = most === undefined ? NONE : allowanceOf(most, context.problems)
  if (twice.length > 0 || mayFail === undefined || (written && !where)) return undefined
  notePlaces(owner, where)
  return { name: name?.text, severity, where, mayFail }
}

function defined(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

const NONE: Allowance = { kind: 'rows', rows: 0 }

function allowanceOf(written: Scalar, problems: Diagnostic[]): Allowance | undefined {
  if (/^\d{1,15}$/.test(written.text)) return { kind: 'rows', rows: Number(written.text) }
  if (written.text.endsWith('%')) {
    const share = shareOf(problems, written, 'rows')
    return share === undefined ? undefined : { kind: 'share', share }
  }
  const message = `"${written.text}" is neither a number of rows nor a share of them.`
  problems.push(problem('project/wrong-type', message, written.at(), 'Write 10, or 1%.'))
  return undefined
}

/** A column or trait by its name; undefined after a problem was added. */
export function referenceTo(owner: Owner, name: Scalar): Reference | undefined {
  const { context, scope } = owner
  const found = scope.lookup([name.text])
  if (found === undefined) {
    const { code, message, fix } = scope.complaint([name.text])
    context.problems.push(problem(code, message, name.at(), fix))
    return undefined
  }
  const reference: Reference = { kind: 'reference', ...found, at: name.at() }
  notePlaces(owner, reference)
  return reference
}

/** The warehouse is asked later whether the columns of a source exist. */
export function notePlaces({ context, of }: Owner, tree: unknown): void {
  if (of.kind !== 'source') return
  for (const { to, at } of referencesIn(tree))
    if (to.kind === 'column') context.places.columns.push({ source: of.name, column: to.column, at })
}
