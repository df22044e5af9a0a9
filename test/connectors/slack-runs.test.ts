import { expect, test } from 'vitest'
import { slackVendor } from '../../src/connectors/slack/emulator.ts'
import { slack } from '../../src/connectors/slack/index.ts'
import { openBench } from '../support/vendor.ts'
import { Bench } from '../unit/sync/harness.ts'

// With the real engine: what becomes of a message whose answer was lost, in the same run and in the next.

const ACCOUNT = { token: 'xoxb-canary-0123456789' }
const COLUMNS = { key: ['k'], fields: ['v'] }

async function open(into: object) {
  const bench = new Bench({
    mode: 'insert',
    removes: false,
    withdraws: false,
    fields: [{ name: 'v', onNull: 'skip', write: 'always' }],
    matchFields: new Set(),
  })
  const scopes = ['chat:write', 'channels:history']
  const vendor = slackVendor({
    token: { value: ACCOUNT.token, scopes },
    channels: [{ id: 'C0123456' }],
    now: () => bench.clock.time,
  })
  const wire = await openBench(vendor, { columns: COLUMNS, mode: 'insert' })
  const io = { ...wire.io, now: () => bench.clock.time }
  const place = slack.into.parse({ channel: 'C0123456', message: '{{#each rows}}{{k}} {{/each}}', ...into })
  const run = () =>
    bench.run({ connector: slack, account: ACCOUNT, into: place, channel: slack.open(ACCOUNT, io) as never })
  const posts = () => wire.seen.filter(({ path }) => path === '/api/chat.postMessage').length
  const texts = () => wire.emulator.contents().flatMap(({ rows }) => rows.map((row) => row.text))
  return { bench, wire, run, posts, texts }
}

test.each([
  ['told twice by the next run, and not more often', {}, ['k0 k1 ', 'k0 k1 ']],
  ['told once with `check_history`', { check_history: true }, ['k0 k1 ']],
  ['told once with `when_unsure: leave`', { when_unsure: 'leave' }, ['k0 k1 ']],
])('a message that was posted and not answered for is %s', async (_, into, expected) => {
  const { bench, wire, run, posts, texts } = await open(into)
  bench.audience({ k0: 'a', k1: 'b' })
  wire.fault = ({ path }) => (path.endsWith('postMessage') ? { kind: 'reset', effect: true } : undefined)
  const first = await run()
  expect(posts()).toBe(1)
  expect(first.written).toBe(0)

  wire.fault = undefined
  // Nothing is sent while the lost message could still arrive.
  await run()
  expect(posts()).toBe(1)
  bench.clock.time += 600_000
  await run()
  await run()
  expect(texts().map((text) => [...String(text).split(' ')].sort().join(' ').trim())).toEqual(
    expected.map((text) => text.trim()),
  )
})

test('a message that was not posted is posted by the next run', async () => {
  const { bench, wire, run, posts, texts } = await open({ check_history: true })
  bench.audience({ k0: 'a' })
  wire.fault = ({ path }) => (path.endsWith('postMessage') ? { kind: 'reset', effect: false } : undefined)
  expect(await run()).toMatchObject({ status: 'partial', written: 0 })
  wire.fault = undefined
  bench.clock.time += 600_000
  expect(await run()).toMatchObject({ status: 'ok', written: 1 })
  expect([posts(), texts()]).toEqual([2, ['k0 ']])
})

test('rows are told at a message a second and channel, which the vendor never has to ask for', async () => {
  const { bench, wire, run, texts } = await open({ per: 'row', message: '{{k}}' })
  bench.audience(Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, 'a'])))
  const began = bench.clock.time
  expect(await run()).toMatchObject({ status: 'ok', written: 40, calls: 40, retries: 0 })
  expect(bench.clock.time - began).toBeGreaterThanOrEqual(39_000)
  expect(bench.clock.time - began).toBeLessThan(43_000)
  expect(texts()).toHaveLength(40)
  expect(wire.seen).toHaveLength(40)
})
