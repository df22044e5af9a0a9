import { expect, onTestFinished, test } from 'vitest'
import { compileConsent } from '../../src/compile/consent.ts'
import type { Context } from '../../src/compile/context.ts'
import { printStatement } from '../../src/compile/print.ts'
import { compileSegments } from '../../src/compile/segments.ts'
import { compileSuppression, suppressStatement } from '../../src/compile/suppression.ts'
import { mailchimp } from '../../src/connectors/mailchimp/index.ts'
import type { Statement } from '../../src/sql/sql.ts'
import { statementsOf } from '../../src/sync/statements.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { EMULATED } from '../support/clouds.ts'
import { ENGINES } from '../support/engines.ts'
import { expectGolden } from '../support/golden.ts'
import { inline } from '../support/inline.ts'
import { expectStands, prepareLedgers } from '../support/stands.ts'

const MODELS = `
sources:
  people: { table: raw.people, category: profile, key: id, identifiers: { user_id: id, email: email, phone: phone } }
  answers: { table: raw.answers, category: consent, updated_at: said_at, loaded_at: loaded_at, identifiers: { user_id: user_id, email: email, phone: phone } }
entities:
  customer: { identifiers: { user_id: {}, email: {}, phone: {} } }
traits:
  customer:
    email: { pick: email, from: people }
    phone: { pick: phone, from: people }
consent: { source: answers, status: status, purpose: purpose, granted: [granted, yes], max_age: 2 days, expires_after: 2 years }
purposes:
  news: { basis: consent }
  partners: { basis: consent, from: { source: people, status: partners, at: partners_at, granted: ["true"] } }
  service: { basis: contract }
segments:
  readers: { where: email is not null, purpose: partners, limit: { rows: 100 } }
destinations:
  mail: { type: mailchimp, api_key: "\${env:KEY}" }
syncs:
  to_mail: { to: mail, into: { list: l }, audience: readers, mode: mirror, purpose: news, key: email, fields: { PHONE: phone } }
`

/** What a build makes of consent, and what is asked of it when a sync is planned and sent. */
function allStatements(context: Context): readonly Statement[] {
  const { project } = context
  const [customer, sync] = [project.entities.get('customer'), project.syncs.get('to_mail')]
  if (customer === undefined || sync === undefined) throw new Error('the project cannot stand')
  const models = [compileSuppression(context), compileConsent(context, customer), compileSegments(context, customer)]
  const of = { context, sync, schema: '_cdp', connector: mailchimp }
  const { plan, counts, fresh, revoked, consents } = statementsOf(of)
  const { allConsents } = statementsOf({ ...of, connector: { ...mailchimp, delivers: () => 'whole' } })
  return [
    suppressStatement(context, customer),
    ...models.flatMap((model) => model?.steps ?? []).flatMap((step) => ('statement' in step ? [step.statement] : [])),
    plan,
    counts,
    fresh,
    revoked,
    ...[consents, allConsents].flatMap((one) => one ?? []),
  ]
}

test('the SQL of consent and suppression is what it was, in every dialect', async () => {
  const made = await inline({ 'models/all.yaml': MODELS })
  onTestFinished(() => made.close())
  const { project } = made
  for (const { type, dialect } of warehouses().values()) {
    const statements = allStatements({ project, dialect })
    const printed = statements.map((one) => printStatement(one, dialect))
    expectGolden(`consent.${type}.sql`, `${printed.join('\n\n')}\n`)
    expect(printed.flatMap((one) => one.split('\n')).filter((line) => line.length > 120)).toEqual([])
  }
})

test.each([...ENGINES, ...EMULATED])('$title takes each of its statements', async (engine) => {
  const tables = [
    'create table raw.people (id text, email text, phone text, partners text, partners_at timestamptz)',
    `create table raw.answers (user_id text, email text, phone text, status text, purpose text,
      said_at timestamptz, loaded_at timestamptz)`,
  ]
  const files = { 'models/all.yaml': MODELS }
  await expectStands(engine, { files, tables, statements: allStatements, prepare: prepareLedgers(mailchimp) })
})
