import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { paper } from '../../src/commands/layout.ts'
import { printRun } from '../../src/commands/print-run.ts'
import { printTests } from '../../src/commands/print-test.ts'
import { openEnvironment } from '../../src/commands/world.ts'
import { compile } from '../../src/pipeline.ts'
import type { TestReport } from '../../src/test-report.ts'
import { test as runTests } from '../../src/tests.ts'
import { emptyFolder } from '../support/cli.ts'
import { ask } from '../support/database.ts'
import { runForReal, SANDBOX, warehouseOf } from '../support/small-shop.ts'

const CONFIG = `
name: tested
warehouse: local
warehouses: { local: { type: duckdb, path: .cdp/warehouse.duckdb } }
now: 2026-03-01T12:00:00Z
`

const PEOPLE = `id,email,age,seen
p1,a@x.fr,30,2026-03-01T11:00:00Z
p2,b@x.fr,,2026-02-01T00:00:00Z
p3,c@x.fr,17,2026-02-01T00:00:00Z
`

interface Tested {
  readonly column?: string
  readonly trait?: string
  readonly more?: string
}

/** A project of one source, one sync and so many data tests; `write` changes them. */
async function project(tests: Tested = {}) {
  const folder = await emptyFolder()
  onTestFinished(folder.remove)
  const { directory } = folder
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  const change = ({ column = '[]', trait = '[]', more = '' }: Tested) =>
    write(
      'models/all.yaml',
      `sources:
  people:
    file: people.csv
    category: profile
    key: id
    updated_at: seen
    identifiers: { email: email }
    columns: { age: { type: integer, tests: ${column} } }
${more}
entities: { customer: { identifiers: { email: {} } } }
traits:
  customer:
    email: { pick: email, from: people }
    age: { pick: age, from: people, tests: ${trait} }
segments: { all_of_them: { where: email is not null } }
`,
    )
  await write('cdp.config.yaml', CONFIG)
  await write('people.csv', PEOPLE)
  await write(
    'destinations/out.yaml',
    `destinations: { out: { type: file, path: out } }
syncs: { everybody: { to: out, into: { file: all.csv }, audience: all_of_them, mode: mirror, key: email } }
`,
  )
  await change(tests)
  return { directory, change, write }
}

const published = async (directory: string) =>
  (await ask("select count(*) as n from duckdb_views() where schema_name = 'cdp'", warehouseOf(directory)))[0]?.n !==
  '0'

async function tested(directory: string, select: readonly string[] = []): Promise<TestReport> {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const report = await runTests({ ...SANDBOX, directory, sandbox: false, select }, environment, {
    unit: true,
    data: true,
    showValues: false,
  })
  await close()
  return report
}

test('a failed test of a source stops a run before anything is made of it', async () => {
  const { directory, change } = await project({ column: '[not_null, { not_null: { severity: warn } }]' })
  const report = await runForReal(directory, { select: [] })
  expect(report).toMatchObject({
    status: 'failed',
    exit_code: 1,
    syncs: [],
    tests: [
      {
        name: 'people.age not_null',
        source: 'people',
        column: 'age',
        test: 'not_null',
        severity: 'error',
        status: 'error',
        failures: 1,
        rows: 3,
        at: 'models/all.yaml:8:46',
      },
      { status: 'warn' },
    ],
  })
  expect(report.errors.map(({ code, severity, at }) => [code, severity, at])).toEqual([
    ['test/failed', 'error', 'models/all.yaml:8:46'],
    ['test/failed', 'warning', 'models/all.yaml:8:58'],
  ])
  expect(await published(directory)).toBe(false)
  expect(existsSync(join(directory, 'out'))).toBe(false)
  const made = await ask(
    "select table_name from duckdb_tables() where table_name like 'b%_customer'",
    warehouseOf(directory),
  )
  expect(made).toEqual([])

  await change({ column: '[{ not_null: { max_failures: 1 } }]' })
  expect(await runForReal(directory, { select: [] })).toMatchObject({ exit_code: 0, tests: [{ status: 'pass' }] })
  expect(await published(directory)).toBe(true)
})

test('a failed test of profiles publishes and sends nothing; what was published stays', async () => {
  const { directory, change } = await project()
  expect(await runForReal(directory, { select: [] })).toMatchObject({ exit_code: 0, tests: [] })
  const before = await ask('select * from _cdp.published', warehouseOf(directory))
  await change({ trait: '[{ accepted_values: [30] }]' })
  const report = await runForReal(directory, { select: [] })
  expect(report).toMatchObject({
    exit_code: 1,
    tests: [{ entity: 'customer', column: 'age', status: 'error', failures: 1, rows: 3 }],
  })
  expect(await ask('select * from _cdp.published', warehouseOf(directory))).toEqual(before)
})

test('a warning is shown and changes nothing', async () => {
  const { directory } = await project({
    column: '[{ not_null: { severity: warn } }]',
    more: '    freshness: { warn_after: 30m, error_after: 2h }\n',
  })
  const report = await runForReal(directory, { select: [] })
  expect(report).toMatchObject({ status: 'ok', exit_code: 0, tests: [{ status: 'warn' }, { status: 'warn' }] })
  expect(await published(directory)).toBe(true)
  const shown = printRun(report, { page: paper(Number.POSITIVE_INFINITY, false), failures: [], next: [] }).join('\n')
  expect(shown).toContain('Data tests\n  0 of 2 passed, 2 warned\n')
  expect(shown).toContain(
    'models/all.yaml:8:48  test/failed (warning)\n    "age" is null in 1 of 3 rows of source "people".',
  )
})

test('cdp test tests sources as they are and profiles as they are published, and leaves nothing', async () => {
  const { directory } = await project({
    column: '[not_null]',
    trait: '[not_null, { accepted_values: [17, 30], name: known ages }]',
    more: '    tests: [{ row_count: { min: 1 } }, { expression: "age >= 18", severity: warn }]\n',
  })
  const first = await tested(directory)
  expect(first.tests.map(({ name, status }) => [name, status])).toEqual([
    ['people.age not_null', 'error'],
    ['people row_count', 'pass'],
    ['people expression (age >= 18)', 'warn'],
    ['customer.age not_null', 'skipped'],
    ['known ages', 'skipped'],
  ])
  expect(first).toMatchObject({ exit_code: 1, profiles: null })
  expect(
    await ask(
      "select table_name from duckdb_tables() where table_name like 'b%\\_%' escape '\\' and table_name not like 'build%'",
      warehouseOf(directory),
    ),
  ).toEqual([])
  expect(await tested(directory, ['known ages', 'people row_count'])).toMatchObject({ exit_code: 0 })
  expect((await tested(directory, ['entity:customer'])).tests).toHaveLength(2)
  await expect(tested(directory, ['people rowcount'])).rejects.toThrow('"people rowcount" names no test.')
  expect(text(first)).toBe(`Data tests
  FAIL  people.age not_null
    models/all.yaml:8
      "age" is null in 1 of 3 rows of source "people".
      Keys of such rows: p2. Mend the rows where they come from, allow some with \`max_failures:\`, or only show it with \`severity: warn\`.

  pass  people row_count
  WARN  people expression (age >= 18)
    models/all.yaml:9
      "age >= 18" does not hold in 1 of 3 rows of source "people".
      Keys of such rows: p3. Mend the rows where they come from.

  skip  customer.age not_null
    models/all.yaml:15
      No profiles of "customer" are published yet.
      \`cdp run\` tests profiles before it publishes them.

  skip  known ages
    models/all.yaml:15
      No profiles of "customer" are published yet.
      \`cdp run\` tests profiles before it publishes them.

1 of 5 tests failed, 1 warned, 2 skipped.`)
})

test('cdp test says of which age the profiles are that it tests', async () => {
  const { directory, change } = await project()
  await runForReal(directory, { select: [] })
  await change({ trait: '[{ accepted_values: [17, 30] }]' })
  const report = await tested(directory)
  expect(report).toMatchObject({ exit_code: 0, tests: [{ status: 'pass' }], profiles: { build: 1 } })
  expect(report.profiles?.age_ms).toBeGreaterThan(0)
  expect(text(report)).toMatch(
    /pass {2}customer\.age accepted_values\n {2}Profiles are tested as they were published .* ago;/,
  )
})

test('whatever data tests ask stands in the compiled files', async () => {
  const { directory } = await project({ column: '[not_null, unique]', trait: '[not_null]' })
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const { files } = await compile({ ...SANDBOX, directory }, environment)
  await close()
  const texts = new Map(files.map((file) => [file.path, file.text]))
  expect(texts.get('tests/sources.sql')).toContain('-- test source people unique age: ')
  expect(texts.get('tests/sources.sql')).toContain('-- == for tests that fail ==')
  expect(texts.get('tests/profiles.sql')).toContain('from "_cdp"."b0_customer" as s')
  expect([...texts.keys()].indexOf('tests/sources.sql')).toBeLessThan(
    [...texts.keys()].indexOf('identity/customer.sql'),
  )
})

test('a project without data tests opens no warehouse for them', async () => {
  const { directory } = await project()
  expect(await tested(directory)).toMatchObject({ exit_code: 0, tests: [] })
  expect(existsSync(join(directory, '.cdp'))).toBe(false)
})

function text(report: TestReport): string {
  const lines = printTests(report, paper(Number.POSITIVE_INFINITY, false), { quiet: false })
  return lines.join('\n').replace(/ [\d.]+ s\.$/, '')
}
