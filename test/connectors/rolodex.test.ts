import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectorContract } from '../contract/connector.ts'
import { rolodexVendor } from '../fixtures/rolodex/emulator.ts'
import { rolodex } from '../fixtures/rolodex/index.ts'
import { repository } from '../support/cli.ts'

// The connector that CONTRIBUTING.md walks through, of a vendor that does not exist: it keeps every promise, so that
// whoever begins with it begins with something right.

const TOKEN = 'canary-rolodex-token'

connectorContract({
  connector: rolodex,
  account: { token: TOKEN },
  into: { book: 'friends' },
  secrets: [TOKEN],
  columns: { key: ['email'], fields: ['name'] },
  vendor: () => rolodexVendor({ token: TOKEN }),
  row: (n) => ({ key: { email: `p${n}@shop.test` }, fields: { name: `Person ${n}` } }),
  bad: { key: { email: 'nobody' }, fields: { name: 'Nobody' } },
  leave: { verb: 'delete' },
  isWrite: ({ method }) => method !== 'GET',
  wholeRefused: { status: 400, body: { error: 'no' } },
  skip: [
    {
      case: 'has a page that says what its definition says, and where credentials come from',
      why: 'nobody can use it, so docs/destinations has no page of it',
    },
  ],
})

test('what CONTRIBUTING.md shows of it is what it is', () => {
  const text = readFileSync(join(repository, 'CONTRIBUTING.md'), 'utf8')
  const shown = [...text.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)]
  expect(shown.map(([, path]) => path)).toEqual([
    'test/fixtures/rolodex/index.ts',
    'test/fixtures/rolodex/index.ts',
    'test/fixtures/rolodex/emulator.ts',
    'test/connectors/rolodex.test.ts',
  ])
  for (const [, path = '', code = ''] of shown) {
    const source = readFileSync(join(repository, path), 'utf8')
    for (const part of code.split('// …\n')) expect(source, path).toContain(part)
  }
})
