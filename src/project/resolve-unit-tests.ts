import { type Diagnostic, nearest, problem } from '../error.ts'
import { find, wantedIn } from './find.ts'
import { givenColumns, type WrittenRows } from './given-columns.ts'
import { givenValue } from './given-values.ts'
import { LIST_KEYS } from './identity-lists.ts'
import type { Source } from './project.ts'
import { resolveBefore, resolveExpectations, type Testable } from './resolve-expectations.ts'
import { instantOf } from './resolve-settings.ts'
import type { Resolving } from './resolving.ts'
import type { Scalar } from './tree.ts'
import {
  type GivenColumns,
  type GivenRow,
  type GivenValue,
  NO_UNIT_TESTS,
  type UnitTest,
  type UnitTests,
} from './unit-test.ts'
import type { UnitTestShape } from './unit-test-shape.ts'
import type { Item } from './validate.ts'

/** The tests whose rows and expectations can stand. */
export function resolveUnitTests(context: Resolving, project: Testable): UnitTests {
  const items = [...context.validated.tests.items.values()]
  if (items.length === 0) return NO_UNIT_TESTS
  const sources = sourcesIn(project)
  const columns = givenColumns(project, rowsOf(items, sources))
  const used = givenColumns(project, new Map())
  const tests = items.flatMap((item) => testOf(context, project, item, { sources, columns, used }) ?? [])
  return { tests: new Map(tests.map((test) => [test.name, test])), columns }
}

interface Known {
  /** As tests name them: sources, and lists as `customer.never_merge`. */
  readonly sources: ReadonlyMap<string, Source>
  readonly columns: ReadonlyMap<string, GivenColumns>
  /** The columns that the project itself names. */
  readonly used: ReadonlyMap<string, GivenColumns>
}

function sourcesIn(project: Testable): ReadonlyMap<string, Source> {
  const lists = [...project.entities.values()].flatMap((entity) =>
    (['always', 'never'] as const).flatMap((kind) => {
      const source = entity[kind]
      return source === undefined ? [] : [[`${entity.name}.${LIST_KEYS[kind]}`, source] as const]
    }),
  )
  return new Map([...project.sources, ...lists])
}

function rowsOf(items: readonly Item<UnitTestShape>[], sources: ReadonlyMap<string, Source>): WrittenRows {
  const rows = new Map<string, (readonly GivenCell[])[]>()
  for (const { value } of items)
    for (const { key, value: written } of value.given ?? []) {
      const name = sources.get(key.text)?.name ?? key.text
      rows.set(name, [...(rows.get(name) ?? []), ...written])
    }
  return rows
}

type GivenCell = NonNullable<UnitTestShape['given']>[number]['value'][number][number]

function testOf(context: Resolving, project: Testable, item: Item<UnitTestShape>, known: Known): UnitTest | undefined {
  const before = context.problems.length
  const { name, key, value } = item
  const now = nowOf(context, item)
  const vars = varsOf(context, value)
  const given = new Map<string, readonly GivenRow[]>()
  for (const { key: source, value: rows } of value.given ?? []) {
    const found = find(source, known.sources, wantedSource(context, known), context.problems)
    if (found)
      given.set(
        found.name,
        rows.map((row) => rowOf(context, found, row, known)),
      )
  }
  const past = resolveBefore(context, project, item, given)
  const expect = resolveExpectations(context, project, item, given)
  if (context.problems.slice(before).some(isError) || now === undefined) return undefined
  return { name, at: key.at(), tags: value.tags ?? [], now, vars, given, before: past, expect }
}

function isError({ severity }: Diagnostic): boolean {
  return severity === 'error'
}

function wantedSource({ validated }: Resolving, { sources }: Known) {
  const wanted = wantedIn('ref/unknown-source', 'Source', validated.sources)
  const lists = [...sources].flatMap(([name, source]) => (name.includes('.') ? [[name, source.at] as const] : []))
  return { ...wanted, names: new Map([...wanted.names, ...lists]) }
}

function nowOf({ settings, problems }: Resolving, { name, key, value }: Item<UnitTestShape>): string | undefined {
  if (value.now === undefined) {
    if (settings.now !== undefined) return settings.now
    const fix = 'Write now: 2026-03-01T12:00:00Z there, or once for all tests in cdp.config.yaml.'
    problems.push(problem('project/missing-key', `Test "${name}" needs "now".`, key.at(), fix))
    return undefined
  }
  const instant = instantOf(value.now.text, settings.timezone)
  if (instant === undefined)
    problems.push(
      problem('project/wrong-type', `"${value.now.text}" is no time.`, value.now.at(), 'Write 2026-03-01T12:00:00Z.'),
    )
  return instant
}

function varsOf({ validated, problems }: Resolving, { vars }: UnitTestShape): Readonly<Record<string, string>> {
  const known = validated.loaded.vars
  for (const { key } of vars ?? [])
    if (!known.has(key.text)) {
      const close = nearest(key.text, known.keys())
      const fix = close ? `Did you mean "${close}"?` : 'Set it under `vars:` in cdp.config.yaml, too.'
      problems.push(problem('project/unset-variable', `The project has no variable "${key.text}".`, key.at(), fix))
    }
  return Object.fromEntries((vars ?? []).map(({ key, value }) => [key.text, value.text]))
}

function rowOf(
  { settings, problems }: Resolving,
  source: Source,
  cells: readonly GivenCell[],
  { columns, used }: Known,
): GivenRow {
  const types = columns.get(source.name) ?? new Map()
  const row = cells.flatMap(({ key, value }): [string, GivenValue][] => {
    const type = types.get(key.text) ?? 'text'
    const read = givenValue(value, { name: key.text, type }, settings.timezone, problems)
    return read === undefined ? [] : [[key.text, read]]
  })
  for (const { key } of cells) checkColumn(source, key, cells, used, problems)
  return new Map(row)
}

/** A column that nobody reads does no harm, but one that is nearly called like another was meant to be that. */
function checkColumn(
  source: Source,
  key: Scalar,
  cells: readonly GivenCell[],
  used: Known['used'],
  problems: Diagnostic[],
): void {
  const names = used.get(source.name)
  const close = names?.has(key.text) ? undefined : nearest(key.text, names?.keys() ?? [])
  if (close === undefined || cells.some((cell) => cell.key.text === close)) return
  const message = `Nothing in the project reads a column "${key.text}" of "${source.name}".`
  const fix = `Did you mean "${close}"? If the column is there, name it under \`columns:\` of the source.`
  problems.push(problem('ref/unknown-column', message, key.at(), fix))
}
