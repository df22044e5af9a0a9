import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Connector, Io } from '../../src/connectors/connector.ts'
import { connectors } from '../../src/connectors/index.ts'
import { openSandbox } from '../../src/connectors/sandbox/index.ts'
import type { SandboxDestination, SandboxOptions } from '../../src/connectors/sandbox/sandbox.ts'
import { channelOf, placeIn } from '../support/sql.ts'
import { changeOf, temporaryFolder } from '../support/vendor.ts'

const COLUMNS: Io['columns'] = { key: ['id'], fields: ['Name', 'spent'] }
const INTO = placeIn('people', { columns: { spent: 'number' } })
// A variable that is not set stands for the address.
const ACCOUNT = { client: 'mysql' as const, url: 'https://sandbox.invalid/-us1', ssl: 'on' as const, connections: 2 }

function destination(more: Partial<SandboxDestination> = {}): SandboxDestination {
  return { name: 'crm', type: 'sql', account: ACCOUNT, places: [{ into: INTO, columns: COLUMNS }], ...more }
}

async function open(directory: string, options: Partial<SandboxOptions> = {}) {
  const sandbox = await openSandbox({ directory, destinations: [destination()], ...options })
  await sandbox.accept()
  let isOpen = true
  const close = async () => {
    if (isOpen) await sandbox.close()
    isOpen = false
  }
  onTestFinished(close)
  const table = channelOf(ACCOUNT, INTO, { columns: COLUMNS }, () => sandbox.database('crm'))
  const rows = async () => (await sandbox.contents()).map(({ holdings }) => holdings)
  return { sandbox, close, rows, ...table }
}

const ADA = changeOf({ id: '1' }, { Name: 'Ada', spent: 1.5 })
const HELD = [[{ place: 'table people', rows: [{ id: '1', Name: 'Ada', spent: '1.5000000000' }] }]]

describe('the table of a database in the sandbox', () => {
  test('is there from the start, whatever database is declared, and is shown', async () => {
    const { sandbox, check, send, rows } = await open(await temporaryFolder())
    expect(await rows()).toEqual([[]])
    await check()
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(await rows()).toEqual(HELD)
    expect(sandbox.counters().get('crm')).toEqual({ calls: 3, writes: 1 })
  })

  test('outlives the process, and gets columns that a sync names later', async () => {
    const directory = await temporaryFolder()
    const first = await open(directory)
    await first.send(ADA)
    await first.close()
    const columns = { ...COLUMNS, fields: [...COLUMNS.fields, 'city'] }
    const destinations = [destination({ places: [{ into: INTO, columns }] })]
    const second = await open(directory, { destinations })
    expect(second.sandbox.fresh).toBe(false)
    expect(await second.rows()).toEqual(HELD)
    await second.check()
    await second.send(changeOf({ id: '1' }, { Name: 'Ada', spent: 1.5, city: 'Lyon' }))
    expect(await second.rows()).toMatchObject([[{ rows: [{ id: '1', city: 'Lyon' }] }]])
  })

  test('follows its destination to a new name', async () => {
    const directory = await temporaryFolder()
    const first = await open(directory)
    await first.send(ADA)
    await first.close()
    const renamed = await openSandbox({ directory, destinations: [destination({ name: 'shop', was: 'crm' })] })
    onTestFinished(() => renamed.close())
    expect(await renamed.contents()).toEqual([{ destination: 'shop', holdings: HELD[0] }])
  })

  test('is gone behind a reset, and made again', async () => {
    const { sandbox, send, rows } = await open(await temporaryFolder())
    await send(ADA)
    await sandbox.reset()
    expect(await rows()).toEqual([[]])
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(await rows()).toEqual(HELD)
  })

  test('is shared by destinations with one database, and no others', async () => {
    const other = { ...ACCOUNT, host: 'elsewhere' }
    const names = ['crm', 'crm2'].map((name) => destination({ name }))
    const destinations = [...names, destination({ name: 'apart', account: other })]
    const { sandbox, send } = await open(await temporaryFolder(), { destinations })
    await send(ADA)
    const held = (await sandbox.contents()).map((one) => one.holdings.flatMap(({ rows }) => rows).length)
    expect(held).toEqual([1, 1, 0])
  })

  test.each([false, true])('can lose its connection during a commit (effect: %s)', async (effect) => {
    let left = 1
    const points: string[] = []
    const { send, rows } = await open(await temporaryFolder(), {
      fault: (_, { method }) => (method === 'POST' && left-- > 0 ? { kind: 'reset', effect } : undefined),
      observe: (_, point, { method }) => {
        if (method === 'POST') points.push(point)
      },
    })
    await expect(send(ADA)).rejects.toMatchObject({ kind: 'transient', code: 'network', applied: 'maybe' })
    expect((await rows()).flat().flatMap((one) => one.rows)).toHaveLength(effect ? 1 : 0)
    expect(points).toEqual(effect ? ['received', 'applied'] : ['received'])
    expect(await send(ADA)).toEqual([{ outcome: 'written' }])
    expect(await rows()).toEqual(HELD)
  })

  test('lies in a folder of the sandbox, and the declared server is not asked for', async () => {
    const directory = await temporaryFolder()
    const { sandbox } = await open(directory)
    const connector = connectors().get('sql') as Connector<unknown, unknown>
    const io = { columns: COLUMNS, mode: 'mirror', now: () => 0 } as unknown as Io
    const channel = connector.open(ACCOUNT, {
      ...io,
      database: (_, server) => {
        expect(server).toThrow('"url"')
        return sandbox.database('crm')
      },
    })
    await channel.check(INTO)
    expect(join(directory, 'tables', 'crm.duckdb')).toSatisfy((path: string) => existsSync(path))
  })
})
