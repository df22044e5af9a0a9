import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { edit, expected, held, runInSandbox, smallShop } from '../support/small-shop.ts'

// Told by the vendors, request by request; sample.test.ts shows the same of the sample project by what they keep.

test('one name and one order are one request each, and nothing changed is none', async () => {
  const directory = await smallShop()
  const first = await runInSandbox(directory)
  expect(first.report).toMatchObject({ status: 'ok', errors: [] })
  expect(first.writes).toBeGreaterThan(15)
  expect(held(first)).toEqual(await expected(directory))

  const second = await runInSandbox(directory)
  expect(second).toMatchObject({ writes: 0, calls: [], files: [] })
  expect(second.report.syncs).toHaveLength(4)
  for (const sync of second.report.syncs)
    expect(sync).toMatchObject({ status: 'ok', creates: 0, updates: 0, removes: 0, calls: 0 })

  await edit(directory, 'people', 'P002', { first_name: 'Oskar' })
  await edit(directory, 'orders', 'O007', { ordered_at: '2026-10-20 12:05:00' })
  const third = await runInSandbox(directory)
  const hash = createHash('md5').update('oscar.02@mail.example').digest('hex')
  expect([...third.calls].sort((a, b) => (a.destination < b.destination ? -1 : 1))).toMatchObject([
    {
      destination: 'hook',
      method: 'POST',
      body: '{"sync":"quiet_to_hook","changes":[{"op":"remove","key":"C005","fields":{}}]}',
    },
    { destination: 'newsletter', method: 'GET', path: '/3.0/lists/readers/merge-fields' },
    { destination: 'newsletter', method: 'PUT', path: `/3.0/lists/readers/members/${hash}` },
  ])
  expect(third).toMatchObject({ writes: 2, files: [] })
  expect(held(third)).toEqual(await expected(directory))
  const { newsletter, hook, ...others } = held(first)
  expect(held(third)).toEqual({
    ...others,
    newsletter: { ...newsletter, 'oscar.02@mail.example': { FNAME: 'Oskar', CITY: 'Lille' } },
    hook: Object.fromEntries(Object.entries(hook ?? {}).filter(([key]) => key !== 'C005')),
  })
})
