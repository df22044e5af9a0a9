import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Context, relation } from '../../../src/compile/context.ts'
import { printStatement } from '../../../src/compile/print.ts'
import { compileSetup, compileSources, sourceModels } from '../../../src/compile/sources.ts'
import type { Source } from '../../../src/project/project.ts'
import { readProject } from '../../../src/project/read.ts'
import { type Sql, sql, type Table } from '../../../src/sql/sql.ts'
import { duckdb } from '../../../src/warehouses/duckdb.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { registries } from '../../support/registries.ts'
import { tableOf } from '../../support/warehouse.ts'

const PEOPLE = 'sources:\n  people: { table: main.people, identifiers: { crm_id: id } }\n'
const CONFIG = 'name: test\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\n'

test('a list of pairs in a file becomes a column for each side and type, and no character is lost', async () => {
  const built = await copies({
    'models/all.yaml': customer('never_merge: { file: unmerge.csv }'),
    'unmerge.csv': [
      'note,value_b,type_b,value_a,type_a',
      'leading zeros,0042,crm_id,007,crm_id',
      'types in any case, Anna@x.fr , EMAIL ,1e3,Crm_id',
      'an unknown type,42,cookie,a@x.fr,email',
      'nothing,,,,',
      '',
    ].join('\n'),
  })
  expect(await built.rows('never', ['crm_id_a', 'crm_id_b', 'email_a', 'email_b'])).toEqual([
    ['007', '0042', null, null],
    ['1e3', null, null, ' Anna@x.fr '],
    [null, null, 'a@x.fr', null],
    [null, null, null, null],
  ])
})

test('a list of pairs may hold numbers, as a table or as SQL over sources', async () => {
  const built = await copies(
    {
      'models/all.yaml': `${customer(
        `never_merge: { table: pairs }\n    always_merge: { sql: "select 'crm_id' as type_a, n as value_a, 'crm_id' as type_b, n + 1 as value_b from {{ ref('numbers') }} where n < 3;" }`,
      )}sources:\n  numbers: { sql: select unnest(range(5)) as n }\n`,
    },
    sql`create table pairs as select 'crm_id' as type_a, 17850 as value_a, 'crm_id' as type_b, 17851 as value_b`,
  )
  expect(await built.rows('never', ['crm_id_a', 'crm_id_b', 'email_a'])).toEqual([['17850', '17851', null]])
  expect(await built.rows('always', ['crm_id_a', 'crm_id_b'])).toEqual([
    ['0', '1'],
    ['1', '2'],
    ['2', '3'],
  ])
  expect(built.needs('customer_always')).toEqual(['setup', 'sources/numbers'])
  expect(sourceModels(built.context, ['customer_never', 'customer_always', 'numbers'])).toEqual([
    'sources/customer_never',
    'sources/customer_always',
    'sources/numbers',
  ])
})

test('a list whose columns are named is read like any source: a table in place, a file once, as text', async () => {
  const built = await copies(
    {
      'models/all.yaml': customer(
        'never_merge: { table: unmerge, identifiers: { crm_id: [one, other] } }\n    always_merge: { file: same.csv, identifiers: { crm_id: [one, other] } }',
      ),
      'same.csv': 'one,other\n007,0042\n',
    },
    sql`create table unmerge as select 1 as one, 2 as other`,
  )
  expect([...built.names]).toEqual(['sources/customer_always'])
  expect(sourceModels(built.context, ['customer_never', 'customer_always'])).toEqual(['sources/customer_always'])
  expect(await built.rows('always', ['one', 'other'])).toEqual([['007', '0042']])
  expect(await built.rows('never', ['one', 'other'])).toEqual([['1', '2']])
})

test('the query of a list of pairs reads like one that a colleague wrote', async () => {
  const built = await copies(
    { 'models/all.yaml': customer('never_merge: { table: main.pairs }') },
    sql`create table pairs as select 'a' as type_a, 'b' as value_a, 'c' as type_b, 'd' as value_b`,
  )
  expect(
    built.text('customer_never'),
  ).toBe(`-- source customer_never: the pairs as they are now, a column for each type and side of a value
create or replace table "_cdp"."b0_source_customer_never" as
with
-- the rows as they were written; types are compared without case and blanks
"pairs" as (
  select
    lower(trim(cast("type_a" as varchar))) as "type_a",
    "value_a",
    lower(trim(cast("type_b" as varchar))) as "type_b",
    "value_b"
  from "main"."pairs"
)
select
  case when "type_a" = 'crm_id' then "value_a" end as "crm_id_a",
  case when "type_b" = 'crm_id' then "value_b" end as "crm_id_b",
  case when "type_a" = 'email' then "value_a" end as "email_a",
  case when "type_b" = 'email' then "value_b" end as "email_b"
from "pairs"`)
})

function customer(lists: string): string {
  return `entities:\n  customer:\n    identifiers: { crm_id: {}, email: {} }\n    ${lists}\n`
}

/** Copies the sources and lists of a project into a build. `before` makes a table that they read. */
async function copies(files: Readonly<Record<string, string>>, before?: Sql) {
  const directory = mkdtempSync(join(tmpdir(), 'cdp-sources-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [path, text] of Object.entries({ 'cdp.config.yaml': CONFIG, 'models/people.yaml': PEOPLE, ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  if (project === undefined || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics))
  const session = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory, mode: 'write' })
  onTestFinished(() => session.close())
  const context: Context = { project, dialect: session.dialect }
  const models = compileSources(context)
  const statements = [compileSetup(context), ...models].flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'statement' ? [step.statement] : [])),
  )
  const prepare = [session.dialect.createSchema('_cdp'), ...(before ? [before] : [])]
  await run(session, prepare)
  await session.script(statements.map((statement) => ({ statement, values: { now: null } })))
  const { always, never } = project.entities.get('customer') ?? {}
  const modelOf = (name: string) => models.find((one) => one.name === `sources/${name}`)
  return {
    context,
    names: models.map(({ name }) => name),
    needs: (name: string) => modelOf(name)?.needs,
    text: (name: string) =>
      modelOf(name)
        ?.steps.flatMap((step) => (step.kind === 'statement' ? [printStatement(step.statement, session.dialect)] : []))
        .join('\n'),
    rows: async (kind: 'always' | 'never', columns: readonly string[]) =>
      await rowsOf(session, context, kind === 'always' ? always : never, columns),
  }
}

/** Rows from where later statements of the build read them. */
async function rowsOf(session: Session, context: Context, source: Source | undefined, columns: readonly string[]) {
  if (source === undefined) throw new Error('the project has no such list')
  const seen: Table = { schema: '_cdp', name: ['read'] }
  await run(session, [session.dialect.createTable(seen, sql`select * from ${relation(context, source)}`)])
  return await tableOf(session, seen, columns)
}

async function run(session: Session, queries: readonly Sql[]): Promise<void> {
  await session.script(queries.map((query) => ({ statement: { name: 'test', reason: 'a test', sql: query } })))
}
