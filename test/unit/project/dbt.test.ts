// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { describe, expect, test } from 'vitest'
import type { ProjectRequest } from '../../../src/project/read.ts'
import { warehouses } from '../../../src/warehouses/index.ts'
import { registries } from '../../support/registries.ts'
import { type Files, read as readWith } from '../../support/shop.ts'

/** With the real kinds of warehouses. */
const read = (files: Files, request: Partial<ProjectRequest> = {}) =>
  readWith(files, { registries: { ...registries, warehouses: warehouses() }, ...request })

const node = (name: string, more: object = {}) => ({
  resource_type: 'model',
  name,
  package_name: 'shop',
  database: 'dev',
  schema: 'marts',
  alias: name,
  ...more,
})

const manifest = (
  nodes: readonly object[],
  { sources = [] as readonly object[], version = 12, adapter = 'duckdb' } = {},
) =>
  JSON.stringify({
    metadata: {
      dbt_schema_version: `https://schemas.getdbt.com/dbt/manifest/v${version}.json`,
      adapter_type: adapter,
      project_name: 'shop',
    },
    nodes: Object.fromEntries(nodes.map((one, at) => [`n${at}`, one])),
    sources: Object.fromEntries(sources.map((one, at) => [`s${at}`, one])),
  })

const config = (warehouse: string, more = '') =>
  `name: shop\nwarehouses:\n  local: ${warehouse}\nvars: { limit: 500 }\n${more}`

/** The relation of a source that is `dbt: <name>`. */
async function relation(name: string, json: string, warehouse = '{ type: duckdb, path: data/dev.duckdb }') {
  const { project, diagnostics } = await read({
    'cdp.config.yaml': config(warehouse),
    'target/manifest.json': json,
    'models/more.yaml': `sources:\n  s: { dbt: ${name} }\n`,
  })
  if (project === undefined) throw new Error(JSON.stringify(diagnostics))
  return project.sources.get('s')?.relation
}

describe('a model of dbt', () => {
  test('is the table that the manifest says, of the alias that it has, whatever its kind', async () => {
    for (const resource_type of ['model', 'seed', 'snapshot'])
      for (const version of [11, 12])
        expect(
          await relation('orders', manifest([node('orders', { resource_type, alias: 'o' })], { version })),
        ).toEqual({
          kind: 'table',
          schema: 'marts',
          table: 'o',
          dbt: "ref('orders')",
        })
  })

  test('lies in another database where the target does not connect to it', async () => {
    const json = manifest([node('orders', { database: 'other' })])
    expect(await relation('orders', json)).toMatchObject({ database: 'other', schema: 'marts' })
    const postgres = '{ type: postgres, database: other, user: u }'
    const there = manifest([node('orders', { database: 'other' })], { adapter: 'postgres' })
    expect(await relation('orders', there, postgres)).not.toHaveProperty('database')
  })

  test('of a package is meant where the project has none of its name, and may be named with its package', async () => {
    const json = manifest([
      node('dates', { package_name: 'kit', schema: 'kit' }),
      node('orders', { package_name: 'kit', schema: 'kit' }),
      node('orders'),
    ])
    expect(await relation('dates', json)).toMatchObject({ schema: 'kit', dbt: "ref('kit', 'dates')" })
    expect(await relation('orders', json)).toMatchObject({ schema: 'marts', dbt: "ref('orders')" })
    expect(await relation('kit.orders', json)).toMatchObject({ schema: 'kit' })
  })

  test('with versions is the latest one, or the one that is named', async () => {
    const versions = [1, 2, 3].map((version) =>
      node('orders', { version, latest_version: 2, alias: `orders_v${version}` }),
    )
    expect(await relation('orders', manifest(versions))).toMatchObject({
      table: 'orders_v2',
      dbt: "ref('orders', v=2)",
    })
    expect(await relation('orders.v3', manifest(versions))).toMatchObject({ table: 'orders_v3' })
  })

  test('may be a source of it, by two names', async () => {
    const source = node('orders', {
      resource_type: 'source',
      source_name: 'raw',
      identifier: 'web_orders',
      schema: 'landing',
    })
    expect(await relation('raw.orders', manifest([], { sources: [source] }))).toMatchObject({
      schema: 'landing',
      table: 'web_orders',
      dbt: "source('raw', 'orders')",
    })
  })

  test('of a later manifest is read as well as may be, with a warning', async () => {
    const files = {
      'target/manifest.json': manifest([node('orders')], { version: 20 }),
      'models/more.yaml': 'sources:\n  s: { dbt: orders }\n',
    }
    const { project, diagnostics } = await read(files)
    expect(project?.sources.get('s')?.relation).toMatchObject({ table: 'orders' })
    expect(diagnostics).toMatchObject([{ code: 'dbt/version', severity: 'warning' }])
  })

  test('is asked of no manifest where no source names one', async () => {
    const { diagnostics } = await read({
      'cdp.config.yaml': config('{ type: duckdb }', 'dbt: { manifest: nowhere.json }\n'),
    })
    expect(diagnostics).toEqual([])
  })
})

describe('a profile of dbt', () => {
  const profiles = (output: string) =>
    `acme:\n  target: dev\n  outputs:\n    dev: ${output}\n    other: { type: duckdb, path: x.duckdb }\n`
  const open = (output: string, { more = '', env = {}, files = {} as Files } = {}) =>
    read(
      { 'cdp.config.yaml': config(`{ dbt_profile: acme${more} }`), 'profiles.yml': profiles(output), ...files },
      { env: { POST_TOKEN: 't', ...env } },
    )

  const POSTGRES = `{ type: postgres, host: db, port: 5433, user: u, pass: "{{ env_var('PGPASS') }}", dbname: d, schema: s, sslmode: verify-full, threads: 4 }`

  test('of Postgres gives its options, and its password only when the warehouse is opened', async () => {
    const { project } = await open(POSTGRES, { env: { PGPASS: 'canary-11aa' } })
    expect(project?.target).toMatchObject({
      name: 'local',
      type: 'postgres',
      options: { host: 'db', port: 5433, user: 'u', password: '${env:PGPASS}', database: 'd', ssl: 'on' },
      secrets: [{ kind: 'env', name: 'PGPASS' }],
    })
    expect(JSON.stringify(project)).not.toContain('canary-11aa')
  })

  test('gives way to what stands beside it, and has targets', async () => {
    const { project } = await open(POSTGRES, { more: ', host: elsewhere', env: { PGPASS: 'x' } })
    expect(project?.target.options).toMatchObject({ host: 'elsewhere', port: 5433 })
    const other = await open(POSTGRES, { more: ', dbt_target: other' })
    expect(other.project?.target).toMatchObject({ type: 'duckdb', options: { path: 'x.duckdb' } })
  })

  test('takes defaults and filters of env_var, also within a text', async () => {
    const output = `{ type: postgres, host: "db-{{ env_var('ZONE', 'eu') }}", port: "{{ env_var(\\"PORT\\", \\"6000\\") | int }}", user: u, dbname: d }`
    expect((await open(output)).project?.target.options).toMatchObject({ host: 'db-eu', port: 6000 })
    const set = await open(output, { env: { ZONE: 'us', PORT: '7000' } })
    expect(set.project?.target.options).toMatchObject({ host: 'db-us', port: 7000 })
  })

  test('is looked for where dbt looks for it', async () => {
    const files = {
      'profiles.yml': undefined,
      'elsewhere/profiles.yml': profiles('{ type: duckdb, path: far.duckdb }'),
    }
    const said = await open('', { files, env: { DBT_PROFILES_DIR: 'elsewhere' } })
    expect(said.project?.target.options).toMatchObject({ path: 'far.duckdb' })
    const home = { 'profiles.yml': undefined, '.dbt/profiles.yml': profiles('{ type: duckdb, path: home.duckdb }') }
    expect((await open('', { files: home, env: { HOME: '.' } })).project?.target.options).toMatchObject({
      path: 'home.duckdb',
    })
  })

  test.each([
    ['a password in the file', `{ type: postgres, user: u, dbname: d, pass: canary-22bb }`, /holds "pass" itself/],
    [
      'other Jinja',
      `{ type: postgres, user: "{{ target.name }}", dbname: d }`,
      /"user" of the profile holds Jinja other than env_var/,
    ],
    [
      'an option that is not read',
      `{ type: postgres, user: u, dbname: d, role: r }`,
      /says "role", which is not read here/,
    ],
    ['another adapter', `{ type: redshift, user: u }`, /is of type "redshift", which is not known here/],
  ])('with %s is refused at the warehouse that names it, and no line of it is shown', async (_, output, message) => {
    const { project, diagnostics } = await open(output)
    expect(project).toBeUndefined()
    expect(diagnostics).toMatchObject([
      { code: 'dbt/profile', message: expect.stringMatching(message), at: { file: 'cdp.config.yaml', line: 3 } },
    ])
    expect(JSON.stringify(diagnostics)).not.toContain('canary-22bb')
  })

  test.each([
    [{ 'profiles.yml': undefined }, '', 'There is no profiles.yml of dbt.'],
    [{ 'profiles.yml': 'acne: {}\n' }, '', /^The profile "acme" is not in "profiles.yml".*/],
    [{}, ', dbt_target: othr', 'The profile "acme" has no target "othr".'],
  ])('that is not there is told (%#)', async (files, more, message) => {
    const { diagnostics } = await open(POSTGRES, { files, more })
    expect(diagnostics).toMatchObject([{ code: 'dbt/profile', message: expect.stringMatching(message) }])
  })

  test('of a target that is not chosen is not read', async () => {
    const yaml =
      'name: shop\nwarehouse: local\nwarehouses:\n  local: { type: duckdb }\n  prod: { dbt_profile: none }\nvars: { limit: 500 }\n'
    expect((await read({ 'cdp.config.yaml': yaml })).diagnostics).toEqual([])
  })
})
