import { expect, test } from 'vitest'
import { graphOf } from '../../../src/project/graph.ts'
import { read } from '../../support/shop.ts'

test('SQL of a list may lie in a file of its own, anywhere, and belongs to the needs of its entity', async () => {
  const { project, diagnostics } = await read({
    'models/entities.yaml':
      'entities:\n  customer:\n    identifiers: { crm_id: {}, email: {} }\n    never_merge: { sql: lists/unmerge.sql }\n    always_merge: { sql: models/same.sql }\n  household: { of: customer, identifiers: { address: {} } }\n',
    'models/segments.yaml': 'segments:\n  vips: { of: customer, where: vip }\n',
    'models/homes.yaml':
      'sources:\n  homes: { sql: "select 1 as address, 2 as email", identifiers: { address: address, email: email } }\n',
    'lists/unmerge.sql': "select * from {{ ref('prices') }}\n",
    'models/same.sql': 'select 1 as type_a\n',
  })
  expect(diagnostics).toEqual([])
  if (!project) throw new Error('x')
  expect(graphOf(project).get('entity:customer')?.needs).toContain('source:prices')
  expect(graphOf(project).get('entity:household')?.needs).toContain('entity:customer')
})
