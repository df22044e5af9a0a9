import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Channel, DestinationError } from '../../../src/connectors/connector.ts'
import { plan } from '../../../src/plan.ts'
import { draftSync } from '../../../src/sync/draft.ts'
import type { SyncJob } from '../../../src/sync/job.ts'
import { edit, expected, filledShop, held, inSandbox, runInSandbox } from '../../support/small-shop.ts'
import { Bench, people } from './harness.ts'

/** A mirror that owns its place, at a vendor that can be read. */
function owner() {
  const bench = new Bench({ owned: true })
  let trouble: unknown
  const channel: Channel<unknown> = {
    ...bench.channel,
    read: async function* () {
      if (trouble !== undefined) throw trouble
      for (const [k, fields] of bench.vendor) yield { key: { k }, fields }
    },
  }
  const more: Partial<SyncJob> = { channel, owns: { keyText: (key) => JSON.stringify(key) } }
  return {
    bench,
    run: (also: Partial<SyncJob> = {}) => bench.run({ ...more, ...also }),
    draft: () => draftSync(bench.job(more)),
    fail: (error: unknown) => {
      trouble = error
    },
  }
}

describe('a mirror that owns its place', () => {
  test('removes what it never sent, and what others put back, and then has nothing to do', async () => {
    const { bench, run } = owner()
    bench.vendor.set('stranger', { v: 'x' })
    bench.audience({ a: '1', b: '1' })
    expect(await run()).toMatchObject({ status: 'ok', creates: 2, removes: 1, strangers: 1, written: 3 })
    expect([...bench.vendor.keys()]).toEqual(['a', 'b'])
    expect(bench.requests[0]?.map(({ op, key, leave }) => [op, key.k, leave?.verb])).toEqual([
      ['remove', 'stranger', 'remove'],
    ])
    expect(await run()).toMatchObject({ removes: 0, calls: 0 })

    bench.audience({ a: '1' })
    expect(await run()).toMatchObject({ removes: 1, written: 1 })
    bench.vendor.set('b', { v: 'put back' }).set('stranger', { v: 'again' })
    expect(await run()).toMatchObject({ removes: 2, strangers: 2, written: 2 })
    expect([...bench.vendor.keys()]).toEqual(['a'])
    expect(await run()).toMatchObject({ removes: 0, calls: 0 })
  })

  test('takes over whom it finds there and wants there', async () => {
    const { bench, run } = owner()
    bench.vendor.set('a', { v: 'theirs' })
    bench.audience({ a: '1' })
    expect(await run()).toMatchObject({ creates: 1, removes: 0, written: 1 })
    expect(bench.vendor.get('a')).toEqual({ v: '1' })
  })

  test('leaves alone what comes after it has looked', async () => {
    const { bench, run } = owner()
    bench.audience({ a: '1' })
    bench.answer = () => {
      bench.vendor.set('late', { v: 'x' })
      return undefined
    }
    expect(await run()).toMatchObject({ creates: 1, removes: 0 })
    expect(bench.vendor.has('late')).toBe(true)
    expect(await run()).toMatchObject({ removes: 1, strangers: 1 })
  })

  test('is stopped where it would empty a place that somebody else has filled', async () => {
    const { bench, run } = owner()
    for (const [key, v] of Object.entries(people(300))) bench.vendor.set(`x${key}`, { v })
    bench.audience(people(5))
    const outcome = await run()
    expect(outcome).toMatchObject({ status: 'blocked', removes: 300, strangers: 300, written: 0 })
    expect(outcome.blocked_by).toMatch(/300 of 300 rows would leave .* 300 of them cdp never sent/)
    bench.audience({})
    expect(await run()).toMatchObject({ status: 'blocked', breaches: [{ guard: 'empty_audience' }] })
    expect(bench.requests).toEqual([])
    expect(bench.vendor.size).toBe(300)
    bench.audience(people(5))
    expect(await run({ guard: { maxRemoved: 1 } })).toMatchObject({ status: 'ok', removes: 300, written: 305 })
    expect(bench.vendor.size).toBe(5)
  })

  test('removes only what it sent where it cannot look, and says so', async () => {
    const { bench, run, fail } = owner()
    bench.audience({ a: '1', b: '1' })
    await run()
    bench.vendor.set('stranger', { v: 'x' })
    bench.audience({ a: '1' })
    fail(new DestinationError('transient', 'http_503', 'Down.'))
    const outcome = await run()
    expect(outcome).toMatchObject({ status: 'ok', removes: 1, written: 1 })
    expect(outcome.diagnostics).toMatchObject([{ code: 'destination/unreachable', severity: 'warning' }])
    expect([...bench.vendor.keys()]).toEqual(['a', 'stranger'])
  })

  test('is planned with what it finds, and nothing of that stays', async () => {
    const { bench, draft } = owner()
    bench.vendor.set('stranger', { v: 'x' })
    bench.audience({ a: '1' })
    expect((await draft()).outcome).toMatchObject({ status: 'planned', creates: 1, removes: 1, strangers: 1 })
    expect(bench.warehouse.snapshot.size).toBe(0)
    expect([...bench.vendor.keys()]).toEqual(['stranger'])
  })

  test('that is switched off leaves everything that it never sent', async () => {
    const { bench, run } = owner()
    for (const [key, v] of Object.entries(people(300))) bench.vendor.set(`x${key}`, { v })
    bench.audience(people(5))
    expect(await run()).toMatchObject({ status: 'blocked' })
    const plain = new Bench()
    Object.assign(plain.warehouse, { ...bench.warehouse, rows: () => bench.rows })
    expect(await plain.run()).toMatchObject({ status: 'ok', creates: 5, removes: 0 })
  })
})

const filled = filledShop()

test('in the sandbox contacts whom somebody else has added go, once', async () => {
  const shop = await filled()
  const path = join(shop, 'destinations/newsletter.yaml')
  const text = await readFile(path, 'utf8')
  // Another sync of another day added everybody who has an address, and is no more.
  const all = text
    .replace('readers_to_newsletter:', 'all_to_newsletter:')
    .replace('audience: readers', 'audience: customer')
    .replace('mode: mirror', 'mode: upsert')
    .replace('    on_leave: archive\n', '')
  await writeFile(path, all)
  const before = await runInSandbox(shop)
  const there = Object.keys(held(before).newsletter ?? {}).length
  expect(there).toBeGreaterThan(40)
  await writeFile(
    path,
    text.replace('    key: email', '    owned: true\n    guard: { max_removed: 100% }\n    key: email'),
  )
  await edit(shop, 'people', 'P005', { newsletter: 'no' })

  const planned = await inSandbox(shop, (request, environment) =>
    plan(request, environment, { keep: false, showValues: false }),
  )
  const find = <T extends { readonly name: string }>(syncs: readonly T[]) =>
    syncs.find(({ name }) => name === 'readers_to_newsletter')
  expect(find(planned.report.syncs)).toMatchObject({ removes: there - 39, strangers: there - 40 })
  expect(planned.writes).toBe(0)

  const run = await runInSandbox(shop)
  expect(find(run.report.syncs)).toMatchObject({
    status: 'ok',
    removes: there - 39,
    strangers: there - 40,
    creates: 0,
    updates: 0,
  })
  expect(held(run)).toEqual(await expected(shop))
  // Whoever owns its place asks what is there.
  const idle = await runInSandbox(shop)
  expect(idle.writes).toBe(0)
  expect(find(idle.report.syncs)).toMatchObject({ removes: 0, calls: 1 })
})
