import fc from 'fast-check'
import { expect } from 'vitest'
import type { ValueType } from '../../src/sql/dialect.ts'
import { from, id, join, parameter, sql, type Table, type Tokens, text } from '../../src/sql/sql.ts'
import type { Page } from '../../src/warehouses/warehouse.ts'
import { cases } from '../support/cases.ts'
import { hostile } from '../support/hostile.ts'
import { type Bench, bound, type Names, SCHEMA } from './warehouse-bench.ts'

/** Any name is a name. */
export function nameCases(bench: Bench, names: Names): void {
  const { test, table, run, make, readAll } = bench
  const NAMES = [
    ...[
      'select',
      'order',
      'MixedCase',
      'with space',
      'a"b',
      "a'b",
      'a.b',
      'a;b',
      '$1',
      'é',
      '日本',
      '😀',
      '--',
      '/*',
      '1',
    ],
    ...['"; drop schema contract; --', 'a\\b', '`x`', '[x]', '%', '{{x}}', 'null', ' lead', 'new\nline'],
  ]

  test('any name names a table, a column and a view, and comes back as it was', async () => {
    for (const [at, name] of NAMES.filter(names.column).entries()) {
      const suffix = names.table(name) ? name : String(at)
      const made = await make(`t ${suffix}`, { [name]: 'text', other: 'integer' })
      await bench.session.append(made, { rows: 1, columns: [['x'], ['1']] })
      expect([...((await bench.session.columns(made)) ?? [])], name).toEqual([
        [name, 'text'],
        ['other', 'integer'],
      ])
      expect(await readAll(made, [name])).toEqual([['x']])
      const view = table(`v ${suffix}`)
      await run('view', bench.session.dialect.createView(view, sql`select ${id(name)} from ${from(made)}`))
      expect(await bench.session.first(bound('first', sql`select * from ${from(view)}`))).toEqual({ [name]: 'x' })
    }
  })

  test('hostile names are names and nothing else', async () => {
    const given = hostile().filter(
      (name) => names.column(name) && name.trim() !== '' && !name.includes('\0') && name.length <= 50,
    )
    await fc.assert(
      fc.asyncProperty(fc.array(given, { minLength: 20, maxLength: 20 }), async (all) => {
        const columns = all.map((name, at) => sql`${at} as ${id(`${at}${name}`)}`)
        const described = await bench.session.describe(sql`select ${join(columns)}`)
        expect([...described.keys()]).toEqual(all.map((name, at) => `${at}${name}`))
      }),
      // Twenty names each.
      { numRuns: cases(50), seed: 7 },
    )
  })

  test('a schema may have any name too', async () => {
    const { schema } = names
    const made: Table = { schema, name: ['T'] }
    await bench.session.script([
      bound('schema', bench.session.dialect.createSchema(schema)),
      bound('table', bench.session.dialect.createTable(made, sql`select 1 as ${id('n')}`)),
    ])
    expect(await bench.session.columns(made)).toEqual(new Map([['n', 'integer']]))
    expect(await readAll(made, ['n'])).toEqual([['1']])
  })

  test('tokens are part of the name', async () => {
    const numbered: Table = { schema: SCHEMA, name: [{ token: 'b', offset: 1 }, '_x_', { token: 'f', offset: 0 }] }
    const tokens: Tokens = { b: 4, f: 7 }
    const query = bench.session.dialect.createTable(numbered, sql`select 1 as ${id('n')}`)
    await bench.session.script([{ ...bound('numbered', query), tokens }])
    expect(await bench.session.columns(table('b5_x_f7'))).toBeDefined()
    expect(await bench.session.columns(numbered, tokens)).toBeDefined()
    expect(await bench.session.columns(numbered)).toBeUndefined()
    await bench.session.append(numbered, { rows: 1, columns: [['2']] }, tokens)
    const pages: Page[] = []
    for await (const page of bench.session.read(numbered, ['n'], 10, 'n', tokens)) pages.push(page)
    expect(pages).toEqual([{ rows: 2, columns: [['1', '2']] }])
  })

  test('a table that is not there has no columns', async () => {
    expect(await bench.session.columns(table('nowhere'))).toBeUndefined()
    expect(await bench.session.columns({ schema: 'no schema', name: ['nowhere'] })).toBeUndefined()
  })
}

/** What goes in comes out, as canonical text. */
export function valueCases(bench: Bench, texts: fc.Arbitrary<string>): void {
  const { test, table, run, make, readAll } = bench
  test('hostile texts survive as literals, as parameters and appended', async () => {
    const made = await make('texts', { seq: 'bigint', v: 'text' })
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 40 }), async (values) => {
        await run('empty', sql`delete from ${from(made)} where true`)
        const literals = values.map((value, at) => sql`select ${at} as ${id('seq')}, ${text(value)} as ${id('v')}`)
        const given = Object.fromEntries(values.map((value, at) => [`p${at}`, value]))
        const parameters = values.map(
          (_, at) => sql`select ${1000 + at} as ${id('seq')}, ${parameter(`p${at}`)} as ${id('v')}`,
        )
        await bench.session.script([
          bound('literals', sql`insert into ${from(made)} ${join(literals, ' union all ')}`),
          bound('parameters', sql`insert into ${from(made)} ${join(parameters, ' union all ')}`, given),
        ])
        await bench.session.append(made, {
          rows: values.length,
          columns: [values.map((_, at) => String(2000 + at)), values],
        })
        expect((await readAll(made, ['v'], 'seq')).map(([value]) => value)).toEqual([...values, ...values, ...values])
      }),
      { numRuns: 25, seed: 11 },
    )
  })

  test('a text keeps its first and last character, whatever they are', async () => {
    const values = ['\ufeff', '\ufeffa', '\ufeff\ufeffa', ' a ', '\na\n', '\u200ba\u200b', '', '\ufffda']
    const made = await make('edges', { seq: 'bigint', v: 'text' })
    await bench.session.append(made, { rows: values.length, columns: [values.map((_, at) => String(at)), values] })
    expect((await readAll(made, ['v'], 'seq')).map(([value]) => value)).toEqual(values)
  })

  test('every type leaves as canonical text, read or first', async () => {
    const d = bench.session.dialect
    const types: Record<string, readonly [ValueType | 'bigint', string, string]> = {
      words: ['text', ' 007 ', ' 007 '],
      whole: ['bigint', '9223372036854775807', '9223372036854775807'],
      negative: ['integer', '-5', '-5'],
      money: ['decimal', '12345678901.100000', '12345678901.1'],
      round: ['decimal', '100.00', '100'],
      real: ['float', '0.30000000000000004', '0.30000000000000004'],
      yes: ['boolean', 'true', 'true'],
      no: ['boolean', 'false', 'false'],
      day: ['date', '2024-02-29', '2024-02-29'],
      at: ['timestamp', '2024-02-29T23:59:59.120000+01:00', '2024-02-29T22:59:59.12Z'],
      early: ['timestamp', '1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    }
    const names = Object.keys(types)
    const columns = Object.entries(types).map(
      ([name, [type, value]]) => sql`${d.cast(text(value), type)} as ${id(name)}`,
    )
    const nulls = Object.entries(types).map(([name, [type]]) => sql`${d.cast(sql`null`, type)} as ${id(name)}`)
    const query = sql`select 1 as ${id('seq')}, ${join(columns)} union all select 2, ${join(nulls)}`
    await run('types', d.createTable(table('types'), query))
    const expected = Object.values(types).map(([, , canonical]) => canonical)
    expect(await readAll(table('types'), names, 'seq')).toEqual([expected, names.map(() => null)])
    const first = await bench.session.first(
      bound('first', sql`select ${join(names.map(id))} from ${from(table('types'))} where ${id('seq')} = 1`),
    )
    expect(first).toEqual(Object.fromEntries(names.map((name, at) => [name, expected[at]])))
    const declared = Object.entries(types).map(([name, [type]]) => [name, type === 'bigint' ? 'integer' : type])
    expect([...((await bench.session.columns(table('types'))) ?? [])].slice(1)).toEqual(declared)
  })

  test('parameters keep their type, and only those that a statement uses are bound', async () => {
    const values = { s: "it's", n: 5, big: 9007199254740993n, half: 0.5, yes: true, none: null, unused: 'x' }
    const d = bench.session.dialect
    const query = sql`
      select ${parameter('s')} as ${id('s')}, ${parameter('n')} + 1 as ${id('n')}, ${parameter('big')} + 1 as ${id('big')},
        ${parameter('half')} as ${id('half')}, case when ${parameter('yes')} then 1 else 0 end as ${id('yes')},
        ${d.cast(parameter('none'), 'text')} as ${id('none')}, ${parameter('s')} as ${id('again')}`
    expect(await bench.session.first(bound('parameters', query, values))).toEqual({
      s: "it's",
      n: '6',
      big: '9007199254740994',
      half: '0.5',
      yes: '1',
      none: null,
      again: "it's",
    })
    await expect(bench.session.first(bound('lacking', query, { s: 'x' }))).rejects.toMatchObject({ who: 'bug' })
  })
}
