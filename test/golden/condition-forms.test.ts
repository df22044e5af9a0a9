import { parse } from 'libpg-query'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileModels } from '../../src/arrange.ts'
import { build } from '../../src/build.ts'
import { printCondition } from '../../src/compile/condition.ts'
import type { Context } from '../../src/compile/context.ts'
import { eventColumnOf } from '../../src/compile/event-columns.ts'
import { eventColumn } from '../../src/compile/events.ts'
import { clockTable } from '../../src/compile/names.ts'
import { pastQuery } from '../../src/compile/past.ts'
import { peopleFrom } from '../../src/compile/people.ts'
import { printScript, scriptOf } from '../../src/compile/print.ts'
import { personContext } from '../../src/compile/print-context.ts'
import { compileState } from '../../src/compile/state.ts'
import type { Segment } from '../../src/project/project.ts'
import { eventsIn } from '../../src/project/references.ts'
import type { Dialect } from '../../src/sql/dialect.ts'
import { from, id, lines, print, type Sql, sql } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { postgresDialect } from '../../src/warehouses/postgres-dialect.ts'
import type { Cell } from '../../src/warehouses/warehouse.ts'
import { EMULATED } from '../support/clouds.ts'
import { conditionsDocument, truths } from '../support/condition-document.ts'
import {
  CONDITION_FORMS,
  CONDITION_MODELS,
  CONDITION_ROWS,
  CONDITION_TYPES,
  CONDITIONS_NOW,
  CONDITIONS_ZONE,
  EARLIER,
} from '../support/condition-forms.ts'
import { ENGINES, type Place } from '../support/engines.ts'
import { rowsTable } from '../support/form-rows.ts'
import { expectGolden } from '../support/golden.ts'
import { type Inline, inline } from '../support/inline.ts'
import { realClock, tableOf } from '../support/warehouse.ts'

const forms = CONDITION_FORMS.flatMap((group) => group.forms).map((form, index) => ({
  ...form,
  name: `form_${index + 1}`,
}))

const files = (now: string, segments: string) => ({
  'cdp.config.yaml': `
name: forms
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
defaults: { timezone: ${CONDITIONS_ZONE} }
now: ${now}
`,
  'models/all.yaml': `${CONDITION_MODELS}${segments}`,
})

const segments = forms.map(({ name, where }) => `  ${name}:\n    of: customer\n    where:\n      ${where}\n`).join('')

let made: Inline

beforeAll(async () => {
  made = await inline(files(CONDITIONS_NOW, segments))
})
afterAll(() => made.close())

test('the document is what the list of forms gives', () => {
  expectGolden('../../docs/conditions.md', conditionsDocument())
})

describe.each([...warehouses().values()])('on $type', ({ type, dialect }) => {
  test('all forms of conditions print as they did', () => {
    const printed = goldenOf(dialect)
    expectGolden(`condition-forms.${type}.sql`, printed)
    expect(printed.split('\n').filter((line) => line.length > 120 && !line.startsWith('-- '))).toEqual([])
  })
})

test("Postgres's own parser reads each of them", async () => {
  const context = { project: made.project, dialect: postgresDialect }
  for (const { name, where } of forms) {
    const events = [...eventsIn(segmentOf(name).where)].map(
      (event) => eventColumnOf(context, eventColumn(event), event).value,
    )
    for (const one of [...events, printCondition(conditionOf(segmentOf(name)), personContext(context, 's'))])
      await parse(`select (${print(one, postgresDialect)})`).catch((error: Error) => {
        throw new Error(`${where}: ${error.message}`)
      })
  }
  await parse(print(pastQuery(context, entityOf(context)), postgresDialect))
})

function goldenOf(dialect: Dialect): string {
  const context = { project: made.project, dialect }
  const customer = entityOf(context)
  const people = personContext(context, 's')
  const conditions = forms.flatMap(({ name, where }) => {
    const { where: condition } = segmentOf(name)
    const events = [...eventsIn(condition)].map((event): readonly [string, Sql] => {
      const column = eventColumn(event)
      return [` (${column})`, eventColumnOf(context, column, event).value]
    })
    const shown = [...events, ['', printCondition(conditionOf(segmentOf(name)), people)] as const]
    return shown.map(([part, one]) => `-- ${where}${part}\n${print(one, dialect)}\n`)
  })
  return `${conditions.join('\n')}\n-- what was, in one pass\n${print(pastQuery(context, customer), dialect)}\n`
}

function segmentOf(name: string): Segment {
  const segment = made.project.segments.get(name)
  if (segment === undefined) throw new Error(`no segment ${name}`)
  return segment
}

function conditionOf({ name, where }: Segment) {
  if (where === undefined) throw new Error(`segment ${name} has no condition`)
  return where
}

function entityOf({ project }: Context) {
  const customer = project.entities.get('customer')
  if (customer === undefined) throw new Error('no customer')
  return customer
}

test('however many forms there are, each source and the past are read once, and groups joined once a statement', () => {
  const models = compileModels({ project: made.project, dialect: made.session.dialect })
  const text = models.map((model) => printScript(scriptOf(model), made.session.dialect)).join('\n')
  const count = (pattern: RegExp) => text.match(pattern)?.length
  expect(count(/create [^;]*_customer_from_orders" as$/gm)).toBe(1)
  // Once more for what is asked in terms of the person's traits.
  expect(count(/create [^;]*_customer_after_orders" as$/gm)).toBe(1)
  expect(count(/create [^;]*_customer_past" as$/gm)).toBe(1)
  // Once where segments are decided, once where the past is looked at.
  expect(count(/as "household\.profile_id"/g)).toBe(2)
  expect(text.split('\n').filter((line) => line.length > 120)).toEqual([])
})

describe.each([...ENGINES, ...EMULATED])('on $title each form is', (engine) => {
  let place: Inline<Place>
  let answers: readonly (readonly Cell[])[]
  let members: readonly (readonly Cell[])[]

  beforeAll(async () => {
    place = await inline(files(CONDITIONS_NOW, segments), engine)
    const { session } = place
    for (const [name, rows] of Object.entries(CONDITION_ROWS)) await rowsTable(session, name, rows, CONDITION_TYPES)
    const now = CONDITION_ROWS.crm ?? []
    for (const { now: then, gold } of EARLIER) {
      const crm = now.map((row) => ({ ...row, tier: gold.includes(row.id ?? '') ? 'gold' : 'silver' }))
      await rowsTable(session, 'crm', crm, CONDITION_TYPES)
      place.write(files(then, ''))
      await place.run()
    }
    await rowsTable(session, 'crm', now, CONDITION_TYPES)
    // Nobody reads what all these segments would publish.
    const context = { project: place.project, dialect: session.dialect }
    const request = { session, state: compileState(context), clock: realClock, runId: 'r', now: CONDITIONS_NOW }
    const { number } = await build(compileModels(context), request)
    const tables = answersIn(context)
    await session.script(tables.map(({ statement }) => ({ statement, tokens: { b: number } })))
    const names = forms.map(({ name }) => name)
    const [first, second] = await Promise.all(tables.map(({ table }) => tableOf(session, table, ['name', ...names])))
    answers = first ?? []
    members = second ?? []
  }, 300_000)
  afterAll(() => place.close())

  test.each(forms.map((form, index) => ({ ...form, index })))(
    'what it says: $where',
    ({ index, where, answers: expected }) => {
      // A list that is null is an empty one in BigQuery: https://cloud.google.com/bigquery/docs/arrays
      const missing = engine.type === 'bigquery' && /^tags (not )?contains/.test(where) ? where.includes(' not ') : null
      const told = truths(expected)
        .map((truth) => truth ?? missing)
        .map((truth) => (truth === null ? null : String(truth)))
      expect(answers.map((row) => row[index + 1])).toEqual(told)
      expect(members.map((row) => row[index + 1])).toEqual(told.map((truth) => truth ?? 'false'))
    },
  )
})

/** What the conditions are on each person, and who is a member: two tables with a row for each name. */
function answersIn(context: Context) {
  const { project, dialect } = context
  const print = personContext(context, 's')
  const wheres = forms.map(({ name }) => conditionOf(segmentOf(name)))
  const asked = {
    entity: 'customer',
    where: { kind: 'all', of: wheres },
    segments: forms.map(({ name }) => name),
  } as const
  const made = (name: string, values: readonly Sql[]) => {
    const columns = values.map((value, index) => sql`${value} as ${id(forms[index]?.name ?? '')}`)
    const query = sql`
      select
        ${lines([sql`p.name as name`, ...columns])}
      from ${peopleFrom(context, asked)}
      cross join ${from(clockTable(project))} as clock`
    const table = { schema: 'raw', name: [name] }
    return { table, statement: { name, reason: 'a test', sql: dialect.createTable(table, query) } }
  }
  const truths = wheres.map((where) => sql`(${printCondition(where, print)})`)
  const members = forms.map(({ name }) => print.member(name))
  return [made('answers', truths), made('members', members)]
}
