import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { type Bound, from, parameter, type Sql, sql, text, type Values } from '../../src/sql/sql.ts'
import { blockOf, failedIn } from '../../src/warehouses/snowflake-block.ts'
import type { SnowflakeOptions } from '../../src/warehouses/snowflake-options.ts'
import { StatementError } from '../../src/warehouses/statement-error.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { setUp } from '../contract/warehouse-bench.ts'
import { scriptCases } from '../contract/warehouse-scripts.ts'
import type { SnowflakeEmulator } from '../emulators/snowflake.ts'
import { hostile } from '../support/hostile.ts'
import { connectTo, snowflakeAccount } from '../support/snowflake.ts'
import { written } from '../support/written.ts'

let emulator: SnowflakeEmulator
let options: SnowflakeOptions
let session: Session
beforeAll(async () => {
  ;({ emulator, options } = await snowflakeAccount())
  session = await connectTo(options)
  await session.script([written('create schema if not exists raw')])
})
afterAll(async () => {
  await session.close()
  await emulator.stop()
})

const ORDERS = { schema: 'raw', name: ['orders'] }

/** An empty table of orders. */
function empty(): Promise<unknown> {
  return session.script([written('create or replace table raw.orders (id bigint, word varchar)')])
}

/** What was asked of the service while something was done. */
async function askedBy(work: () => Promise<unknown>): Promise<readonly { sql: string; tag: string | undefined }[]> {
  const before = emulator.asked.length
  await work()
  return emulator.asked.slice(before)
}

async function failureOf(work: () => Promise<unknown>): Promise<StatementError> {
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof StatementError) return error
  throw new Error('no statement failed')
}

function named(name: string, query: Sql, values?: Values): Bound {
  return { statement: { name, reason: 'a test', sql: query }, ...(values && { values }) }
}

const insert = (name: string, word: string) =>
  named(name, sql`insert into ${from(ORDERS)} select 1, cast(${parameter('word')} as varchar)`, { word })
const words = named('words', sql`select listagg("WORD", ' ') within group (order by "WORD") as w from raw.orders`)
const held = async () => Number((await session.first(named('count', sql`select count(*) as n from raw.orders`)))?.n)

describe('a script on Snowflake, emulated on DuckDB', () => {
  test('is one request: definitions by themselves, what stands between them a transaction', async () => {
    await empty()
    const asked = await askedBy(() =>
      session.script([
        written('create or replace transient table "RAW"."MADE" as\nselect 1 as n\n-- its last line is a comment'),
        insert('first', 'a'),
        named('second', sql`update raw.orders set id = ${parameter('n')}`, { n: 2 }),
        written('drop table "RAW"."MADE"'),
      ]),
    )
    expect(asked.map((one) => one.sql)).toEqual([
      [
        'begin',
        'let written_1 integer := 0;',
        'let written_2 integer := 0;',
        'let written_3 integer := 0;',
        'let written_4 integer := 0;',
        'create or replace transient table "RAW"."MADE" as',
        'select 1 as n',
        '-- its last line is a comment',
        ';',
        'written_1 := (select count(*) from "RAW"."MADE");',
        'begin',
        'begin transaction;',
        `insert into "RAW"."ORDERS" select 1, cast(cast('a' as varchar) as varchar)`,
        ';',
        'written_2 := sqlrowcount;',
        'update raw.orders set id = 2',
        ';',
        'written_3 := sqlrowcount;',
        'commit;',
        'exception',
        'when other then',
        'rollback;',
        'raise;',
        'end;',
        'drop table "RAW"."MADE"',
        ';',
        "return written_1 || ' ' || written_2 || ' ' || written_3 || ' ' || written_4;",
        'end;',
      ].join('\n'),
    ])
    expect(asked[0]?.tag).toBe('cdp · test, first and 2 more')
  })

  test('says how many rows each statement wrote, as one by one does', async () => {
    const script = () => [
      written('create or replace transient table "RAW"."MADE" as select 1 as n union all select 2'),
      written('insert into raw.made select 3 union all select 4'),
      written('update raw.made set n = 9 where n > 1'),
      written('delete from raw.made where n = 9'),
      written('create or replace view raw.seen as select * from raw.made'),
    ]
    const apart = await connectTo({ ...options, blocks: 'off' })
    const [together, oneByOne] = [await session.script(script()), await apart.script(script())]
    await apart.close()
    expect(together.map(({ rows }) => rows)).toEqual([2, 2, 3, 3, 0])
    expect(oneByOne).toEqual(together)
  })

  test('of one statement is that statement; of a table that is made, the count is asked with it', async () => {
    await empty()
    expect(await askedBy(() => session.script([written('delete from raw.orders')]))).toHaveLength(1)
    const making = written('create or replace transient table "RAW"."MADE" as select 1 as n')
    expect(await askedBy(() => session.script([making]))).toHaveLength(1)
  })

  test('and the query behind it are one request', async () => {
    await empty()
    const asked = await askedBy(async () =>
      expect(await session.ask([insert('first', 'b'), insert('second', 'a')], words)).toEqual({ w: 'a b' }),
    )
    expect(asked).toHaveLength(1)
    expect(asked[0]?.sql).toMatch(/let answer resultset := \(\nselect listagg.*\n\);\nreturn table\(answer\);\nend;$/s)
  })

  test('that is long is several requests, each shorter than the service reads', async () => {
    await empty()
    const long = Array.from({ length: 12 }, () =>
      named('long', sql`insert into raw.orders select 1, ${text('x'.repeat(90_000))}`),
    )
    const between = written('create or replace view raw.seen as select 1 as n')
    const asked = await askedBy(() => session.script(long.flatMap((one) => [one, between])))
    expect(asked.length).toBeGreaterThan(1)
    for (const { sql: sent } of asked) expect(sent.length).toBeLessThan(1_000_000)
    expect(await held()).toBe(12)
    // One transaction cannot be parted: its statements are sent one by one.
    expect(await askedBy(() => session.script(long))).toHaveLength(14)
    expect(await held()).toBe(24)
  })
})

describe('values', () => {
  test('that are more than plain words are bound, and stand in no text that the service keeps', async () => {
    for (const word of ['ada@example.test', '[{"message":"x"}]', "o'hara", 'a\\', '$$', 'zoë', 'x'.repeat(101)]) {
      await empty()
      const asked = await askedBy(() => session.script([insert('first', word), insert('second', 'plain')]))
      expect(asked.map((one) => one.sql).join('\n')).not.toContain(word)
      expect((await session.first(words))?.w).toBe([word, 'plain'].sort().join(' '))
    }
  })

  test('that are ids and times stand in their places, and mean the same', async () => {
    for (const word of [
      'run-7_a',
      '2026-07-01T09:00:00.000000Z',
      'host-1:4711@9f86d081',
      '',
      '-- not a comment',
      '1.5',
    ]) {
      await empty()
      const asked = await askedBy(() => session.script([insert('first', word), insert('second', word)]))
      expect(asked).toHaveLength(1)
      expect((await session.first(words))?.w).toBe(`${word} ${word}`)
    }
  })

  test('that a statement says itself survive a block, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(hostile(), hostile(), async (a, b) => {
        const one = (value: string) => named('one', sql`insert into raw.orders select 1, ${text(value)}`)
        await session.script([written('delete from raw.orders'), one(a), one(b)])
        const found: unknown[] = []
        for await (const { columns } of session.read(ORDERS, ['word'], 10)) found.push(...(columns[0] ?? []))
        expect(found.sort()).toEqual([a, b].sort())
      }),
      { numRuns: 30 },
    )
  })
})

describe('a statement that fails in a block', () => {
  test('is named, with its own text, words and code; its transaction is undone, what follows is not done', async () => {
    await empty()
    const error = await failureOf(() =>
      session.script([
        written('create or replace transient table "RAW"."BEFORE" as\nselect 1 as n'),
        insert('first', 'x'),
        named('cast words', sql`-- why\ndelete from raw.orders\nwhere cast(word as bigint) = 1`),
        insert('last', 'y'),
        written('create or replace transient table "RAW"."AFTER" as select 1 as n'),
      ]),
    )
    expect(error.message).toBe(`cast words failed: Numeric value 'x' is not recognized`)
    expect(error.text).toBe('-- why\ndelete from raw.orders\nwhere cast(word as bigint) = 1')
    expect(await held()).toBe(0)
    expect(await session.columns({ schema: 'raw', name: ['before'] })).toBeDefined()
    expect(await session.columns({ schema: 'raw', name: ['after'] })).toBeUndefined()
    await session.script([insert('again', 'x')])
    expect(await held()).toBe(1)
  })

  test('is told with what mends it', async () => {
    const error = await failureOf(() =>
      session.ask([insert('first', 'x')], named('missing', sql`select * from raw.nowhere`)),
    )
    expect(error.message).toMatch(
      /^missing failed: SQL compilation error:\nObject .* does not exist or not authorized\.$/,
    )
    expect(error.diagnostics[0]?.fix).toContain('grant select on table')
  })

  test('is the query behind it: what was asked before is done', async () => {
    await empty()
    const query = named('divide', sql`select cast(word as bigint) as n from raw.orders`)
    const error = await failureOf(() => session.ask([insert('first', 'x')], query))
    expect(error.message).toMatch(/^divide failed: Numeric value/)
    expect(await held()).toBe(1)
  })

  test('leaves no transaction open where the block was cut off within it', async () => {
    await empty()
    emulator.account.setup.lasts = (sent) => (sent.includes('slow') ? 3_601 : 0)
    const impatient = await connectTo({ ...options, timeout: 3_600, connections: 2 })
    const slow = named('slow one', sql`delete from raw.orders where word = 'slow'`)
    await expect(impatient.script([insert('first', 'x'), slow])).rejects.toThrow(CdpError)
    emulator.account.setup.lasts = () => 0
    await impatient.script([insert('after', 'y')])
    await impatient.close()
    expect((await session.first(words))?.w).toBe('y')
  })
})

describe('what the service says of a block', () => {
  const [one, two] = ['select 1\nas n', 'selec 2'].map((body, at) => ({
    name: `statement ${at + 1}`,
    text: body,
    values: [],
  }))
  const block = blockOf([[one, two].filter((each) => each !== undefined)])

  test('is put down to the statement that stands on the line', () => {
    const lines = block.sent.text.split('\n')
    expect(lines.map((line, at) => (line === 'selec 2' ? at + 1 : 0)).filter(Boolean)).toEqual([9])
    expect(failedIn(block, "Uncaught exception of type 'STATEMENT_ERROR' on line 9 at position 0 : no")).toEqual({
      statement: two,
      words: 'no',
    })
  })

  test('when it reads it, is told by the lines of the statement', () => {
    const said = "SQL compilation error:\nsyntax error line 9 at position 0 unexpected 'selec'."
    expect(failedIn(block, said)).toEqual({
      statement: two,
      words: "SQL compilation error:\nsyntax error line 1 at position 0 unexpected 'selec'.",
    })
  })

  test('without a line, or of a line that is the block’s own, is about the whole block', () => {
    for (const said of [
      'Statement reached its timeout.',
      "Uncaught exception of type 'X' on line 1 at position 0 : no",
    ])
      expect(failedIn(block, said).statement).toBeUndefined()
  })
})

describe('a table that too many statements wait for', () => {
  /** Holds the table until somebody pauses, while as many wait for it as may. */
  async function crowd(work: (session: Session, pauses: () => number) => Promise<unknown>): Promise<void> {
    const { locks } = emulator.account
    const holder = {}
    await locks.hold('RAW.ORDERS', holder)
    const waiting = Array.from({ length: 20 }, async () => {
      const waiter = {}
      await locks.hold('RAW.ORDERS', waiter)
      locks.release(waiter)
    })
    let pauses = 0
    const letGo = async () => {
      locks.release(holder)
      await Promise.all(waiting)
    }
    const pause = async () => {
      pauses++
      await letGo()
    }
    const patient = await connectTo(options, pause)
    await work(patient, () => pauses)
    await letGo()
    await patient.close()
  }

  const change = (name: string) => named(name, sql`update raw.orders set id = id + 1`)
  const ids = () => session.first(named('ids', sql`select min(id) as low, max(id) as high from raw.orders`))

  test.each([
    ['one statement', [change('first')], '2'],
    ['a transaction', [insert('before', 'y'), change('first'), change('second')], '3'],
    [
      'a block that goes on',
      [change('first'), change('second'), written('create or replace view raw.seen as select 1 as n')],
      '3',
    ],
  ])('%s is tried again, and counts once', async (_, script, high) => {
    await empty()
    await session.script([insert('one', 'x')])
    await crowd(async (patient, pauses) => {
      await patient.script(script)
      expect(pauses()).toBe(1)
    })
    expect((await ids())?.high).toBe(high)
  })

  test('behind a definition that is done already is told, with what mends it', async () => {
    await empty()
    await crowd(async (patient, pauses) => {
      const view = written('create or replace view raw.seen as select 1 as n')
      const error = await failureOf(() => patient.script([view, change('first'), change('second')]))
      expect(error.message).toMatch(/^first failed: Statement '01b43b22' has locked table 'ORDERS'/)
      expect(error.diagnostics[0]?.fix).toContain('fewer runs')
      expect(pauses()).toBe(0)
    })
  })
})

describe('without blocks', () => {
  test('each statement is a request, with its values bound', async () => {
    await empty()
    const apart = await connectTo({ ...options, blocks: 'off' })
    const asked = await askedBy(() => apart.ask([insert('first', 'a'), insert('second', 'b')], words))
    await apart.close()
    expect(asked.map((one) => one.sql.split(' ')[0])).toEqual(['begin', 'insert', 'insert', 'commit', 'select'])
    expect(asked[1]?.sql).toContain(':1')
  })

  describe('scripts', () =>
    scriptCases(
      setUp(
        () => connectTo({ ...options, blocks: 'off' }),
        [
          {
            case: 'a script that fails leaves nothing behind, tables and views included',
            why: 'Snowflake commits what is open before it makes or drops a table',
          },
        ],
      ),
    ))
})
