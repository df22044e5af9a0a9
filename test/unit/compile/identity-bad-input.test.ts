import { describe, expect, onTestFinished, test } from 'vitest'
import { ENGINES_OF_LONG_BEDS, type Engine } from '../../support/engines.ts'
import { type InlineGraph, inlineGraph } from '../../support/inline-graph.ts'
import { written } from '../../support/written.ts'

/** Two rows with accounts of their own that have nothing but one value in common: one profile only if that joins. */
const MODELS = `
sources:
  rows: { file: rows.csv, key: n, category: event, identifiers: { user_id: user_id, email: email, phone: phone, name: name, device: device } }
entities:
  customer:
    identifiers:
      user_id: {}
      email: {}
      phone: {}
      name: { normalize: text }
      device: {}
`
const TYPES = ['email', 'phone', 'name', 'device'] as const
type Type = (typeof TYPES)[number]
type Row = Readonly<Partial<Record<Type, string>>>

describe.each(ENGINES_OF_LONG_BEDS)('a value that is nobody, on $title', (engine) => {
  test('null, empty and blank values join nobody, and are no rejected ones either', async () => {
    const blanks = ['', '""', '" "', '"   "', '\t', '\u00a0', '\u200b', '"\n"', '\u3000\ufeff']
    const rows = blanks.flatMap((blank) => TYPES.map((type) => ({ [type]: blank })))
    const made = await shop(rows, engine)
    const counts = await made.counts()
    expect(await made.profiles()).toEqual(alone(rows.length))
    for (const type of TYPES) expect(counts[`rejected_${type}`], type).toBe(0)
  })

  test('a row of nothing but such values is no profile, and is counted', async () => {
    const rows = 'n,user_id,email,phone,name,device\n1,,,,,\n2,"","  ",,,\n3,1,,,,\n4,n/a,n/a,n/a,n/a,n/a\n'
    const made = await inlineGraph({ 'models/all.yaml': MODELS, 'rows.csv': rows }, engine)
    onTestFinished(() => made.close())
    expect(await made.counts()).toMatchObject({ profiles: 1, unattributed_rows: 3, rejected_user_id: 1 })
  })

  const PLACEHOLDERS: Readonly<Record<Type, readonly string[]>> = {
    email: [
      'test@test.com',
      ' Test@Test.COM ',
      'noreply@shop.example',
      'No-Reply@shop.example',
      'none@none.com',
      'NA@na.com',
      'unknown@shop.example',
      'n/a',
      'null',
      '-',
      'ann',
      'ann@',
      '@shop.example',
      'a@b@c',
      'ann lee@shop.example',
    ],
    phone: ['0000000000', '00 00 00 00 00', '+33 1 11 11 11 11', '9999999999', 'n/a', '-', '0', '0606', 'unknown', '+'],
    name: [
      'null',
      'N/A',
      ' n/a ',
      'None',
      'UNKNOWN',
      'undefined',
      'Anonymous',
      'guest',
      'test',
      '-',
      '...',
      '???',
      '0',
    ],
    device: [
      'null',
      'NULL',
      '(null)',
      '\\N',
      '#N/A',
      'nan',
      'undefined',
      'anonymous',
      'Anonymous',
      'unknown',
      'not set',
      '[object Object]',
      'true',
      '-1',
      '0',
      '0000',
      '----',
      '00000000-0000-0000-0000-000000000000',
      '{00000000-0000-0000-0000-000000000000}',
      'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
      '00:00:00:00:00:00',
      '02:00:00:00:00:00',
      '0.0.0.0',
      '127.0.0.1',
      '9774d56d682e549c',
    ],
  }

  test('placeholders of the default lists join nobody without a word in the project, and are counted', async () => {
    const rows = TYPES.flatMap((type) => PLACEHOLDERS[type].flatMap((value) => twice({ [type]: value })))
    const made = await shop(rows, engine)
    const counts = await made.counts()
    expect(await made.profiles()).toEqual(alone(rows.length))
    for (const type of TYPES) expect(counts[`rejected_${type}`], type).toBe(2 * PLACEHOLDERS[type].length)
  })

  test('what only looks like a placeholder joins', async () => {
    const made = await shop(
      [
        ...twice({ email: 'nonna@shop.example' }),
        ...twice({ email: 'test@shop.example' }),
        ...twice({ phone: '0199000000' }),
        ...twice({ name: 'Guy Nullard' }),
        ...twice({ name: 'Test Ament' }),
        ...twice({ device: '10' }),
        ...twice({ device: 'a0000000-0000-0000-0000-000000000000' }),
        ...twice({ device: '-12' }),
      ],
      engine,
    )
    await made.run()
    expect(await made.profiles()).toHaveLength(8)
  })

  test('a value of 10 MB joins nobody, is counted, and is kept in no table of the graph', async () => {
    const made = await inlineGraph({ 'models/all.yaml': MODELS.replace('file: rows.csv', 'table: raw.rows') }, engine)
    onTestFinished(() => made.close())
    const long = (letter: string) => `repeat('${letter}', 10000000)`
    const rows = [
      ["'1'", `${long('x')} || '@shop.example'`, long('1'), long('y'), long('z')],
      ["'2'", `${long('x')} || '@shop.example'`, long('1'), long('y'), long('z')],
      ["'3'", "'ann@shop.example'", "'+33199001234'", "'Ann'", "'d3'"],
    ]
    const values = rows.map((row, n) => `(${n}, ${row.join(', ')})`).join(', ')
    await made.load(
      `create table raw.rows as select * from (values ${values}) as t(n, user_id, email, phone, name, device)`,
    )
    const started = performance.now()
    const counts = await made.counts()
    // It takes a second; had the value been compared by every step, it would be many.
    expect(performance.now() - started).toBeLessThan(30_000)
    expect(counts).toMatchObject({
      profiles: 3,
      rejected_email: 2,
      rejected_phone: 2,
      rejected_name: 2,
      rejected_device: 2,
    })
    expect(await made.profiles()).toHaveLength(3)
    expect(await widest(made)).toBeLessThan(2_000)
    expect(await made.counts()).toMatchObject({ profiles: 3, created: 0, rejected_device: 2 })
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('a value that is somebody else, on $title', (engine) => {
  test('case: addresses and text are one in any case, exact values are not', async () => {
    const made = await shop(
      [
        { email: 'Ann.Lee@Shop.Example' },
        { email: 'ANN.LEE@SHOP.EXAMPLE ' },
        { name: 'Ann  LEE' },
        { name: ' ann lee' },
        { device: 'AbC' },
        { device: 'abc' },
      ],
      engine,
    )
    await made.run()
    expect(await made.profiles()).toEqual([
      'device AbC user_id u5',
      'device abc user_id u6',
      'email ann.lee@shop.example user_id u1 user_id u2',
      'name ann lee user_id u3 user_id u4',
    ])
  })

  test('Unicode: composed and decomposed letters are one in addresses and text; wide letters are others', async () => {
    const made = await shop(
      [
        { email: 'jos\u00e9@shop.example' },
        { email: 'JOSE\u0301@shop.example' },
        { name: '\u1e69\u00c5' },
        { name: 's\u0323\u0307\u212b' },
        { email: 'ann@shop.example' },
        { email: '\uff41\uff4e\uff4e@shop.example' },
        { name: 'Stra\u00dfe' },
        { name: 'STRASSE' },
        { device: '\u00e9' },
        { device: 'e\u0301' },
      ],
      engine,
    )
    await made.run()
    expect((await made.profiles()).map((profile) => profile.match(/u\d+/g)?.join(' ')).sort()).toEqual(
      ['u1 u2', 'u3 u4', 'u5', 'u6', 'u7', 'u8', 'u9', 'u10'].sort(),
    )
  })

  test('numbers that look like text stay as they were written in a file', async () => {
    const values = ['0013', '13', '13.0', '1e3', '1000', '1_000', '08', '8', '+8', '0x1F', '31', 'no', 'NO', 'inf']
    const large = ['9007199254740992', '9007199254740993', '123456789012345678901234567890', '1.2345678901234568e+29']
    const made = await shop(
      [...values, ...large].map((device) => ({ device })),
      engine,
    )
    await made.run()
    expect(await made.profiles()).toEqual(
      [...values, ...large].map((value, at) => `device ${value} user_id u${at + 1}`).sort(),
    )
  })

  test('numbers of a table are compared by their value, exactly', async () => {
    const made = await inlineGraph(
      {
        'models/all.yaml': `
sources:
  decimals: { table: raw.decimals, category: event, identifiers: { account: d, user_id: n } }
  doubles: { table: raw.doubles, category: event, identifiers: { account: d, user_id: n } }
  integers: { table: raw.integers, category: event, identifiers: { account: d, user_id: n } }
  texts: { table: raw.texts, category: event, identifiers: { account: d, user_id: n } }
entities:
  customer: { identifiers: { user_id: {}, account: {} } }
`,
      },
      engine,
    )
    onTestFinished(() => made.close())
    const table = (name: string, type: string, ...values: string[]) => {
      const rows = values.map((value, at) => `('${name}${at}', cast(nullif('${value}', '') as ${type}))`).join(', ')
      return `create table raw.${name} as select * from (values ${rows}) as t(n, d)`
    }
    await made.load(
      table('decimals', 'decimal(20, 2)', '17850', '0.5', '9007199254740993', '0', ''),
      table('doubles', 'double precision', '17850', '0.5', '9007199254740992', 'nan', 'inf', '-0.0'),
      table(
        'integers',
        engine.type === 'duckdb' ? 'hugeint' : 'numeric(38)',
        '17850',
        '9007199254740993',
        '9007199254740992',
        '-1',
      ),
      table('texts', 'varchar', '17850', '17850.0', '017850', '9007199254740993', '9007199254740992', '.5'),
    )
    const counts = await made.counts()
    expect(await made.profiles()).toEqual([
      'account .5 user_id texts5',
      'account 0.5 user_id decimals1 user_id doubles1',
      'account 017850 user_id texts2',
      'account 17850 user_id decimals0 user_id doubles0 user_id integers0 user_id texts0',
      'account 17850.0 user_id texts1',
      'account 9007199254740992 user_id doubles2 user_id integers2 user_id texts4',
      'account 9007199254740993 user_id decimals2 user_id integers1 user_id texts3',
      'user_id decimals3',
      'user_id decimals4',
      'user_id doubles3',
      'user_id doubles4',
      'user_id doubles5',
      'user_id integers3',
    ])
    // 0, -0 and -1; what is no number at all counts as null.
    expect(counts.rejected_account).toBe(3)
  })

  test('the same value under two types joins nobody', async () => {
    const made = await shop([{ device: '13' }, { name: '13' }, { name: 'u1' }, { device: 'u2' }], engine)
    await made.run()
    expect(await made.profiles()).toEqual([
      'device 13 user_id u1',
      'device u2 user_id u4',
      'name 13 user_id u2',
      'name u1 user_id u3',
    ])
  })
})

/** The project over rows, each with an account of its own: u1, u2, … */
async function shop(rows: readonly Row[], engine: Engine): Promise<InlineGraph> {
  const lines = rows.map((row, at) => [at, `u${at + 1}`, ...TYPES.map((type) => row[type] ?? '')].join(','))
  const files = { 'models/all.yaml': MODELS, 'rows.csv': `n,user_id,${TYPES.join(',')}\n${lines.join('\n')}\n` }
  const made = await inlineGraph({ ...files, 'cdp.config.yaml': CONFIG }, engine)
  onTestFinished(() => made.close())
  return made
}

const CONFIG = `
name: test
warehouses:
  local: { type: duckdb, path: ":memory:" }
defaults: { phone_country: FR }
`

function twice(row: Row): readonly Row[] {
  return [row, row]
}

/** As many profiles of one account each. */
function alone(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `user_id u${at + 1}`).sort()
}

/** The length of the longest text in the tables of the tool. */
async function widest({ session }: InlineGraph): Promise<number> {
  const each = await session.first(
    written(`
      select string_agg('select max(length("' || column_name || '")) as n from _cdp."' || table_name || '"', ' union all ') as query
      from information_schema.columns
      where table_schema = '_cdp' and lower(data_type) in ('varchar', 'text')`),
  )
  const row = await session.first(written(`select max(n) as n from (${each?.query}) as lengths`))
  return Number(row?.n)
}
