import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { cdp, emptyFolder, jsonOf, repository } from '../support/cli.ts'
import { written } from '../support/written.ts'

/** A copy of the dbt project with what a run of dbt would have left in its database; `cdp` is the project in it. */
async function dbtProject(): Promise<{ readonly root: string; readonly cdpFolder: string }> {
  const { directory: root, remove } = await emptyFolder()
  onTestFinished(remove)
  await cp(join(repository, 'test/fixtures/dbt'), root, { recursive: true })
  const session = await duckdb.connect(duckdb.options.parse({ path: 'shop.duckdb' }), {
    directory: root,
    mode: 'write',
  })
  await session.script(
    [
      'create schema landing',
      'create schema analytics',
      `create table landing.customers as select * from (values (1, 'Ada@x.fr', 'Rouen'), (2, 'bo@x.fr', 'Lille')) as v (id, email, city)`,
      `create table landing.web_orders as select * from (values ('o1', 1, 15, timestamp '2026-11-01'), ('o2', 1, 10, timestamp '2026-11-02'), ('o3', 2, 5, timestamp '2026-11-03')) as v (id, customer_id, total, placed_at)`,
      'create view analytics.stg_customers as select id as customer_no, lower(email) as email, city from landing.customers',
      'create table analytics.fct_orders as select o.id as order_no, c.email, o.total as amount, o.placed_at from landing.web_orders as o join analytics.stg_customers as c on c.customer_no = o.customer_id',
    ].map(written),
  )
  await session.close()
  return { root, cdpFolder: join(root, 'cdp') }
}

test('a project over models of dbt runs in the database that the profile names', async () => {
  const { cdpFolder } = await dbtProject()
  const valid = await cdp(['validate', '--warehouse'], { cwd: cdpFolder })
  expect(valid).toMatchObject({ code: 0, stderr: '' })
  expect(valid.stdout).toContain(
    'Models of dbt are those of ../target/manifest.json, made 2026-11-20T06:30:00.000000Z by dbt 1.9.4 for duckdb.',
  )
  const ran = await cdp(['run', '--json'], { cwd: cdpFolder })
  expect(ran.code, ran.stdout).toBe(0)
  expect(jsonOf(ran)).toMatchObject({ target: 'dev', segments: [{ name: 'regulars', members: 1 }] })
  expect(await readFile(join(cdpFolder, 'out/regulars.csv'), 'utf8')).toBe('email,city\nada@x.fr,Rouen\n')
})

test('a profile of another target is another warehouse, whose password is asked of the environment', async () => {
  const { cdpFolder } = await dbtProject()
  const unset = await cdp(['validate', '--target', 'prod'], { cwd: cdpFolder })
  expect(unset.code).toBe(0)
  expect(unset.stderr).toContain('The environment variable "PGPASSWORD" is not set.')
  expect(unset.stderr).toContain('The manifest "../target/manifest.json" was made for duckdb')
  const env = { PGPASSWORD: 'canary-77f1', PGHOST: '127.0.0.1', PGPORT: '1' }
  const ran = await cdp(['run', '--target', 'prod'], { cwd: cdpFolder, env })
  expect(ran).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The database "shop" on "127.0.0.1" cannot be opened'),
  })
  expect(ran.stderr + ran.stdout).not.toContain('canary-77f1')
})

test('a model that dbt has not built is told with how to build it', async () => {
  const { root, cdpFolder } = await dbtProject()
  await rm(join(root, 'shop.duckdb'))
  const ran = await cdp(['run', '--json'], { cwd: cdpFolder })
  expect(ran.code).toBe(2)
  const { errors } = jsonOf(ran) as { errors: readonly { code: string; message: string; at: string; fix: string }[] }
  expect(errors[0]).toMatchObject({
    code: 'warehouse/missing-table',
    message: 'The warehouse has no table or view "analytics.stg_customers".',
    at: 'models/customer.yaml:2:21',
    fix: expect.stringContaining("ref('stg_customers')"),
  })
})

test('exposures name each sync, what it comes from and who owns it, and are written anew without losing what people added', async () => {
  const { root, cdpFolder } = await dbtProject()
  const file = join(root, 'models/cdp_exposures.yml')
  const write = () => cdp(['dbt', 'exposures', '-o', '../models/cdp_exposures.yml'], { cwd: cdpFolder })
  const printed = await cdp(['dbt', 'exposures'], { cwd: cdpFolder })
  // The dbt project has it in its repository, as it was written.
  expect(printed.stdout).toBe(await readFile(file, 'utf8'))
  await rm(file)
  expect(await write()).toMatchObject({ code: 0, stdout: 'Wrote 2 exposures to ../models/cdp_exposures.yml\n' })
  expect(await readFile(file, 'utf8')).toBe(printed.stdout)

  const added = printed.stdout
    .replace('    label: ', '    # Seen every Monday.\n    url: https://crm.example/regulars\n    label: ')
    .replace('version: 2', '# Asked for by Ada.\nversion: 2')
  await writeFile(file, added)
  await write()
  expect(await readFile(file, 'utf8')).toBe(added)

  const syncs = join(cdpFolder, 'destinations/exports.yaml')
  await writeFile(syncs, (await readFile(syncs, 'utf8')).replace('  orders_file:', '  web_orders_file:'))
  await write()
  const renamed = await readFile(file, 'utf8')
  expect(renamed).toContain('cdp_web_orders_file')
  expect(renamed).not.toContain('cdp_orders_file')
  expect(renamed).toContain('# Seen every Monday.')

  await writeFile(file, 'version: 2\nexposures: []\n')
  expect(await write()).toMatchObject({ code: 2, stderr: expect.stringContaining('was not written by this command') })
  expect(await readFile(file, 'utf8')).toBe('version: 2\nexposures: []\n')
})

test('an exposure has what the schema of dbt asks for', async () => {
  const { cdpFolder } = await dbtProject()
  const printed = await cdp(['dbt', 'exposures'], { cwd: cdpFolder })
  const { version, exposures } = parse(printed.stdout) as {
    version: number
    exposures: readonly Record<string, unknown>[]
  }
  expect(version).toBe(2)
  // https://docs.getdbt.com/reference/exposure-properties
  for (const { name, type, owner, depends_on, ...rest } of exposures) {
    expect(name).toMatch(/^\w+$/)
    expect(type).toBe('application')
    expect(Object.keys(owner as object).filter((key) => key === 'name' || key === 'email')).toHaveLength(1)
    for (const one of depends_on as string[]) expect(one).toMatch(/^(ref|source)\('[^']+'(, '[^']+')*\)$/)
    expect(Object.keys(rest)).toEqual(['label', 'description'])
  }
})

test('a sync that nobody owns is told where it is written', async () => {
  const { cdpFolder } = await dbtProject()
  const config = join(cdpFolder, 'cdp.config.yaml')
  await writeFile(config, (await readFile(config, 'utf8')).replace(/dbt: .*\n/, ''))
  const printed = await cdp(['dbt', 'exposures', '--json'], { cwd: cdpFolder })
  expect(printed.code).toBe(2)
  expect(jsonOf(printed)).toMatchObject({
    errors: [{ code: 'project/missing-key', at: 'destinations/exports.yaml:5:3' }],
  })
})
