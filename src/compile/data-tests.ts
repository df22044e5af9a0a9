import type { Check, DataTest, Tested } from '../project/data-tests.ts'
import type { Condition } from '../project/language.ts'
import { isPersonalKey } from '../project/personal.ts'
import type { Source } from '../project/project.ts'
import { column, empty, from, id, join, lines, type Sql, type Statement, Steps, sql, stacked } from '../sql/sql.ts'
import { printCondition } from './condition.ts'
import { type Context, NOW, relation, statement } from './context.ts'
import { block } from './layout.ts'
import type { TestScan } from './model.ts'
import { clockTable, profileTable, publishedView } from './names.ts'
import { type PrintContext, personContext } from './print-context.ts'
import { comparable } from './rows.ts'

/** So many rows that fail are shown. */
const EXAMPLES = 3

/**
 * Statements for data tests, in their order: all tests of single rows of a source or entity are one scan of it; each
 * uniqueness is one grouped scan, each relationship one join.
 */
export function compileDataTests(context: Context, tests: readonly DataTest[], how: HowTested): readonly TestScan[] {
  const groups = new Map(tests.map(({ of }) => [`${of.kind} ${of.name}`, of]))
  return [...groups.values()].flatMap((of) => {
    const group = tests.filter((test) => test.of.kind === of.kind && test.of.name === of.name)
    const rows = rowsOf(context, of, how)
    const single = group.filter(({ check }) => check.kind !== 'unique' && check.kind !== 'relationships')
    return [
      ...(single.length === 0 ? [] : [rowScan(context, rows, single)]),
      ...group.flatMap((test) => {
        const asking = { context, rows, test }
        if (test.check.kind === 'unique') return [uniqueScan(asking, test.check)]
        return test.check.kind === 'relationships' ? [joinScan(asking, test.check)] : []
      }),
    ]
  })
}

/** How tests are asked. */
export interface HowTested {
  /** Which profiles an entity has. */
  readonly profiles: 'built' | 'published'
  /** True: keys are shown even where they say who somebody is. */
  readonly showValues?: boolean
}

/** The rows that are tested, and their key. */
interface Rows {
  readonly of: Tested
  readonly from: Sql
  /** The text of a row's key; undefined where it has none that may be shown. */
  readonly key: Sql | undefined
}

function rowsOf(context: Context, of: Tested, { profiles, showValues = false }: HowTested): Rows {
  const { project } = context
  if (of.kind === 'entity') {
    const table = profiles === 'built' ? profileTable(project, of.name) : publishedView(project, of.name)
    return { of, from: from(table), key: column('s', 'profile_id') }
  }
  const source = sourceNamed(context, of.name)
  const isShown = source.key !== undefined && (showValues || !isPersonalKey(project, source))
  const key = isShown ? context.dialect.cast(column('s', source.key), 'text') : undefined
  return { of, from: relation(context, source), key }
}

function sourceNamed({ project }: Context, name: string): Source {
  const source = project.sources.get(name)
  if (source === undefined) throw new Error(`source ${name} was not resolved`)
  return source
}

function rowScan(context: Context, rows: Rows, tests: readonly DataTest[]): TestScan {
  const answers = tests.flatMap((test, index) =>
    answersOf(context, test).map(([name, value]) => sql`${value} as ${id(`${name}_${index + 1}`)}`),
  )
  const query = sql`
    select
      ${lines(answers)}
    from ${rows.from} as s
    cross join ${from(clockTable(context.project))} as clock`
  return {
    statement: statement(`test ${rows.of.kind} ${rows.of.name}`, 'all tests of single rows, in one scan', query),
    tests: tests.map((test, index) => ({ test, examples: examplesOf({ context, rows, test }, index + 1) })),
  }
}

/**
 * What a test wants to know of all rows: `rows` that it speaks of, and `failures` among them; for freshness `newest` as
 * text, and how many rows are young enough not to warn (`warn`) or not to stop (`error`).
 */
function answersOf(context: Context, { where, check }: DataTest): readonly (readonly [name: string, value: Sql])[] {
  const { dialect } = context
  const count = (condition: Condition | undefined) =>
    dialect.aggregate('count', undefined, condition && printed(context, condition))
  const rows = ['rows', count(where)] as const
  switch (check.kind) {
    case 'not_null':
    case 'accepted_values':
    case 'expression':
      return [rows, ['failures', count(both(where, check.fails))]]
    case 'freshness':
      return [rows, ...freshness(context, where, check)]
    case 'row_count':
    case 'unique':
    case 'relationships':
      return [rows]
  }
}

// A row from the future would make its source fresh for ever.
function freshness(
  context: Context,
  where: Condition | undefined,
  { column: name, warnAfter, errorAfter }: Extract<Check, { kind: 'freshness' }>,
): readonly (readonly [string, Sql])[] {
  const { dialect } = context
  const time = dialect.instant(column('s', name))
  const past = [...narrowing(context, where), sql`${time} <= ${NOW}`]
  const newest = dialect.aggregate('max', time, join(past, ' and '))
  const young = ([name, limit]: readonly [string, typeof warnAfter]): readonly (readonly [string, Sql])[] => {
    if (limit === undefined) return []
    const from = sql`${time} >= ${dialect.shift(NOW, -limit.amount, limit.unit)}`
    return [[name, dialect.aggregate('count', undefined, join([...past, from], ' and '))]]
  }
  return [
    ['newest', dialect.plainText(newest, 'timestamp')],
    ...[['warn', warnAfter] as const, ['error', errorAfter] as const].flatMap(young),
  ]
}

/** One test, and the rows of which it speaks. */
interface Asking {
  readonly context: Context
  readonly rows: Rows
  readonly test: DataTest
}

function uniqueScan(asking: Asking, { columns }: Extract<Check, { kind: 'unique' }>): TestScan {
  const { context, rows, test } = asking
  const steps = new Steps()
  const values = steps.add(
    'tested_values',
    'how many rows have each value; nulls are equal to nothing',
    grouped(asking, columns, sql`count(*) as n`),
  )
  const sum = (of: Sql) => sql`coalesce(${context.dialect.aggregate('sum', of)}, 0)`
  const query = steps.select(sql`
    select
      ${lines([sql`${sum(sql`n`)} as ${id('rows_1')}`, sql`${sum(sql`n - 1`)} as ${id('failures_1')}`])}
    from ${values}`)
  const name = `test ${rows.of.kind} ${rows.of.name} unique ${columns.join(' ')}`
  const failing =
    rows.key &&
    sql`
      ${grouped(asking, columns, sql`min(${rows.key}) as failing_key`)}
      having count(*) > 1`
  return {
    statement: statement(name, 'how many rows repeat the value of another one', query),
    tests: [{ test, examples: failing && exampleStatement(context, name, failing) }],
  }
}

function grouped({ context, rows, test }: Asking, columns: readonly string[], value: Sql): Sql {
  const names = columns.map((name) => column('s', name))
  return sql`
    select ${value}
    from ${rows.from} as s
    ${clockFor(context, test.where)}
    where ${join([...names.map((name) => sql`${name} is not null`), ...narrowing(context, test.where)], ' and ')}
    group by ${join(names)}`
}

function joinScan(asking: Asking, check: Extract<Check, { kind: 'relationships' }>): TestScan {
  const { context, rows, test } = asking
  const name = `test ${rows.of.kind} ${rows.of.name} ${check.column} in ${check.to}`
  const all = new Steps()
  const missing = context.dialect.aggregate('count', undefined, sql`known_values.known is null`)
  const query = all.select(sql`
    select
      ${lines([sql`count(*) as ${id('rows_1')}`, sql`${missing} as ${id('failures_1')}`])}
    ${joinedRows(asking, check, all)}`)
  const some = new Steps()
  const failing =
    rows.key &&
    sql`
      select ${rows.key} as failing_key
      ${joinedRows(asking, check, some)} and known_values.known is null`
  return {
    statement: statement(name, 'how many rows name something that is not there', query),
    tests: [{ test, examples: failing && exampleStatement(context, name, failing, some) }],
  }
}

/** The rows that name something, each beside what it names or nothing; at most one row a value, so none is doubled. */
function joinedRows(
  { context, rows, test }: Asking,
  { column: own, to, toColumn }: Extract<Check, { kind: 'relationships' }>,
  steps: Steps,
): Sql {
  const target = sourceNamed(context, to)
  const known = steps.add(
    'known_values',
    `what there is in ${to}, each once`,
    sql`
      select distinct ${comparable(context, target, toColumn, 't')} as known
      from ${relation(context, target)} as t
      where ${column('t', toColumn)} is not null`,
  )
  return sql`
    from ${rows.from} as s
    ${clockFor(context, test.where)}
    left join ${known} on known_values.known = ${ownValue(context, rows.of, own)}
    where ${join([sql`${column('s', own)} is not null`, ...narrowing(context, test.where)], ' and ')}`
}

/** A value as keys are compared: 7 is 7.0 and ' 7 '. */
function ownValue(context: Context, of: Tested, name: string): Sql {
  if (of.kind === 'source') return comparable(context, sourceNamed(context, of.name), name, 's')
  const trait = context.project.entities.get(of.name)?.traits.get(name)
  return context.dialect.normalise(column('s', name), 'exact', trait?.type)
}

function examplesOf({ context, rows, test }: Asking, place: number): Statement | undefined {
  const { where, check, column: name = 'row' } = test
  if (rows.key === undefined || !('fails' in check)) return undefined
  const failing = sql`
    select ${rows.key} as failing_key
    from ${rows.from} as s
    cross join ${from(clockTable(context.project))} as clock
    where ${printed(context, both(where, check.fails))}`
  return exampleStatement(context, `test ${rows.of.kind} ${rows.of.name} ${place} ${name} ${check.kind}`, failing)
}

/** `failing`: a query of `failing_key`; what it needs was added to `steps`. */
function exampleStatement(context: Context, name: string, failing: Sql, steps = new Steps()): Statement {
  const { dialect } = context
  const some = steps.add(
    'examples_found',
    'the same few each time',
    sql`
      ${failing}
      order by failing_key
      limit ${EXAMPLES}`,
  )
  const query = steps.select(sql`
    select ${dialect.listText(dialect.json(sql`failing_key`, 'text'), '\n')} as examples
    from ${some}`)
  return statement(`${name} examples`, 'rows to look at, asked only where some fail', query)
}

/** The clock has one row, so that no row is doubled. */
function clockFor({ project }: Context, where: Condition | undefined): Sql {
  return where === undefined ? empty : stacked([sql`cross join ${from(clockTable(project))} as clock`])
}

function narrowing(context: Context, where: Condition | undefined): readonly Sql[] {
  return where === undefined ? [] : [block(sql`(`, printed(context, where), sql`)`)]
}

function both(where: Condition | undefined, fails: Condition): Condition {
  return where === undefined ? fails : { kind: 'all', of: [where, fails] }
}

/** Columns and traits are those of the row `s`. */
function printed(context: Context, condition: Condition): Sql {
  const print: PrintContext = {
    ...personContext(context, 's'),
    name: (to) => column('s', 'trait' in to ? to.trait : to.column),
  }
  return printCondition(condition, print)
}
