import { expect, test } from 'vitest'
import type { DataTest } from '../../../src/project/data-tests.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { read } from '../../support/shop.ts'

async function testsOf(yaml: string, more: Readonly<Record<string, string>> = {}): Promise<readonly DataTest[]> {
  const { project, diagnostics } = await read({ 'models/more.yaml': yaml, ...more })
  expect(diagnostics).toEqual([])
  return project?.dataTests ?? []
}

const ofColumn = (tests: string) => testsOf(`sources:\n  t: { table: raw.t, columns: { a: { tests: [${tests}] } } }\n`)

function withoutPlaces(of: unknown): unknown {
  return JSON.parse(JSON.stringify(of, (key, value) => (key === 'at' ? undefined : value)))
}

test('options may stand beside the key of a test or below it', async () => {
  const options = 'severity: warn, where: b = 1, max_failures: 1%, name: n'
  const [beside] = await ofColumn(`{ not_null: {}, ${options} }`)
  const [below] = await ofColumn(`{ not_null: { ${options} } }`)
  expect(beside).toMatchObject({ name: 'n', severity: 'warn', mayFail: { kind: 'share', share: 0.01 } })
  expect(beside?.where).toMatchObject({ kind: 'test' })
  expect(withoutPlaces(below)).toEqual(withoutPlaces(beside))
})

test('a bare name is the test without options; tests are errors unless they say otherwise', async () => {
  expect(await ofColumn('not_null, unique')).toMatchObject([
    { name: 't.a not_null', severity: 'error', column: 'a', mayFail: { kind: 'rows', rows: 0 }, where: undefined },
    { name: 't.a unique', severity: 'error', check: { kind: 'unique', columns: ['a'] } },
  ])
})

test('relationships go to the key of a source, unless they name another column', async () => {
  const tests = await ofColumn('{ relationships: { to: prices } }, { relationships: { to: prices, column: name } }')
  expect(tests).toMatchObject([
    { check: { to: 'prices', toColumn: 'sku' } },
    { check: { to: 'prices', toColumn: 'name' } },
  ])
})

test('freshness goes by loaded_at, else by updated_at, else by at', async () => {
  const by = async (times: string) => {
    const [first] = await testsOf(`sources:\n  t: { table: raw.t, ${times}, freshness: { warn_after: 24h } }\n`)
    return first?.check.kind === 'freshness' ? first.check.column : undefined
  }
  expect(await by('at: a, updated_at: u, loaded_at: l')).toBe('l')
  expect(await by('at: a, updated_at: u')).toBe('u')
  expect(await by('at: a')).toBe('a')
})

test('freshness that only warns is a warning', async () => {
  const severity = async (bounds: string) => {
    const [first] = await testsOf(`sources:\n  t: { table: raw.t, at: a, freshness: { ${bounds} } }\n`)
    return first?.severity
  }
  expect(await severity('warn_after: 24h')).toBe('warn')
  expect(await severity('warn_after: 24h, error_after: 3 days')).toBe('error')
})

test('sources come first, then entities; what is switched off is not tested', async () => {
  const tests = await testsOf(
    `sources:
  t: { table: raw.t, columns: { a: { tests: [not_null] } }, tests: [{ row_count: { min: 1 } }] }
  off: { enabled: false, table: raw.o, columns: { a: { tests: [not_null] } } }
`,
    {
      'models/entities.yaml': `entities:
  customer:
    identifiers: { crm_id: {}, email: {} }
    tests: [{ unique: [name, email] }]
`,
      'models/zoo.yaml': `traits:
  customer:
    nick: { pick: name, from: contacts, tests: [not_null] }
    gone: { enabled: false, pick: name, from: contacts, tests: [not_null] }
`,
    },
  )
  expect(tests.map(({ name }) => name)).toEqual([
    't.a not_null',
    't row_count',
    'customer.nick not_null',
    'customer unique (name, email)',
  ])
})

test('editors know which tests stand where', () => {
  const { sources, traits, entities } = jsonSchemas() as Readonly<
    Record<string, { properties: Record<string, { items: { anyOf: readonly Record<string, unknown>[] } }> }>
  >
  const told = (schema: typeof sources) =>
    schema?.properties.tests?.items.anyOf.map((one) => one.enum ?? (one.required as readonly string[])[0])
  expect(told(sources)).toEqual(['unique', 'row_count', 'expression'])
  expect(told(entities)).toEqual(['unique', 'row_count', 'expression'])
  expect(told(traits)).toEqual([['not_null', 'unique'], 'not_null', 'unique', 'accepted_values', 'relationships'])
  expect(sources?.properties.freshness).toMatchObject({ properties: { warn_after: { type: 'string' } } })
})
