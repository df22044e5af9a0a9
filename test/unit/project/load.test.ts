// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readProject } from '../../../src/project/read.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { registries } from '../../support/registries.ts'
import { ENV, read, SHOP, write } from '../../support/shop.ts'

test('a folder without a config says what to do', async () => {
  const { project, diagnostics } = await readProject({
    directory: join(import.meta.dirname, 'nowhere'),
    env: {},
    registries,
  })
  expect(project).toBeUndefined()
  expect(diagnostics).toMatchObject([{ code: 'project/missing-config', fix: expect.stringContaining('cdp init') }])
  expect(diagnostics[0]?.at).toBeUndefined()
})

test('files are read in the order of their paths, whatever their folder and ending', async () => {
  const { project } = await read({
    'models/b/x.yml': 'segments:\n  s2: { where: vip }\n',
    'models/a.yaml': 'segments:\n  s1: { where: vip }\n',
    'destinations/deep/er/z.yaml': 'segments:\n  s0: { where: vip }\n',
    'models/notes.txt': 'segments: [',
  })
  expect([...(project?.segments.keys() ?? [])]).toEqual(['s0', 's1', 's2', 'vips', 'grown_ups'])
})

test('things may stand in the config, and the folders may move', async () => {
  const directory = await write({ 'models/more.yaml': 'not: read' })
  await mkdir(join(directory, 'cdp/m'), { recursive: true })
  await writeFile(join(directory, 'cdp/m/a.yaml'), 'entities:\n  person: { identifiers: { email: {} } }\n')
  await writeFile(
    join(directory, 'cdp.config.yaml'),
    'name: x\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\npaths: { models: cdp/m, destinations: cdp/d }\nsources:\n  s: { table: t, identifiers: { email: e } }\n',
  )
  await mkdir(join(directory, 'cdp/d'))
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  expect(diagnostics).toEqual([])
  expect([...(project?.entities.keys() ?? [])]).toEqual(['person'])
  await rm(join(directory, 'cdp/d'), { recursive: true })
  const again = await readProject({ directory, env: {}, registries })
  expect(again.diagnostics).toMatchObject([{ code: 'yaml/unreadable', at: { line: 3, column: 39, length: 5 } }])
})

test('a file that is no UTF-8 is named, and so is one that leads nowhere', async () => {
  const directory = await write({})
  await writeFile(join(directory, 'models/bad.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff]))
  await symlink(join(directory, 'nowhere'), join(directory, 'models/lost.yaml'))
  const { project, diagnostics } = await readProject({ directory, env: ENV, registries })
  expect(project).toBeUndefined()
  expect(diagnostics.map((one) => [one.code, one.at?.file])).toEqual([
    ['yaml/unreadable', 'models/bad.yaml'],
    ['yaml/unreadable', 'models/lost.yaml'],
  ])
})

test('what one unreadable file would have said is not reported as missing', async () => {
  const { diagnostics } = await read({ 'models/sources.yaml': 'sources: [\n' })
  expect(diagnostics.map((one) => one.code)).toEqual(['yaml/syntax'])
})

test('mistakes of several files are told together, sorted by file and line', async () => {
  const { diagnostics } = await read({
    'models/z.yaml': 'segments:\n  a: { where: nope = 1 }\n  b: { were: age > 1 }\n',
    'models/a.yaml': 'segments:\n  c: { where: gone = 1 }\n',
    'cdp.config.yaml': `${SHOP['cdp.config.yaml']}defaults: { timezone: Mars }\n`,
  })
  expect(diagnostics.map((one) => [one.at?.file, one.at?.line, one.code])).toEqual([
    ['cdp.config.yaml', 7, 'project/wrong-type'],
    ['models/a.yaml', 2, 'ref/unknown-trait'],
    ['models/z.yaml', 2, 'ref/unknown-trait'],
    ['models/z.yaml', 3, 'project/unknown-key'],
  ])
})

test('one mistake in a definition does not make others look wrong', async () => {
  const { diagnostics } = await read({
    'models/more.yaml':
      'sources:\n  carts: { table: raw.carts, at: t, identifers: {} }\ntraits:\n  customer:\n    n: { from: carts, count: rows }\nsegments:\n  s: { where: n > 3 }\n',
  })
  expect(diagnostics.map((one) => one.code)).toEqual(['project/unknown-key'])
})

test('variables may use those above them and the environment', async () => {
  const config =
    'name: x\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\nvars:\n  a: "${env:A}"\n  b: "${var:a}/x"\n  limit: 1\n'
  const { project, diagnostics } = await read(
    { 'cdp.config.yaml': config, 'models/more.yaml': 'sources:\n  s: { file: "${var:b}.csv" }\n' },
    { env: { ...ENV, A: 'data' } },
  )
  expect(diagnostics).toEqual([])
  expect(project?.sources.get('s')?.relation).toMatchObject({ path: 'data/x.csv' })
})

test('a file may hold the value of a text', async () => {
  const directory = await write({ 'models/more.yaml': 'sources:\n  s: { table: "raw.${file:name.txt}" }\n' })
  await writeFile(join(directory, 'name.txt'), 'orders_7\n')
  const { project } = await readProject({ directory, env: ENV, registries })
  expect(project?.sources.get('s')?.relation).toMatchObject({ table: 'orders_7' })
})

test('reading twice gives the same project', async () => {
  const directory = await write({})
  const request = { directory, env: ENV, registries }
  expect(JSON.stringify(await readProject(request))).toBe(JSON.stringify(await readProject(request)))
})

test('every key of every kind is described in its JSON Schema', () => {
  const bare: string[] = []
  const walk = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    const { properties } = schema as { properties?: Record<string, { description?: string }> }
    for (const [key, value] of Object.entries(properties ?? {})) {
      if (!value.description) bare.push(`${path}.${key}`)
      walk(value, `${path}.${key}`)
    }
    const { additionalProperties, items, anyOf } = schema as Record<string, unknown>
    for (const inner of [additionalProperties, items, ...(Array.isArray(anyOf) ? anyOf : [])]) walk(inner, path)
  }
  const { file, ...kinds } = jsonSchemas()
  for (const [kind, schema] of Object.entries(kinds)) {
    const { properties = {} } = schema as { properties?: Record<string, unknown> }
    // The maps of kinds inside the config are described by the kinds.
    const own = Object.fromEntries(
      Object.entries(properties).filter(([key]) => !(key in (file as { properties: object }).properties)),
    )
    walk({ properties: own }, kind)
  }
  expect(bare).toEqual([])
})

test('a JSON Schema is plain data with maps as maps', () => {
  const schemas = jsonSchemas()
  expect(JSON.parse(JSON.stringify(schemas))).toEqual(schemas)
  expect(schemas.sources).toMatchObject({
    type: 'object',
    additionalProperties: false,
    properties: {
      table: { type: 'string' },
      columns: {
        type: 'object',
        additionalProperties: { properties: { type: { enum: expect.arrayContaining(['text']) } } },
      },
    },
  })
})
