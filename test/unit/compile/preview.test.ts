import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { compileModels } from '../../../src/arrange.ts'
import { type Preview, readPreview } from '../../../src/build/preview.ts'
import { build } from '../../../src/build.ts'
import { paper } from '../../../src/commands/layout.ts'
import { masked, printPreview } from '../../../src/commands/print-preview.ts'
import { compilePreview } from '../../../src/compile/preview.ts'
import { printStatement } from '../../../src/compile/print.ts'
import { compileState } from '../../../src/compile/state.ts'
import { connectors } from '../../../src/connectors/index.ts'
import type { Project } from '../../../src/project/project.ts'
import { readProject } from '../../../src/project/read.ts'
import { duckdb } from '../../../src/warehouses/duckdb.ts'
import { warehouses } from '../../../src/warehouses/index.ts'
import { emptyFolder } from '../../support/cli.ts'
import { realClock } from '../../support/warehouse.ts'

const CONFIG = `
name: small
warehouse: local
warehouses: { local: { type: duckdb, path: ":memory:" } }
now: 2026-02-01T00:00:00Z
`

const MODELS = `
sources:
  people: { file: people.csv, category: profile, key: email, identifiers: { email: email }, columns: { age: { type: integer } } }
  visits: { file: visits.csv, category: event, at: at, identifiers: { email: email } }
entities:
  customer: { identifiers: { email: {} } }
traits:
  customer:
    email: { pick: email, from: [people], by: priority }
    contact: { expr: "lower(email)" }
    age: { pick: age, from: [people], by: priority }
    country: { pick: country, from: [people], by: priority }
segments:
  staff: { where: email ends with '@us.example' }
  grown_ups: { where: age >= 18 }
  regulars:
    where:
      - age >= 18
      - country != FR
      - did: visits
        at_least: 2
    exclude: [staff]
  offers: { where: age >= 18, exclude: [staff], split: { ten: 30%, twenty: 30% }, limit: { rows: 2, by: age desc } }
  kept: { where: age >= 18, holdout: 60% }
  rounds: { waterfall: [offers, regulars, grown_ups], limit: { rows: 5 } }
`

// Lost on the way: c (too young), d (no age), e (no country), f (in FR), g (one visit), h (staff).
const PEOPLE = `email,age,country
a@x.example,20,DE
b@x.example,40,BE
c@x.example,10,DE
d@x.example,,DE
e@x.example,30,
f@x.example,30,FR
g@x.example,30,DE
h@us.example,30,DE
`

const VISITS = `email,at
${['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${name}@x.example,2026-01-01T00:00:00Z`).join('\n')}
${['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}@x.example,2026-01-02T00:00:00Z`).join('\n')}
h@us.example,2026-01-01T00:00:00Z
h@us.example,2026-01-02T00:00:00Z
`

async function read(): Promise<Project> {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  await mkdir(join(directory, 'models'))
  const files = { 'cdp.config.yaml': CONFIG, 'models/all.yaml': MODELS, 'people.csv': PEOPLE, 'visits.csv': VISITS }
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  const { project, diagnostics } = await readProject({
    directory,
    env: {},
    registries: { warehouses: warehouses(), connectors: connectors() },
  })
  if (project === undefined) throw new Error(JSON.stringify(diagnostics, null, 2))
  return project
}

async function previewOf(name: string): Promise<Preview> {
  const project = await read()
  const session = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), {
    directory: project.directory,
    mode: 'write',
  })
  onTestFinished(() => session.close())
  const context = { project, dialect: session.dialect }
  const segment = project.segments.get(name)
  if (segment === undefined) throw new Error(`no segment ${name}`)
  const done = await build(compileModels(context), {
    session,
    state: compileState(context),
    clock: realClock,
    runId: 'r',
    now: project.now,
  })
  return readPreview(compilePreview(context, segment), session, { b: done.number })
}

test('a preview counts who is left after each line, and who was lost because a value is missing', async () => {
  const preview = await previewOf('regulars')

  expect(preview).toMatchObject({ profiles: 8, members: 2, entered: 2, left: 0 })
  expect(preview.funnel.map(({ text, left, lost_to_null }) => [text, left, lost_to_null])).toEqual([
    ['age >= 18', 6, 1],
    ['country != FR', 4, 1],
    ['did: visits (line 20)', 3, 0],
    ['staff', 2, 0],
  ])
  expect(preview.overlap.slice(0, 2)).toEqual([
    { segment: 'staff', members: 1, both: 0 },
    { segment: 'grown_ups', members: 6, both: 2 },
  ])
})

test('a preview counts who is held out and who is over the limit, and the people of each variant', async () => {
  const offers = await previewOf('offers')
  expect(offers.funnel.map(({ kind, text, left }) => [kind, text, left])).toEqual([
    ['where', 'age >= 18', 6],
    ['exclude', 'staff', 5],
    ['split', 'ten, twenty, 40% held out', 5 - offers.held_out],
    ['limit', '2', offers.members],
  ])
  // Chance decides on how many, and the warehouse on the ids that it goes by.
  expect(offers.members).toBe(Math.min(2, 5 - offers.held_out))
  expect(offers.variants.map(({ variant }) => variant)).toEqual(['ten', 'twenty'])
  expect(offers.variants.reduce((sum, { members }) => sum + members, 0)).toBe(offers.members)
  const page = printPreview(masked(offers), paper(80, false)).join('\n')
  expect(page).toMatch(/split: ten, twenty, 40% held out +\d +\d/)
  expect(page).toMatch(new RegExp(`\n *held out +${offers.held_out}`))
})

test('a preview says how many a holdout or a waterfall leaves', async () => {
  const kept = await previewOf('kept')
  expect(kept.funnel.map(({ kind, text, left }) => [kind, text, left])).toEqual([
    ['where', 'age >= 18', 6],
    ['holdout', '60% held out', kept.members],
  ])
  expect(kept).toMatchObject({ held_out: 6 - kept.members, variants: [] })
  const rounds = await previewOf('rounds')
  expect(rounds.funnel.map(({ kind, text, left }) => [kind, text, left])).toEqual([
    ['waterfall', 'offers, regulars, grown_ups', 6],
    ['limit', '5', 5],
  ])
  expect(rounds.variants.map(({ variant }) => variant)).toEqual(['offers', 'regulars', 'grown_ups'])
})

test('a preview shows members, and hides what says who they are', async () => {
  const preview = await previewOf('regulars')

  expect(preview.sample.map((row) => row.email).sort()).toEqual(['a@x.example', 'b@x.example'])
  const page = printPreview(masked(preview), paper(80, false)).join('\n')
  expect(page).not.toContain('x.example')
  expect(page).toMatch(/email +\[hidden]/)
  expect(page).toMatch(/contact +\[hidden]/)
  expect(page).toMatch(/age +20/)
})

test('no statement of a preview has a line over 120 characters', async () => {
  const project = await read()
  const [segment] = [...project.segments.values()].slice(-1)
  if (segment === undefined) throw new Error('no segment')
  const { size, funnel, overlap, sample } = compilePreview({ project, dialect: duckdb.dialect }, segment)
  for (const statement of [size, funnel, sample, ...(overlap ? [overlap] : [])])
    for (const line of printStatement(statement, duckdb.dialect).split('\n'))
      expect(line.length).toBeLessThanOrEqual(120)
})
