import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileModels } from '../../src/arrange.ts'
import { build } from '../../src/build.ts'
import { printScript, printStatement, scriptOf } from '../../src/compile/print.ts'
import { compileState } from '../../src/compile/state.ts'
import type { ValueType } from '../../src/sql/dialect.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { EMULATED } from '../support/clouds.ts'
import { ENGINES, type Place } from '../support/engines.ts'
import { rowsTable } from '../support/form-rows.ts'
import { expectGolden } from '../support/golden.ts'
import { type Inline, inline } from '../support/inline.ts'
import { traitsDocument } from '../support/trait-document.ts'
import {
  FORM_ROWS,
  FORM_SOURCES,
  FORM_TYPES,
  FORMS_NOW,
  FORMS_ZONE,
  TRAIT_FORMS,
  type TraitForm,
} from '../support/trait-forms.ts'
import { realClock, tableOf } from '../support/warehouse.ts'

const forms = TRAIT_FORMS.flatMap((group) => group.forms)

const traitsOf = (entity: TraitForm['entity']) =>
  forms
    .filter((form) => form.entity === entity)
    .map(({ name, yaml }) => `    ${name}: ${yaml}\n`)
    .join('')

const FILES = {
  'cdp.config.yaml': `
name: forms
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
defaults: { timezone: ${FORMS_ZONE} }
now: ${FORMS_NOW}
`,
  'models/all.yaml': `${FORM_SOURCES}
traits:
  customer:
${traitsOf('customer')}
  household:
${traitsOf('household')}`,
}

let made: Inline

beforeAll(async () => {
  made = await inline(FILES)
})
afterAll(() => made.close())

test('the document is what the list of forms gives', () => {
  expectGolden('../../docs/traits.md', traitsDocument(TRAIT_FORMS))
})

describe.each([...warehouses().values()])('on $type', ({ type, dialect }) => {
  test('all forms of traits print as they did', () => {
    const models = compileModels({ project: made.project, dialect }).filter(({ kind }) => kind === 'profile')
    const printed = models.map((model) => printScript(scriptOf(model), dialect)).join('\n')
    expectGolden(`traits.${type}.sql`, printed)
    expect(printed.split('\n').filter((line) => line.length > 120)).toEqual([])
  })

  test('one statement reads a source once, and groups its rows once a length of period', () => {
    const models = compileModels({ project: made.project, dialect }).filter(({ kind }) => kind === 'profile')
    const statements = models.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'statement' ? step.statement : [])),
    )
    const mine = statements.filter(({ name }) => name === 'customer from orders')
    const printed = mine.map((statement) => printStatement(statement, dialect)).join('')
    expect(mine).toHaveLength(1)
    expect(printed.match(/\braw\W{1,3}orders\b/gi)).toHaveLength(1)
    // Days, months and quarters are asked for, months by eight traits.
    expect(printed.match(/group by .*cdp_period"?$/gim)).toHaveLength(3)
  })
})

describe.each([...ENGINES, ...EMULATED])('on $title each form gives', (engine) => {
  let place: Inline<Place>
  const found = new Map<string, readonly (string | null)[]>()
  const types = new Map<string, ValueType>()

  beforeAll(async () => {
    place = await inline(FILES, engine)
    const { session, project } = place
    for (const [name, rows] of Object.entries(FORM_ROWS)) await rowsTable(session, name, rows, FORM_TYPES)
    const context = { project, dialect: session.dialect }
    const state = compileState(context)
    await build(compileModels(context), { session, state, clock: realClock, runId: 'r', now: project.now })
    for (const [entity, key] of [
      ['customer', 'email'],
      ['household', 'biggest'],
    ] as const) {
      const names = [...(project.entities.get(entity)?.traits.keys() ?? [])]
      const table = { schema: '_cdp', name: [`b1_${entity}`] }
      for (const [name, type] of (await session.columns(table)) ?? []) types.set(`${entity}.${name}`, type)
      const rows = await tableOf(session, table, [key, ...names])
      names.forEach((name, index) => {
        found.set(
          `${entity}.${name}`,
          rows.map((row) => row[index + 1] ?? null),
        )
      })
    }
  })

  afterAll(() => place.close())

  test.each(forms)('what it says: $name of a $entity', ({ entity, name, values }) => {
    // BigQuery keeps no list that is null: https://cloud.google.com/bigquery/docs/arrays
    const isEmpty = engine.type === 'bigquery' && types.get(`${entity}.${name}`) === 'list'
    expect(found.get(`${entity}.${name}`)).toEqual(isEmpty ? values.map((value) => value ?? '[]') : values)
  })

  test('the type that the project says it has', () => {
    const said = [...made.project.entities.values()].flatMap((entity) =>
      [...entity.traits.values()].flatMap(({ name, type }) =>
        type === 'unknown' ? [] : [[`${entity.name}.${name}`, type] as const],
      ),
    )
    expect(said.length).toBeGreaterThan(50)
    expect(Object.fromEntries(said.map(([name]) => [name, types.get(name)]))).toEqual(Object.fromEntries(said))
  })
})
