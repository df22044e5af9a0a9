import { expect, onTestFinished, test } from 'vitest'
import type { Context } from '../../src/compile/context.ts'
import { compilePreview } from '../../src/compile/preview.ts'
import { printStatement } from '../../src/compile/print.ts'
import { forgetHistory, publishHistory } from '../../src/compile/segment-history.ts'
import { compileSegments } from '../../src/compile/segments.ts'
import type { Project } from '../../src/project/project.ts'
import type { Statement } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { EMULATED } from '../support/clouds.ts'
import { ENGINES } from '../support/engines.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'
import { expectStands } from '../support/stands.ts'

const MODELS = `
sources:
  people: { table: raw.people, category: profile, key: email, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    email: { pick: email, from: people }
    spent: { pick: spent, from: people }
    region: { pick: region, from: people }
segments:
  offers:
    was: deals
    where: spent >= 20
    split: { ten: 40%, twenty: 40% }
    limit: { rows: 10000, by: [spent desc, region], per: region }
  kept: { where: email is not null, holdout: 10% }
  some: { where: email is not null, limit: { rows: 100 } }
  lifecycle: { waterfall: [offers, kept], where: { not: { member_of: offers.twenty } }, exclude: [some] }
`

async function read(): Promise<Project> {
  const made = await inline({ 'models/all.yaml': MODELS })
  onTestFinished(() => made.close())
  return made.project
}

/** Everything that is asked and written of the segments of a project. */
function statementsOf(context: Context): readonly Statement[] {
  const customer = context.project.entities.get('customer')
  const model = customer && compileSegments(context, customer)
  if (customer === undefined || model?.summary === undefined) throw new Error('no segments')
  const previews = [...context.project.segments.values()].map((segment) => compilePreview(context, segment))
  return [
    ...model.steps.flatMap((step) => (step.kind === 'statement' ? [step.statement] : [])),
    model.summary,
    ...publishHistory(context, customer),
    ...forgetHistory(context),
    ...previews.flatMap(({ size, funnel }) => [size, funnel]),
  ]
}

test('the SQL of split, limited and ranked segments is what it was, in every dialect', async () => {
  const project = await read()
  for (const { type, dialect } of warehouses().values()) {
    const printed = statementsOf({ project, dialect }).map((one) => printStatement(one, dialect))
    expectGolden(`segments.${type}.sql`, `${printed.join('\n\n')}\n`)
    expect(printed.flatMap((one) => one.split('\n')).filter((line) => line.length > 120)).toEqual([])
  }
})

test.each([...ENGINES, ...EMULATED])('$title takes each of its statements', async (engine) => {
  const tables = ['create table raw.people (email text, spent integer, region text)']
  await expectStands(engine, { files: { 'models/all.yaml': MODELS }, tables, statements: statementsOf })
})
