import { describe, expect, test } from 'vitest'
import { defaultBlocks } from '../../../src/project/blocks.ts'
import type { Block, Entity, Project } from '../../../src/project/project.ts'
import { jsonSchemas } from '../../../src/project/schema.ts'
import { normalisers } from '../../support/normalisers.ts'
import { type Files, read } from '../../support/shop.ts'

async function project(files: Files): Promise<Project> {
  const { project: found, diagnostics } = await read(files)
  if (!found || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics, null, 2))
  return found
}

/** The customer of the shop with more said of it. */
async function customer(more: string, identifiers = 'crm_id: {}, email: {}'): Promise<Entity> {
  const entities = `entities:\n  customer:\n    identifiers: { ${identifiers} }\n${more}`
  const found = (await project({ 'models/entities.yaml': entities })).entities.get('customer')
  if (!found) throw new Error('no customer')
  return found
}

describe('an entity', () => {
  test('has no limits, lists, guard or members unless it says so', async () => {
    expect(await customer('')).toMatchObject({
      of: undefined,
      always: undefined,
      never: undefined,
      guard: { maxProfileSize: undefined, maxMergeRate: undefined, onViolation: 'fail' },
      identifiers: [{ limit: undefined }, { limit: undefined }],
    })
  })

  test('may limit how many values of a type one profile has', async () => {
    const { identifiers } = await customer('', 'crm_id: { limit: 1 }, email: { limit: 5, max_fanout: 20 }')
    expect(identifiers.map(({ limit, maxFanout }) => [limit, maxFanout])).toEqual([
      [1, undefined],
      [5, 20],
    ])
  })

  test.each([
    ['{ max_profile_size: 500, max_merge_rate: 2% }', [500, 0.02, 'fail']],
    ['{ max_merge_rate: 0.5 % }', [undefined, 0.005, 'fail']],
    ['{ max_profile_size: 500, on_violation: quarantine }', [500, undefined, 'quarantine']],
    ['{ max_merge_rate: 0%, on_violation: fail }', [undefined, 0, 'fail']],
    ['{}', [undefined, undefined, 'fail']],
  ])('is guarded by %s', async (guard, [maxProfileSize, maxMergeRate, onViolation]) => {
    expect((await customer(`    guard: ${guard}\n`)).guard).toEqual({ maxProfileSize, maxMergeRate, onViolation })
  })

  test('may group the profiles of another one; then its strongest identifier may be shared by some of them', async () => {
    const found = await project({
      'models/more.yaml':
        'entities:\n  household: { of: customer, identifiers: { address: { max_fanout: 12, limit: 3 } } }\n',
      'models/homes.yaml':
        'sources:\n  homes: { sql: "select 1 as address, 2 as email", identifiers: { address: address, email: email } }\n',
      'models/segments.yaml': 'segments:\n  vips: { of: customer, where: vip }\n',
    })
    expect(found.entities.get('household')).toMatchObject({
      of: 'customer',
      identifiers: [{ maxFanout: 12, limit: 3 }],
    })
    expect(found.entities.get('customer')?.of).toBeUndefined()
  })
})

describe('a list of identifiers', () => {
  test('is a source that no map of the project holds', async () => {
    const found = await project({
      'models/entities.yaml':
        'entities:\n  customer:\n    identifiers: { crm_id: {}, email: {}, phone: {} }\n    never_merge:\n      table: raw.unmerge\n      identifiers: { email: [left, right], phone: { column: phone, country: country } }\n',
    })
    expect(found.entities.get('customer')?.never).toEqual({
      name: 'customer_never',
      at: expect.objectContaining({ file: 'models/entities.yaml', line: 4, column: 5 }),
      description: undefined,
      owner: undefined,
      tags: [],
      relation: { kind: 'table', schema: 'raw', table: 'unmerge' },
      category: 'event',
      key: undefined,
      occurredAt: undefined,
      updatedAt: undefined,
      loadedAt: undefined,
      overlapHours: 0,
      appendOnly: false,
      mayBeEmpty: false,
      identifiers: [
        { type: 'email', column: 'left', country: undefined },
        { type: 'email', column: 'right', country: undefined },
        { type: 'phone', column: 'phone', country: 'country' },
      ],
      types: new Map(),
      pii: new Map(),
      belongsTo: new Map(),
    })
    expect([...found.sources.keys()]).not.toContain('customer_never')
    expect(found.places?.relations.get('customer_never')).toMatchObject({ line: 5, column: 14 })
    const columns = found.places?.columns.filter((one) => one.source === 'customer_never')
    expect(columns?.map((one) => one.column)).toEqual(['left', 'right', 'phone', 'country'])
  })

  test('without identifiers has rows that say the type of each value', async () => {
    const { always } = await customer('    always_merge: { table: confirmed, may_be_empty: true }\n')
    expect(always).toMatchObject({
      name: 'customer_always',
      relation: {
        kind: 'pairs',
        of: { kind: 'table', schema: undefined, table: 'confirmed' },
        types: ['crm_id', 'email'],
      },
      mayBeEmpty: true,
      identifiers: [
        { type: 'crm_id', column: 'crm_id_a' },
        { type: 'crm_id', column: 'crm_id_b' },
        { type: 'email', column: 'email_a' },
        { type: 'email', column: 'email_b' },
      ],
    })
  })

  test('may be files, or SQL over sources', async () => {
    const { always, never } = await customer(
      `    always_merge: { file: data/same*.csv, identifiers: { email: [a, b] } }\n    never_merge: { sql: "select * from {{ ref('orders') }} where x = 1" }\n`,
    )
    expect(always?.relation).toEqual({ kind: 'file', path: 'data/same*.csv', format: 'csv' })
    expect(never?.relation).toMatchObject({
      kind: 'pairs',
      of: { kind: 'sql', pieces: ['select * from ', { source: 'orders' }, ' where x = 1'] },
    })
  })
})

describe('a source', () => {
  test('is read again from 96 hours before its newest row, and may not become empty', async () => {
    const { sources } = await project({ 'models/more.yaml': 'sources:\n  s: { table: t, loaded_at: at }\n' })
    expect(sources.get('s')).toMatchObject({ loadedAt: 'at', overlapHours: 96, mayBeEmpty: false })
  })

  test.each([
    ['3 days', 72],
    ['12h', 12],
    ['0 hours', 0],
    ['90 minutes', 2],
    ['7200 seconds', 2],
    ['1 week', 168],
    ['1 month', 744],
    ['2 quarters', 4416],
    ['1 year', 8784],
  ])('may overlap by %s', async (overlap, hours) => {
    const { sources } = await project({
      'models/more.yaml': `sources:\n  s: { table: t, loaded_at: at, overlap: ${overlap}, may_be_empty: true }\n`,
    })
    expect(sources.get('s')).toMatchObject({ overlapHours: hours, mayBeEmpty: true })
  })
})

describe('values that identify nobody', () => {
  const isBlocked = (how: 'email' | 'text' | 'exact', written: string) => {
    const form = normalisers[how](written)
    return form === null || defaultBlocks(how).some((block) => fits(block, form))
  }
  const fits = (block: Block, form: string) =>
    block.kind === 'value' ? block.value === form.toLowerCase() : new RegExp(block.pattern).test(form)

  test.each([
    '00000000-0000-0000-0000-000000000000',
    '{00000000-0000-0000-0000-000000000000}',
    'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
    '00:00:00:00:00:00',
    '02:00:00:00:00:00',
    '0.0.0.0',
    '127.0.0.1',
    '0',
    '0000',
    '-1',
    ' NULL ',
    '\\N',
    '#N/A',
    'N.A.',
    'deleted',
    'Anonymous',
    'True',
    '-',
    '""',
    '[]',
    '{}',
    '???',
    '. . .',
    '',
  ])('%j is none, compared exactly or as text', (value) => {
    expect([isBlocked('exact', value), isBlocked('text', value)]).toEqual([true, true])
  })

  test.each([
    'test@test.com',
    'Test@Test.test',
    'test@test',
    'noreply@lanterne.example',
    'no_reply@x.fr',
    'deleted@x.fr',
    'n/a@x.fr',
    'unknown',
    'not an address',
  ])('%j is no e-mail address', (value) => {
    expect(isBlocked('email', value)).toBe(true)
  })

  test.each([
    '1',
    '10',
    '-10',
    '999999',
    '123456',
    '0a',
    'C-1',
    'test1',
    'True Blue',
    'deleted_2',
    '02:00:00:00:00:01',
    '192.168.0.1',
    '10.0.0.0',
    '00000000-0000-0000-0000-000000000001',
    'Nguyễn',
    'نعم',
    '🙂',
  ])('%j is somebody', (value) => {
    expect([isBlocked('exact', value), isBlocked('text', value)]).toEqual([false, false])
  })

  test.each([
    'anna@example.com',
    'nona@x.fr',
    'test@gmail.com',
    'nobodyelse@x.fr',
    'deleted.scenes@x.fr',
    'a@a.fr',
    'user@x.fr',
    'test.test@test.com',
  ])('%j is the address of somebody', (value) => {
    expect(isBlocked('email', value)).toBe(false)
  })
})

test('an editor is told of every key of identity, and of no other', () => {
  const { entities, sources } = jsonSchemas()
  const keys = (schema: object): readonly string[] => Object.keys((schema as { properties: object }).properties)
  const inside = (schema: object, name: string) =>
    (schema as { properties: Record<string, { properties?: object; additionalProperties?: object }> }).properties[name]
  expect(keys(entities)).toEqual(expect.arrayContaining(['of', 'always_merge', 'never_merge', 'guard']))
  expect(keys(inside(entities, 'never_merge') ?? {})).toEqual([
    'table',
    'file',
    'sql',
    'dbt',
    'identifiers',
    'may_be_empty',
  ])
  expect(keys(inside(entities, 'guard') ?? {})).toEqual(['max_profile_size', 'max_merge_rate', 'on_violation'])
  expect(keys(inside(entities, 'identifiers')?.additionalProperties ?? {})).toContain('limit')
  expect(keys(sources)).toEqual(expect.arrayContaining(['overlap', 'may_be_empty']))
})
