import { expect, test } from 'vitest'
import { meta } from '../../src/connectors/meta/index.ts'
import { FIELDS } from '../../src/connectors/meta/users.ts'
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

test('with the real engine, the phone of a household stays as long as one of them does', async () => {
  const bench = new Bench({
    mode: 'mirror',
    removes: true,
    withdraws: false,
    fields: ['EMAIL', 'PHONE'].map((name) => ({ name, onNull: 'skip', write: 'always' })),
    matchFields: new Set(['EMAIL', 'PHONE']),
    lists: new Map(FIELDS.flatMap(({ name, list }) => (list === undefined ? [] : [[name, list]]))),
  })
  const columns = { key: ['profile_id'], fields: ['EMAIL', 'PHONE'] }
  const place = await openBench(vendor({ now: () => bench.clock.time }), { columns })
  const run = (...people: readonly (readonly [email: string, phone: string])[]) => {
    bench.rows = people.map(([email, phone]) => ({
      profileId: email,
      key: { profile_id: email },
      values: { EMAIL: `${email}@x.fr`, PHONE: phone },
    }))
    return bench.run({
      connector: meta as never,
      account: ACCOUNT,
      into: INTO,
      channel: meta.open(ACCOUNT, place.io) as never,
    })
  }
  const phones = () => place.emulator.contents().flatMap(({ rows }) => rows.flatMap((row) => row.PHONE ?? []))
  const [home, other] = ['33612345678', '33687654321']
  await run(['ann', home], ['bob', home], ['eve', other])
  await run(['bob', home], ['eve', other])
  expect(new Set(phones())).toEqual(new Set([home, other].map(hash)))
  await run(['bob', home], ['eve', home])
  expect(new Set(phones())).toEqual(new Set([hash(home)]))
  await run(['bob', other])
  expect(new Set(phones())).toEqual(new Set([hash(other)]))
})
