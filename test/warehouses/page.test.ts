import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { warehouses } from '../../src/warehouses/index.ts'
import { repository } from '../support/cli.ts'

const page = readFileSync(join(repository, 'docs/warehouses.md'), 'utf8')

test('the page has a section for every kind of warehouse, which names each of its options', () => {
  const missing = [...warehouses().values()].flatMap(({ type, options }) => {
    const section = page.split(/^## /m).find((one) => one.toLowerCase().startsWith(type)) ?? ''
    const rows = section.split('\n').filter((line) => line.startsWith('| '))
    const keys = Object.keys((options as unknown as z.ZodObject).shape)
    return keys
      .filter((key) => !rows.some((row) => row.split('|')[1]?.includes(`\`${key}\``)))
      .map((key) => [type, key])
  })
  expect(missing).toEqual([])
})
