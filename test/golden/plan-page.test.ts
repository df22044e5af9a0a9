import { expect, onTestFinished, test } from 'vitest'
import { planPage } from '../../src/commands/plan-page.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'
import { everything } from '../support/planned.ts'

test('the page of a plan is what it was', async () => {
  const made = await inline({
    'models/all.yaml': `
sources: { people: { table: raw.people, category: profile, key: id, identifiers: { email: mail } } }
entities: { customer: { identifiers: { email: {} } } }
traits: { customer: { email: { pick: mail, from: people }, city: { pick: city, from: people } } }
segments: { reads: { where: city is not null } }
destinations: { newsletter: { type: file, path: out } }
syncs:
  readers:
    description: Everybody who reads us.
    to: newsletter
    into: { file: r.csv }
    audience: reads
    mode: mirror
    key: { mail: email }
    fields: { city: city }
`,
  })
  onTestFinished(() => made.close())
  const page = planPage({ report: everything(), project: made.project, output: 'plan.json' })
  expectGolden('plan-page.html', page)
  expect(page.split('\n').filter((line) => line.trim() === '')).toEqual([''])
})
