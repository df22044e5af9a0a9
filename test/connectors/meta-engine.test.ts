import { expect, test } from 'vitest'
import { meta } from '../../src/connectors/meta/index.ts'
import { ACCOUNT, hash, INTO, vendor } from '../support/meta.ts'
import { openBench } from '../support/vendor.ts'
import { Bench } from '../unit/sync/harness.ts'

const COLUMNS = { key: ['profile_id'], fields: ['EMAIL'] }

test('with the real engine, an audience that may not become smaller first grows, and then lets go who left', async () => {
  const bench = new Bench({
    mode: 'mirror',
    removes: true,
    withdraws: false,
    fields: [{ name: 'EMAIL', onNull: 'skip', write: 'always' }],
    matchFields: new Set(['EMAIL']),
  })
  const audiences = new Map([['238501', { name: 'Customers', inUse: true as const }]])
  const place = await openBench(vendor({ now: () => bench.clock.time, audiences }), { columns: COLUMNS })
  const run = (from: number, to: number) => {
    bench.rows = Array.from({ length: to - from }, (_, n) => ({
      profileId: `p${from + n}`,
      key: { profile_id: `p${from + n}` },
      values: { EMAIL: `a${from + n}@x.fr` },
    }))
    const io = { ...place.io, now: () => bench.clock.time }
    return bench.run({
      connector: meta as never,
      account: ACCOUNT,
      into: INTO,
      channel: meta.open(ACCOUNT, io) as never,
    })
  }
  const held = () => place.emulator.contents().flatMap(({ rows }) => rows.map((row) => row.EMAIL))
  await run(0, 100)
  expect(await run(10, 110)).toMatchObject({ creates: 10, written: 10, removes: 10, again: 10 })
  expect(held()).toHaveLength(110)
  bench.clock.time += 600_000
  expect(await run(10, 110)).toMatchObject({ creates: 0, removes: 10, written: 10 })
  expect(held().sort()).toEqual(Array.from({ length: 100 }, (_, n) => hash(`a${n + 10}@x.fr`)).sort())
})
