import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { id, type Sql, sql } from '../../src/sql/sql.ts'
import { type SnowflakeOptions, snowflakeOptions } from '../../src/warehouses/snowflake-options.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import type { SnowflakeEmulator } from '../emulators/snowflake.ts'
import { connectTo, keyPair, snowflakeAccount } from '../support/snowflake.ts'
import { written } from '../support/written.ts'

let emulator: SnowflakeEmulator
let options: SnowflakeOptions
let owner: Session
beforeAll(async () => {
  ;({ emulator, options } = await snowflakeAccount({
    PAUL: { password: 'canary-4711', tokens: ['canary-token'], roles: ['READER', 'PUBLIC'], warehouse: 'CDP_XS' },
  }))
  owner = await connectTo(options)
  await owner.script(
    [
      'create schema if not exists raw',
      'create or replace table raw.orders (id bigint, word varchar)',
      'create or replace table raw.secrets (id bigint)',
      'grant usage on database ANALYTICS to role READER',
      'grant usage on warehouse CDP_XS to role READER',
      'grant usage on schema RAW to role READER',
      'grant select on table RAW.ORDERS to role READER',
    ].map(written),
  )
})
afterAll(async () => {
  await owner.close()
  await emulator.stop()
})

/** Another user, who gives what is said here. */
function as(given: Record<string, unknown>): SnowflakeOptions {
  const { account, database, access_url } = options
  return snowflakeOptions.parse({ account, database, access_url, user: 'PAUL', ...given })
}

async function failureOf(work: () => Promise<unknown>): Promise<CdpError> {
  try {
    await work()
  } catch (error) {
    if (error instanceof CdpError) return error
    throw error
  }
  throw new Error('nothing failed')
}

function first(query: Sql) {
  return owner.first({ statement: { name: 'count orders', reason: 'a test', sql: query } })
}

describe('logging in', () => {
  test('a wrong password is refused in the words of the server, and not shown', async () => {
    const error = await failureOf(() => connectTo(as({ password: 'canary-wrong' })))
    expect(error).toMatchObject({ who: 'warehouse', diagnostics: [{ code: 'warehouse/connection' }] })
    expect(error.message).toContain('Incorrect username or password was specified.')
    expect(error.message).toContain('account "acme-test"')
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('canary-wrong')
  })

  test('a key that is not the one of the user is told by its fingerprint', async () => {
    const { pem } = keyPair()
    const error = await failureOf(() => connectTo({ ...options, private_key: pem }))
    expect(error).toMatchObject({ who: 'warehouse' })
    expect(error.message).toContain('JWT token is invalid')
    expect(error.diagnostics[0]?.fix).toMatch(/`desc user` shows SHA256:[\w+/]{43}=/)
  })

  test('passwords and tokens open sessions as keys do', async () => {
    for (const given of [
      { password: 'canary-4711' },
      { token: 'canary-token' },
      { authenticator: 'oauth', token: 'canary-token' },
    ]) {
      const session = await connectTo(as(given))
      expect(await session.columns({ schema: 'raw', name: ['orders'] })).toEqual(
        new Map([
          ['id', 'integer'],
          ['word', 'text'],
        ]),
      )
      await session.close()
    }
  })

  test('a role that was not granted, a database that is not there, a key that is no key', async () => {
    const role = await failureOf(() => connectTo(as({ password: 'canary-4711', role: 'BOSS' })))
    expect(role.message).toContain("Role 'BOSS' specified in the connect string is not granted to this user.")
    expect(role.diagnostics[0]?.fix).toContain('grant role')
    const database = await failureOf(() => connectTo(as({ password: 'canary-4711', role: 'PUBLIC' })))
    expect(database.message).toMatch(/database "ANALYTICS" .* is not there, or the role "PUBLIC" may not use it/)
    const key = await failureOf(() => connectTo({ ...options, private_key: 'canary-no-key' }))
    expect(key).toMatchObject({ who: 'project', diagnostics: [{ code: 'warehouse/connection' }] })
    expect(key.message).not.toContain('canary')
    const nothing = await failureOf(() => connectTo(as({})))
    expect(nothing.diagnostics[0]?.fix).toContain('private_key_path')
  })

  test('nobody answers', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const away = { ...options, access_url: `http://127.0.0.1:${port}` }
    const error = await failureOf(() => connectTo(away))
    expect(error).toMatchObject({ who: 'warehouse', diagnostics: [{ code: 'warehouse/connection' }] })
    expect(error.diagnostics[0]?.fix).toContain('account identifier')
  })
})

describe('statements', () => {
  test('a table that the role may not read is told with what would let it', async () => {
    const session = await connectTo(as({ password: 'canary-4711' }))
    const query = sql`select count(*) as ${id('n')} from raw.secrets`
    const error = await failureOf(() =>
      session.first({ statement: { name: 'count secrets', reason: 'a test', sql: query } }),
    )
    expect(error.message).toMatch(
      /^count secrets failed: SQL compilation error:\nObject 'ANALYTICS.RAW.SECRETS' does not exist or not authorized/,
    )
    expect(error.diagnostics[0]?.fix).toContain('grant select on table')
    const writes = await failureOf(() => session.script([written('delete from raw.orders')]))
    expect(writes.message).toContain("Insufficient privileges to operate on schema 'RAW'")
    await session.close()
  })

  test('a schema that was made for the role is not asked for again', async () => {
    await owner.script([
      written('create schema if not exists cdp'),
      written('grant ownership on schema CDP to role READER'),
    ])
    const session = await connectTo(as({ password: 'canary-4711' }))
    await session.script([{ statement: { name: 's', reason: 'r', sql: session.dialect.createSchema('cdp') } }])
    const other = { statement: { name: 's', reason: 'r', sql: session.dialect.createSchema('other') } }
    await expect(session.script([other])).rejects.toThrow("Insufficient privileges to operate on database 'ANALYTICS'")
    await session.close()
  })

  test('a warehouse that does not run, and one whose quota is used up', async () => {
    const { warehouses } = emulator.account.setup
    const query = sql`select count(*) as ${id('n')} from raw.orders`
    warehouses.set('CDP_XS', { isSuspended: true })
    const suspended = await failureOf(() => first(query))
    expect(suspended.message).toContain('No active warehouse selected')
    expect(suspended.diagnostics[0]?.fix).toContain('`warehouse:`')
    warehouses.set('CDP_XS', { exhausted: 'MONTHLY' })
    const exhausted = await failureOf(() => first(query))
    expect(exhausted.message).toContain("resource monitor 'MONTHLY' has exceeded its quota")
    expect(exhausted.diagnostics[0]?.fix).toContain('raise the quota')
    warehouses.set('CDP_XS', {})
    expect(await first(query)).toEqual({ n: '0' })
  })

  test('a statement that takes longer than it may', async () => {
    emulator.account.setup.lasts = (text) => (text.includes('slow') ? 3_601 : 0)
    const session = await connectTo({ ...options, timeout: 3_600 })
    const error = await failureOf(() => session.script([written(`delete from raw.orders where word = 'slow'`)]))
    expect(error.message).toContain('timeout of 3600 second(s)')
    expect(error.diagnostics[0]?.fix).toContain('`timeout:`')
    await session.close()
  })

  test('the statement that failed is named, and what came before it in its transaction is undone', async () => {
    const insert = written(`insert into raw.orders select 1, 'x'`)
    const bad = {
      statement: {
        name: 'cast words',
        reason: 'a test',
        sql: written(`delete from raw.orders where cast(word as bigint) = 1`).statement.sql,
      },
    }
    const error = await failureOf(() => owner.script([insert, bad]))
    expect(error.message).toMatch(/^cast words failed: Numeric value 'x' is not recognized/)
    expect(await first(sql`select count(*) as ${id('n')} from raw.orders`)).toEqual({ n: '0' })
  })

  test('a page that is cut off in the middle ends the read with an error, not early', async () => {
    const rows = 25_000
    const seq = Array.from({ length: rows }, (_, at) => String(at))
    await owner.append({ schema: 'raw', name: ['orders'] }, { rows, columns: [seq, seq] })
    emulator.cutNextPage()
    let seen = 0
    const error = await failureOf(async () => {
      for await (const page of owner.read({ schema: 'raw', name: ['orders'] }, ['id'], 1_000)) seen += page.rows
    })
    expect(error.message).toMatch(/^read of raw.orders failed: /)
    expect(seen).toBeLessThan(rows)
    await owner.script([written('delete from raw.orders')])
  })

  test('a session whose token has run out is renewed, and goes on', async () => {
    emulator.expireTokens()
    expect(await first(sql`select count(*) as ${id('n')} from raw.orders`)).toEqual({ n: '0' })
  })

  test('every query is tagged with its statement', async () => {
    await first(sql`select count(*) as ${id('n')} from raw.orders`)
    expect(emulator.asked.at(-1)?.tag).toBe('cdp · count orders')
  })
})
