import { init, parse } from '@guanmingchiu/sqlparser-ts'
import knex from 'knex'
import { beforeAll, describe, expect, test } from 'vitest'
import type { DestinationError } from '../../src/connectors/connector.ts'
import { type DatabaseClient, DatabaseError, type DatabaseStatement } from '../../src/connectors/database.ts'
import { DIALECTS, inUtc, isTooLong } from '../../src/connectors/sql/dialects.ts'
import { failureOf } from '../../src/connectors/sql/errors.ts'
import { creationFor, grantsFor } from '../../src/connectors/sql/grants.ts'
import { type Account, databaseName, serverOf } from '../../src/connectors/sql/options.ts'
import { decoded } from '../../src/connectors/sql/read.ts'
import { openDatabase } from '../../src/connectors/sql/server.ts'
import { type Column, type Statements, statementsFor } from '../../src/connectors/sql/statements.ts'
import { expectGolden } from '../support/golden.ts'

// Statements are compared as text and parsed by a parser of their dialect. A real Postgres runs them in sql.test.ts, a real
// MariaDB, where there is one, in sql-mariadb.test.ts; no SQL Server does.

const CLIENTS: readonly DatabaseClient[] = ['postgres', 'mysql', 'sqlserver']
const KEY = ['Shop', 'number']

function column(type: string, family: Column['family']): Column {
  return { type, family, required: false, computed: false }
}

const COLUMNS = new Map<string, Column>([
  ['Shop', column('text', 'text')],
  ['number', column('bigint', 'integer')],
  ['näme "x"', column('text', 'text')],
  ['vip', column('boolean', 'boolean')],
  ['seen', column('timestamp with time zone', 'timestamp')],
  ['tags', column('json', 'json')],
])

/** Types of which SQL Server tells more as text. */
const PRECISE = new Map<string, Column>([
  ...COLUMNS,
  ['spent', column('decimal', 'number')],
  ['seen', column('datetimeoffset', 'timestamp')],
])

const ROWS = [
  { Shop: 'fr', number: 1, 'näme "x"': `O'Neill`, vip: true, seen: '2026-01-02T03:04:05.123456Z', tags: { a: [1] } },
  { Shop: 'fr', number: '9007199254740993', 'näme "x"': null, vip: false, seen: null, tags: null },
]

function statements(client: DatabaseClient, key = KEY): Statements {
  const made = knex({ client: DIALECTS[client].knex })
  return statementsFor(made, client, { schema: 'crm', table: 'People' }, key)
}

/** Every kind of statement. */
function allOf(
  client: DatabaseClient,
): readonly (readonly [title: string, statements: readonly DatabaseStatement[]])[] {
  const { upsert, update, present, set, remove, select, page, create, addUnique } = statements(client)
  const keys = ROWS.map(({ Shop, number }) => ({ Shop, number }))
  const asked = { names: [...COLUMNS.keys()], softDelete: 'seen' }
  const one = statements(client, ['Shop'])
  const precise = { names: ['Shop', 'spent', 'seen'], softDelete: undefined }
  return [
    ['upsert', upsert(ROWS, 'merge', COLUMNS)],
    ['upsert of keys alone', upsert(keys, 'merge', COLUMNS)],
    ['insert', upsert(ROWS, 'ignore', COLUMNS)],
    ['update', update(ROWS, COLUMNS)],
    ['which rows are there', present(ROWS, COLUMNS)],
    ['set', set(keys, { vip: false, seen: '2026-01-02T03:04:05Z' }, COLUMNS)],
    ['delete', remove(keys, COLUMNS)],
    ['delete by one column', one.remove(keys, COLUMNS)],
    ['read', select(keys, asked, COLUMNS)],
    ['read where a flag says who is gone', select(keys, { names: ['Shop'], softDelete: 'vip' }, COLUMNS)],
    ['read what is precise', select(keys, precise, PRECISE)],
    ['the first page', [page(undefined, 100, asked, COLUMNS)]],
    ['a page behind a key', [page(keys[0], 100, asked, COLUMNS)]],
    ['create', create([...COLUMNS].map(([name, { family }]) => ({ name, type: family })))],
    ['unique', [{ sql: addUnique(), values: [] }]],
  ]
}

describe('the statements', () => {
  beforeAll(() => init())

  test.each(CLIENTS)('of %s', (client) => {
    expectGolden(`connectors/sql/${client}.sql`, printed(allOf(client)))
  })

  test.each(CLIENTS)('of %s can be parsed by somebody else, and so can its questions', (client) => {
    const { dialect, createSchema } = statements(client)
    const { columns, unique, rights } = dialect
    const wanted = { table: statements(client).name, user: `o'b"r]i\`en`, database: 'shop' }
    const all = [
      ...allOf(client).flatMap(([, some]) => some.map(({ sql }) => sql)),
      ...[columns, unique, rights].filter((sql) => sql !== undefined),
      ...(client === 'sqlserver' ? [] : [createSchema(), creationFor(client, wanted, ['SELECT'])]),
      grantsFor(client, wanted, ['SELECT', 'UPDATE']),
    ]
    for (const sql of all) {
      expect(() => parsed(sql, client), sql).not.toThrow()
      // It does not take everything.
      expect(() => parsed(sql.replace(/ (into|set|from|on|table|schema) /i, ' ) '), client), sql).toThrow()
    }
  })

  test.each(CLIENTS)('of %s never have more values than one may have', (client) => {
    const { upsert, update, present, remove, select } = statements(client)
    const names = Array.from({ length: 60 }, (_, n) => `f${n}`)
    const rows = Array.from({ length: 1_000 }, (_, n) => ({
      ...Object.fromEntries(names.map((name) => [name, n])),
      Shop: 'x',
      number: n,
    }))
    const all = [
      upsert(rows, 'merge', COLUMNS),
      update(rows, COLUMNS),
      present(rows, COLUMNS),
      remove(rows, COLUMNS),
      select(rows, { names, softDelete: 'seen' }, COLUMNS),
    ]
    for (const some of all) {
      for (const { sql, values } of some) {
        expect(values.length).toBeLessThanOrEqual(DIALECTS[client].parameters)
        expect(sql.split('?').length - 1).toBe(values.length)
      }
    }
    const written = all[0]?.flatMap(({ values }) => values).length
    expect(written).toBe(1_000 * 62)
  })
})

const PARSERS = { postgres: 'postgresql', mysql: 'mysql', sqlserver: 'mssql' } as const

function parsed(sql: string, client: DatabaseClient): unknown {
  // The parser knows hints of tables elsewhere, but not in MERGE, where the alias comes behind them; and Postgres has `$1`
  // where knex still writes `?`.
  const written = client === 'postgres' ? sql.replaceAll('?', '$1') : sql.replace(' with (holdlock) as t', ' as t')
  return parse(written, PARSERS[client])
}

function printed(parts: readonly (readonly [string, readonly DatabaseStatement[]])[]): string {
  const value = (one: unknown) => (typeof one === 'bigint' ? `${one}n` : JSON.stringify(one))
  return parts
    .map(([title, all]) =>
      [`-- ${title}`, ...all.map(({ sql, values }) => `${sql}\n-- [${values.map(value).join(', ')}]`)].join('\n'),
    )
    .join('\n\n')
    .concat('\n')
}

describe('what a database answers', () => {
  // The codes that the vendors document, most of which real servers bring about in sql-mariadb-errors.test.ts and the tests
  // of Postgres; `applied` is what holds where it was the answer to a commit.
  test.each<readonly [DatabaseClient, readonly string[], DestinationError['kind'], 'no' | 'maybe']>([
    ['postgres', ['21000', '22001', '22003', '22P02', '23502', '23503', '23505', '23514', 'P0001'], 'batch', 'no'],
    ['postgres', ['28000', '28P01', '42501'], 'auth', 'no'],
    ['postgres', ['3D000', '3F000', '42P01', '42703', '42P10', '42804', '428C9', '42601', '0A000'], 'config', 'no'],
    ['postgres', ['40001', '40P01', '55P03', '57014', '25006', '53100'], 'transient', 'no'],
    ['postgres', ['40003', '57P01', '57P02', '57P03', '08006', 'XX000'], 'transient', 'maybe'],
    ['postgres', ['53300'], 'throttle', 'no'],
    ['mysql', ['1048', '1062', '1264', '1366', '1406', '1452', '3819', '1644', '1153'], 'batch', 'no'],
    ['mysql', ['1045', '1130', '1142', '1143'], 'auth', 'no'],
    ['mysql', ['1044', '1049', '1146', '1054', '3105', '1064', '1071', '1118', '3159'], 'config', 'no'],
    ['mysql', ['1205', '1213', '1290'], 'transient', 'no'],
    ['mysql', ['1040', '1203'], 'throttle', 'no'],
    ['mysql', ['2006', '2013', '1053', '4031', '9999'], 'transient', 'maybe'],
    ['sqlserver', ['515', '547', '2601', '2627', '2628', '8152', '245', '8114', '8672', '50000'], 'batch', 'no'],
    ['sqlserver', ['18456', '229', '230'], 'auth', 'no'],
    ['sqlserver', ['4060', '208', '207', '271', '544', '2760', '102', '1919'], 'config', 'no'],
    ['sqlserver', ['1205', '1222', '3960'], 'transient', 'no'],
    ['sqlserver', ['10928', '40501'], 'throttle', 'no'],
    ['sqlserver', ['6005', '40197', '40613', '99999'], 'transient', 'maybe'],
  ])('%s %j is %s', (client, codes, kind, applied) => {
    for (const code of codes) {
      const failure = failureOf(new DatabaseError(code, 'commit', true, 'People_pkey'), client)
      expect(failure, code).toMatchObject({ kind, code, applied })
      expect(failure.message).toContain(`(${code}, People_pkey)`)
      // Before the commit nothing is written, whatever was said.
      expect(failureOf(new DatabaseError(code, 'statement', true), client)).toMatchObject({ kind, applied: 'no' })
    }
  })

  test.each<readonly [string, 'connect' | 'statement' | 'commit', object]>([
    ['ECONNREFUSED', 'connect', { kind: 'transient', code: 'network', applied: 'no' }],
    ['ECONNRESET', 'statement', { kind: 'transient', code: 'network', applied: 'no' }],
    ['ECONNRESET', 'commit', { kind: 'transient', code: 'network', applied: 'maybe' }],
    ['timeout', 'commit', { kind: 'transient', code: 'timeout', applied: 'maybe' }],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'connect', { kind: 'config', applied: 'no' }],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'connect', { kind: 'config', applied: 'no' }],
    ['HANDSHAKE_SSL_ERROR', 'connect', { kind: 'config', code: 'HANDSHAKE_SSL_ERROR', applied: 'no' }],
    ['AUTH_SWITCH_PLUGIN_ERROR', 'connect', { kind: 'auth', code: 'AUTH_SWITCH_PLUGIN_ERROR', applied: 'no' }],
    ['MYSQL_CLEAR_PASSWORD_NOT_ENABLED', 'connect', { kind: 'auth', applied: 'no' }],
    ['no_driver', 'connect', { kind: 'config', code: 'no_driver', applied: 'no' }],
  ])('%s during %s, without an answer', (code, during, expected) => {
    for (const client of CLIENTS)
      expect(failureOf(new DatabaseError(code, during, false), client)).toMatchObject(expected)
  })
})

describe('a destination', () => {
  const account = (more: Partial<Account>): Account => ({ client: 'postgres', ssl: 'on', connections: 2, ...more })

  test('is reached by an address or by its parts, the parts first', () => {
    const url = 'postgres://us%40er:p%2Fw@DB.example:6543/my%20db'
    expect(serverOf(account({ url }))).toEqual({
      host: 'DB.example',
      port: 6543,
      database: 'my db',
      user: 'us@er',
      password: 'p/w',
      ssl: 'on',
      ca: undefined,
      connections: 2,
    })
    expect(serverOf(account({ url, host: '::1', database: 'x' }))).toMatchObject({
      host: '::1',
      port: 6543,
      database: 'x',
    })
    expect(serverOf(account({ url: 'postgres://u@[::1]/d' }))).toMatchObject({ host: '::1', port: 5432, user: 'u' })
    const server = serverOf(account({ client: 'sqlserver', url: 'mssql://sa:x@h/d' }))
    expect(server).toMatchObject({ port: 1433, connections: 1 })
  })

  test.each([
    'mysql://u:canary@h/d',
    'postgres://u:canary@h/d?sslmode=disable',
    'canary',
    'https://sandbox.invalid/-us1',
  ])('whose address is %j is refused without showing it', (url) => {
    const wrong = (() => {
      try {
        return serverOf(account({ url }))
      } catch (error) {
        return error
      }
    })()
    expect(wrong).toMatchObject({ kind: 'config', code: 'bad_url' })
    expect(String(wrong)).not.toContain('canary')
  })

  test('that leaves something out is told what', () => {
    expect(() => serverOf(account({ url: 'postgres://h/d' }))).toThrow('"user"')
    expect(() => serverOf(account({ host: 'h', user: 'u' }))).toThrow('"database"')
  })

  test('is known by its database, whoever logs in', () => {
    const parts = account({ host: 'H', database: 'd', user: 'a', password: 'canary' })
    expect(databaseName(parts)).toBe('postgres h:5432/d')
    expect(databaseName(account({ url: 'postgres://b:canary@h:5432/d' }))).toBe('postgres h:5432/d')
  })

  test.each([
    // What speaks to MySQL is among the packages of the tests.
    ['sqlserver', 'tedious'],
  ] as const)('of %s says which package it needs', async (client, driver) => {
    const database = openDatabase(client, () => serverOf(account({ client, host: 'h', database: 'd', user: 'u' })), {})
    const asked = database.transaction('read', async () => undefined)
    await expect(asked).rejects.toMatchObject({ code: 'no_driver', about: `run: npm install ${driver}` })
  })
})

test.each([
  ['t', 'boolean', true],
  ['0', 'boolean', false],
  ['12.5000000000', 'number', 12.5],
  ['-7', 'integer', -7],
  ['9007199254740993', 'integer', '9007199254740993'],
  ['123456789012345678.5', 'number', '123456789012345678.5'],
  ['123456789012345678.5000000000', 'number', '123456789012345678.5000000000'],
  ['0.30000000000000004', 'number', 0.30000000000000004],
  ['1000', 'number', 1000],
  ['NaN', 'number', 'NaN'],
  ['-Infinity', 'number', '-Infinity'],
  ['$1,250.00', 'number', '$1,250.00'],
  ['2026-01-02T00:00:00.000Z', 'date', '2026-01-02'],
  ['2026-01-02 03:04:05.123456', 'timestamp', '2026-01-02T03:04:05.123456Z'],
  ['2026-01-02 03:04:05+00', 'timestamp', '2026-01-02T03:04:05Z'],
  ['2026-01-02 03:04:05+02:00', 'timestamp', '2026-01-02T03:04:05+02:00'],
  ['{"a":[1]}', 'json', { a: [1] }],
  ['7', 'text', '7'],
  [null, 'number', null],
] as const)('the cell %j of a %s is %j', (text, family, value) => {
  expect(decoded(text, family)).toEqual(value)
})

test.each([
  ['2026-01-02T03:04:05.123456+02:00', '2026-01-02T01:04:05.123456Z'],
  ['2026-01-02T00:04:05-0530', '2026-01-02T05:34:05Z'],
  ['2026-01-02T03:04+00:00', '2026-01-02T03:04:00Z'],
  ['2026-01-02T03:04:05.5Z', '2026-01-02T03:04:05.5Z'],
  ['2026-01-02T03:04:05', '2026-01-02T03:04:05'],
  ['2026-13-02T03:04:05+01:00', '2026-13-02T03:04:05+01:00'],
  ['tomorrow', 'tomorrow'],
])('the time %s is %s in UTC', (text, expected) => {
  expect(inUtc(text)).toBe(expected)
})

test.each<readonly [DatabaseClient, string, string, Column['family'], unknown, unknown]>([
  ['mysql', 'a time', 'datetime(6)', 'timestamp', '2026-01-02T03:04:05.123456+01:00', '2026-01-02 02:04:05.123456'],
  ['mysql', 'true as a number', 'decimal(9, 2)', 'number', true, true],
  ['mysql', 'true as a text', 'varchar(9)', 'text', true, 'true'],
  ['mysql', 'a long integer', 'bigint', 'integer', '9007199254740993', 9007199254740993n],
  ['sqlserver', 'a time', 'datetimeoffset', 'timestamp', '2026-01-02T03:04:05.123456Z', '2026-01-02T03:04:05.123456Z'],
  ['sqlserver', 'a time of before', 'datetime', 'timestamp', '2026-01-02T03:04:05.123456Z', '2026-01-02T03:04:05.123'],
  ['sqlserver', 'a time of before', 'smalldatetime', 'timestamp', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05'],
  ['sqlserver', 'true as a number', 'bit', 'boolean', true, '1'],
  [
    'postgres',
    'a time',
    'timestamp without time zone',
    'timestamp',
    '2026-01-02T03:04:05+01:00',
    '2026-01-02T02:04:05Z',
  ],
])('%s gets %s in a column of the type %s', (client, _, type, family, sent, expected) => {
  const columns = new Map([
    ['k', column('text', 'text')],
    ['v', column(type, family)],
  ])
  const [statement] = statements(client, ['k']).upsert([{ k: 'x', v: sent as string }], 'merge', columns)
  expect(statement?.values).toEqual(['x', expected])
})

test.each([
  ['postgres', 'é'.repeat(31), 'é'.repeat(32)],
  ['mysql', 'é'.repeat(64), 'e'.repeat(65)],
  ['sqlserver', 'é'.repeat(128), 'e'.repeat(129)],
] as const)('a name of %s may be as long as the database allows', (client, longest, tooLong) => {
  expect(isTooLong(longest, DIALECTS[client])).toBe(false)
  expect(isTooLong(tooLong, DIALECTS[client])).toBe(true)
  const [made] = statementsFor(knex({ client: DIALECTS[client].knex }), client, { schema: 'crm', table: longest }, [
    'k',
  ]).create([{ name: 'k', type: 'text' }])
  const names = (made?.sql.match(/"[^"]+"|`[^`]+`|\[[^\]]+\]/g) ?? []).map((name) => name.slice(1, -1))
  expect(names).toContain(longest)
  expect(names.filter((name) => isTooLong(name, DIALECTS[client]))).toEqual([])
})
