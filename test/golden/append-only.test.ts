import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileModels } from '../../src/arrange.ts'
import type { Context } from '../../src/compile/context.ts'
import { printScript, printStatement, scriptOf } from '../../src/compile/print.ts'
import { compilePublish } from '../../src/compile/publish.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { EMULATED } from '../support/clouds.ts'
import { ENGINES } from '../support/engines.ts'
import { expectGolden } from '../support/golden.ts'
import { type Inline, inline } from '../support/inline.ts'
import { expectStands } from '../support/stands.ts'

const MODELS = `
sources:
  visits:
    table: raw.visits
    category: event
    key: visit_id
    at: visited_at
    loaded_at: loaded_at
    append_only: true
    identifiers: { user_id: user_id, email: email }
    columns: { seconds: { type: integer }, page: { type: text } }
entities: { customer: { identifiers: { user_id: {}, email: {} } } }
traits:
  customer:
    visits: { from: visits, count: rows }
    mean_stay: { from: visits, avg: seconds, where: seconds > 0 }
    last_page: { from: visits, last: page }
    quiet_days: { from: visits, since: last }
    usual_stay: { from: visits, median: seconds, within: 30 days }
segments:
  loyal: { where: { did: visits, at_least: 3, last: { within: 14 days } } }
`

let made: Inline

beforeAll(async () => {
  made = await inline({ 'models/all.yaml': MODELS })
})
afterAll(() => made.close())

describe.each([...warehouses().values()])('on $type', ({ type, dialect }) => {
  test('an append-only source prints as it did: all rows, new rows, and what profiles make of both', () => {
    const context = { project: made.project, dialect }
    const profiles = compileModels(context).filter(({ kind }) => kind === 'profile')
    const marks = compilePublish(context).filter(({ name }) => name.includes(' parts'))
    expect(profiles).toHaveLength(1)
    const printed = [
      ...profiles.map((model) => printScript(scriptOf(model), dialect)),
      ...marks.map((one) => `${printStatement(one, dialect)};\n`),
    ]
    expectGolden(`append-only.${type}.sql`, printed.join('\n'))
  })
})

test.each([...ENGINES, ...EMULATED])('$title takes each of its statements', async (engine) => {
  const tables = [
    `create table raw.visits (visit_id text, visited_at timestamptz, loaded_at timestamptz, user_id text, email text,
      seconds integer, page text)`,
  ]
  const statements = (context: Context) => [
    ...compileModels(context)
      .filter(({ kind }) => kind === 'profile')
      .flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'statement' ? [step.statement] : []))),
    ...compilePublish(context).filter(({ name }) => name.includes(' parts')),
  ]
  await expectStands(engine, { files: { 'models/all.yaml': MODELS }, tables, statements })
})
