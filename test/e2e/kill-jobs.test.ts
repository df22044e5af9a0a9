import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'vitest'
import { ALL } from '../support/all.ts'
import { type Copy, emptyFolder } from '../support/cli.ts'
import { killedAt, type Point } from '../support/kill.ts'
import { runInSandbox, type SandboxRun } from '../support/small-shop.ts'

// A vendor takes rows as a job and answers later. A run is killed around that moment; the next one settles the job, or
// hands the rows over anew where nothing says that they were, and the one after that has nothing to do.

const PEOPLE = Array.from({ length: 24 }, (_, n) => ({ no: `c${n}`, email: `p${n}@shop.test`, name: `Person ${n}` }))

const SALESFORCE = `
destinations:
  vendor: { type: salesforce, domain: tiny, client_id: app, client_secret: "\${env:SALESFORCE_CLIENT_SECRET}" }
syncs:
  people:
    to: vendor
    into: { object: Contact, bulk_above: 0 }
    audience: person
    mode: upsert
    key: { Ext_Id__c: no }
    fields: { LastName: name, Email: email }
`
const GOOGLE = `
destinations:
  vendor: { type: google, service_account: "\${env:GOOGLE_KEY}", operating_account: 444-555-6666 }
syncs:
  people:
    to: vendor
    into: { list: 7090784486, consent: { ad_user_data: granted, ad_personalization: granted } }
    audience: person
    mode: mirror
    key: no
    fields: { EMAIL: email }
`

interface Vendor {
  readonly yaml: string
  /** The request with which rows are handed over, as `METHOD path`. */
  readonly job: RegExp
  /** What shows of each person there. */
  readonly shows: (row: Readonly<Record<string, unknown>>) => unknown
  readonly expected: readonly unknown[]
}

const VENDORS = {
  Salesforce: {
    yaml: SALESFORCE,
    job: /^POST .*\/jobs\/ingest$/,
    shows: ({ Ext_Id__c, LastName, Email }) => [Ext_Id__c, LastName, Email],
    expected: PEOPLE.map(({ no, name, email }) => [no, name, email]),
  },
  Google: {
    yaml: GOOGLE,
    job: /audienceMembers:ingest$/,
    shows: ({ emailAddress }) => emailAddress,
    expected: PEOPLE.map(({ email }) => createHash('sha256').update(email).digest('hex')),
  },
} satisfies Readonly<Record<string, Vendor>>

const applied = (request: string): Point => ({ at: 'applied', destination: 'vendor', request })
const answered = (host: string, request: string): Point => ({ at: 'answered', host, request })
const merged: Point = { at: 'after', statement: 'merge', sync: 'people' }

interface Case {
  readonly vendor: keyof typeof VENDORS
  readonly point: Point
  /** Jobs that the next run makes: none where the ledger knows of the first. */
  readonly jobs: 0 | 1
  readonly rare?: true
}

const START = '^PATCH .*/jobs/ingest/\\w+$'

const CASES: Readonly<Record<string, Case>> = {
  'Salesforce made a job, and has not told its id': {
    vendor: 'Salesforce',
    point: applied('^POST .*/jobs/ingest$'),
    jobs: 1,
    rare: true,
  },
  'Salesforce has the rows, and was not told that they are all': {
    vendor: 'Salesforce',
    point: answered('my.salesforce.com', '^PUT .*/batches$'),
    jobs: 1,
    rare: true,
  },
  'Salesforce started a job, and has not told so': { vendor: 'Salesforce', point: applied(START), jobs: 1 },
  'Salesforce accepted a job, and nobody wrote it down': {
    vendor: 'Salesforce',
    point: answered('my.salesforce.com', START),
    jobs: 1,
    rare: true,
  },
  'a job of Salesforce is written down, and was never asked for': {
    vendor: 'Salesforce',
    point: merged,
    jobs: 0,
    rare: true,
  },
  'a job of Salesforce has ended, and its results were not read': {
    vendor: 'Salesforce',
    point: applied('^GET .*/successfulResults$'),
    jobs: 0,
    rare: true,
  },
  'a job of Salesforce has ended, and not all of its results were read': {
    vendor: 'Salesforce',
    point: answered('my.salesforce.com', '^GET .*/failedResults$'),
    jobs: 0,
    rare: true,
  },
  'Google took the people, and has not told the request': {
    vendor: 'Google',
    point: applied('audienceMembers:ingest$'),
    jobs: 1,
    rare: true,
  },
  'a request of Google is written down, and was never asked for': { vendor: 'Google', point: merged, jobs: 0 },
}

const wanted = Object.entries(CASES).filter(([, { rare }]) => !rare || ALL || process.env.CRASH)

test.concurrent.for(wanted)('killed when %s', { timeout: 120_000 }, async ([, one], { expect, onTestFinished }) => {
  const { vendor, point, jobs } = one
  const { yaml, job, shows, expected } = VENDORS[vendor] as Vendor
  const { directory, remove } = await project(yaml)
  onTestFinished(remove)
  const held = ({ holdings }: SandboxRun) =>
    (holdings.get('vendor') ?? []).flatMap(({ rows }) => rows.map((row) => JSON.stringify(shows(row)))).sort()
  const made = ({ calls }: SandboxRun) => calls.filter((one) => job.test(`${one.method} ${one.path}`)).length

  const seen = await killedAt(directory, point)
  expect(seen.point, 'the kill came where it was meant to').toEqual(point)

  const mended = await runInSandbox(directory)
  expect(mended.report).toMatchObject({ status: 'ok', exit_code: 0, errors: [] })
  expect(made(mended)).toBe(jobs)
  expect(held(mended)).toEqual(expected.map((one) => JSON.stringify(one)).sort())

  const idle = await runInSandbox(directory)
  expect(idle).toMatchObject({ writes: 0 })
  expect(idle.report.syncs).toMatchObject([{ status: 'ok', creates: 0, updates: 0, removes: 0, again: 0, calls: 0 }])
  expect(held(idle)).toEqual(held(mended))
})

async function project(yaml: string): Promise<Copy> {
  const copy = await emptyFolder()
  const { directory } = copy
  await mkdir(join(directory, 'models'))
  await writeFile(join(directory, 'cdp.config.yaml'), CONFIG)
  await writeFile(join(directory, 'models/all.yaml'), `${MODELS}${yaml}`)
  const rows = PEOPLE.map(({ no, email, name }) => `${no},${email},${name}`)
  await writeFile(join(directory, 'people.csv'), ['no,email,name', ...rows, ''].join('\n'))
  return copy
}

const CONFIG = `name: tiny
warehouse: local
warehouses: { local: { type: duckdb, path: .cdp/warehouse.duckdb, threads: 1 } }
`
const MODELS = `sources:
  people: { file: people.csv, category: profile, key: no, identifiers: { no: no } }
entities:
  person: { identifiers: { no: {} } }
traits:
  person: { no: { pick: no, from: [people] }, name: { pick: name, from: [people] }, email: { pick: email, from: [people] } }
`
