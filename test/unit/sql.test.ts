import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  column,
  comment,
  empty,
  from,
  id,
  join,
  lines,
  parameter,
  print,
  printName,
  type Sql,
  Steps,
  sql,
  stacked,
  type Table,
  text,
  unionAll,
  verbatim,
  width,
} from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { hostile } from '../support/hostile.ts'

const printed = (fragment: Sql) => print(fragment, duckdb.dialect)

describe('layout', () => {
  test('a template loses the indentation of the source around it and keeps its own', () => {
    expect(
      printed(sql`
        select 1
          as one

        from x
      `),
    ).toBe('select 1\n  as one\n\nfrom x')
    expect(printed(sql`select 1`)).toBe('select 1')
    expect(printed(sql``)).toBe('')
    expect(
      printed(sql`select 1
                  from x`),
    ).toBe('select 1\nfrom x')
  })

  test('a value alone on the shallowest line counts for the indentation', () => {
    const query = sql`
      ${id('a')}
        b
      ${id('c')}`
    expect(printed(query)).toBe('"a"\n  b\n"c"')
    expect(
      printed(sql`
          b
        ${id('c')}`),
    ).toBe('  b\n"c"')
  })

  test('a fragment of several lines is indented to the line where it stands', () => {
    const inner = sql`
      select ${id('a')}
      from (
        x
      )`
    const outer = sql`
      select * from (
        ${inner}
      ) where a in (${inner})`
    expect(printed(outer)).toBe(
      [
        'select * from (',
        '  select "a"',
        '  from (',
        '    x',
        '  )',
        ') where a in (select "a"',
        'from (',
        '  x',
        '))',
      ].join('\n'),
    )
  })

  test('a second value of a line keeps to the same line', () => {
    const two = sql`
      a
      b`
    expect(
      printed(sql`
        x (
          ${two} + ${two}
        )`),
    ).toBe('x (\n  a\n  b + a\n  b\n)')
  })

  test('a text of several lines is a value and never indented', () => {
    expect(
      printed(sql`
        x (
          ${text('a\nb')},
          ${sql`${text('c\n  d')}`}
        )`),
    ).toBe("x (\n  'a\nb',\n  'c\n  d'\n)")
  })

  test('what a user wrote stays as it is, line breaks within its literals included', () => {
    const query = verbatim("select 'a\nb'\nfrom x")
    expect(
      printed(sql`
        (
          ${sql`
            (
              ${query}
            )`}
        )`),
    ).toBe("(\n  (\n    select 'a\nb'\nfrom x\n  )\n)")
  })

  test('fragments stand one below the other', () => {
    expect(printed(stacked([id('a'), id('b')]))).toBe('"a"\n"b"')
    expect(printed(unionAll([sql`select 1`, sql`select 2`, sql`select 3`]))).toBe(
      'select 1\nunion all\nselect 2\nunion all\nselect 3',
    )
  })

  test('an empty fragment leaves no blank line behind, and nothing within a line', () => {
    expect(
      printed(sql`
        create table t
        ${empty}
        as select 1${empty}
        ${empty}`),
    ).toBe('create table t\nas select 1')
    expect(printed(sql`a ${empty} b`)).toBe('a  b')
  })

  test('items stand on one line while they fit, else one a line', () => {
    const names = ['a', 'b', 'c'].map(id)
    expect(printed(join(names))).toBe('"a", "b", "c"')
    expect(printed(lines(names))).toBe('"a",\n"b",\n"c"')
    expect(printed(join(names, ' and ', 5))).toBe('"a"\n  and "b"\n  and "c"')
    expect(printed(join(['a', 'b', 'c', 'd'].map(id), ', ', 11))).toBe('"a", "b",\n  "c", "d"')
    expect(printed(join([]))).toBe('')
    expect(printed(join([id('a')], ', ', 0))).toBe('"a"')
    const block = sql`
      case
        when a then b
      end`
    expect(printed(join([block, id('x')]))).toBe('case\n  when a then b\nend,\n"x"')
    expect(
      printed(sql`
        select
          ${lines(names)}
        from t`),
    ).toBe('select\n  "a",\n  "b",\n  "c"\nfrom t')
  })

  test('the width is that of the print', () => {
    for (const fragment of [id('abc'), text('abc'), parameter('p'), sql`a + ${1}`, column('t', 'c')])
      expect(width(fragment)).toBe(printed(fragment).length)
  })
})

describe('pieces', () => {
  const table: Table = { schema: 's', name: [{ token: 'b', offset: 0 }, '_x', { token: 'r', offset: -1 }] }

  test('a table prints its tokens with their offsets; without them as compile shows it', () => {
    expect(printed(from(table))).toBe('"s"."b0_xr0"')
    expect(print(from(table), duckdb.dialect, { b: 12, r: 3 })).toBe('"s"."b12_xr2"')
    expect(printName(table.name, { b: 12 })).toBe('b12_xr0')
    expect(printName([{ token: 'f', offset: 0 }])).toBe('f0')
    expect(printName([{ token: 'r', offset: 0 }])).toBe('r1')
  })

  test('numbers stand as they are; what is none, and a minus that would begin a comment, do not', () => {
    expect(printed(sql`limit ${10} + ${-1} + ${0.5}`)).toBe('limit 10 + -1 + 0.5')
    expect(printed(sql`1 -${-1}`)).toBe('1 -(-1)')
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) expect(() => sql`${bad}`).toThrow()
  })

  test('names and parameters that cannot be said are refused', () => {
    for (const name of ['', 'a\0b']) expect(() => printed(id(name))).toThrow()
    for (const name of ['', '1', 'a b', 'a;', 'é']) expect(() => printed(parameter(name))).toThrow()
  })
})

describe('steps', () => {
  test('each step says why it is there, in order', () => {
    const steps = new Steps()
    const touched = steps.add(
      'touched',
      'accounts with an order',
      sql`
        select a
        from orders`,
    )
    const counted = steps.add('counted', 'one row an account', sql`select a, count(*) from ${touched} group by a`)
    expect(printed(steps.select(sql`select * from ${counted}`))).toBe(
      [
        'with',
        '-- accounts with an order',
        '"touched" as (',
        '  select a',
        '  from orders',
        '),',
        '-- one row an account',
        '"counted" as (',
        '  select a, count(*) from "touched" group by a',
        ')',
        'select * from "counted"',
      ].join('\n'),
    )
  })

  test('without a step there is no with; a name is taken once', () => {
    const steps = new Steps()
    expect(printed(steps.select(sql`select 1`))).toBe('select 1')
    steps.add('a', 'why', sql`select 1`)
    expect(() => steps.add('A', 'why', sql`select 1`)).toThrow('A')
  })
})

describe('comments', () => {
  test('a long reason is wrapped, and none breaks out of its lines', () => {
    expect(printed(comment('why'))).toBe('-- why')
    expect(printed(comment(''))).toBe('--')
    expect(printed(comment('a\r\nb\u2028c\u0000d\u001b[31me\u202ef'))).toBe('-- a b c d [31me f')
    const long = printed(comment(`${'word '.repeat(60)}${'x'.repeat(200)}`))
    for (const line of long.split('\n')) {
      expect(line).toMatch(/^-- \S/)
      expect(line.length).toBeLessThanOrEqual(100)
    }
    expect(
      long
        .replaceAll(/\n?-- ?/g, ' ')
        .split(/\s+/)
        .filter((word) => word === 'word'),
    ).toHaveLength(60)
  })

  test('every reason is a comment and nothing else', () => {
    fc.assert(
      fc.property(hostile(), (reason) => {
        for (const line of printed(comment(reason)).split(/[\n\r\u2028\u2029]/)) expect(line).toMatch(/^--( |$)/)
      }),
      { seed: 3, numRuns: 2000 },
    )
  })
})

describe('executed', () => {
  let session: Session
  beforeAll(async () => {
    session = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory: '/', mode: 'write' })
  })
  afterAll(() => session.close())
  const run = (query: Sql) => session.first({ statement: { name: 'probe', reason: 'a test', sql: query } })

  test('hostile names, texts and reasons come through any nesting as they are', async () => {
    // The driver takes a byte order mark off the beginning of a single row's text.
    const values = hostile().filter((value) => !value.startsWith('\ufeff'))
    const names = hostile().filter((name) => !name.includes('\0'))
    const item = fc.record({ name: names, value: values, reason: hostile() })
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 6 }), async (items) => {
        const steps = new Steps()
        const expected: Record<string, string> = {}
        const columns = items.map(({ name, value, reason }, at) => {
          const step = steps.add(
            `${at}${name}`,
            reason,
            sql`
              ${comment(reason)}
              select ${text(value)} as ${id(`${name}${at}`)}`,
          )
          expected[`${name}${at}`] = value
          return sql`
            (
              select ${id(`${name}${at}`)}
              from ${step}
            ) as ${id(`${name}${at}`)}`
        })
        expect(await run(steps.select(sql`select ${join(columns)}`))).toEqual(expected)
      }),
      { seed: 5, numRuns: 150 },
    )
  })

  test('layout changes no meaning: nested and flat print the same words', () => {
    const word = fc.constantFrom('a', 'bb', 'select 1', 'c')
    const tree: fc.Memo<Sql> = fc.memo((depth) =>
      depth <= 1 ? word.map(id) : fc.oneof(word.map(text), fc.array(tree(), { minLength: 1, maxLength: 4 }).map(block)),
    )
    const words = (printedText: string) => printedText.replaceAll(/\s+/g, ' ')
    fc.assert(
      fc.property(tree(5), (fragment) => {
        const flat = fragment.parts.map((part) => printed({ parts: [part] })).join('')
        const outer = printed(sql`
          begin
            ${fragment}
          end`)
        expect(words(outer)).toBe(words(`begin ${flat} end`))
        for (const line of outer.split('\n').slice(1, -1)) expect(line).toMatch(/^ {2,}\S/)
      }),
      { seed: 9, numRuns: 300 },
    )
  })
})

function block(items: readonly Sql[]): Sql {
  return sql`
    (
      ${lines(items)}
    )`
}
