import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expressionMistake, queryMistake } from '../../../src/project/sql-query.ts'
import { sqlTokens } from '../../../src/project/sql-tokens.ts'

describe('one query', () => {
  const queries = [
    'select 1',
    'SELECT 1;',
    'select 1 ; -- the end;\n',
    "select ';' as a",
    "select 'it''s; fine' as a",
    'select 1 as ";"',
    'select 1 as "a""; b"',
    'select $$;$$, $tag$ ; $$ ; $tag$ as a',
    "select E'\\'; drop table x' as a",
    'select 1 /* ; /* nested ; */ ; */ as a',
    '-- ; drop table x\nselect 1',
    'with a as (select 1) select * from a',
    '(select 1) union all (select 2)',
    'from orders',
    'values (1), (2)',
    'select "update" from t',
    "select 'delete from x'",
    'select sum(load) from t',
    'select update_at, (delete_flag) from t',
    "select a[1], {'k': 1} as s",
    'select `;` from t',
    "select 1e3, 08, '' || ''",
  ]
  test.each(queries)('%s', (text) => {
    expect(queryMistake(text).mistake).toBeUndefined()
  })

  test.each(['select 1;', 'select 1 ;\n', 'select 1 ; ; -- x;'])('%j ends before its semicolon', (text) => {
    expect(text.slice(0, queryMistake(text).end)).toBe('select 1')
  })
})

describe('no query', () => {
  const others: readonly [string, string][] = [
    ['', 'sql/not-a-query'],
    ['-- select 1', 'sql/not-a-query'],
    ['select 1; select 2', 'sql/not-a-query'],
    ["select ''; drop table x", 'sql/not-a-query'],
    ["select 'a' 'b'; attach 'x'", 'sql/not-a-query'],
    ['select 1 /* */; copy t to x', 'sql/not-a-query'],
    ['select 1 --\n; drop table x', 'sql/not-a-query'],
    ['insert into t select 1', 'sql/not-a-query'],
    ['DELETE FROM t', 'sql/not-a-query'],
    ["copy t to 'x'", 'sql/not-a-query'],
    ["attach 'x' as y", 'sql/not-a-query'],
    ['(delete from t)', 'sql/not-a-query'],
    ['with a as (insert into t select 1 returning *) select * from a', 'sql/not-a-query'],
    ['with a as (select 1) delete from t', 'sql/not-a-query'],
    ['with a as (update t set x = 1 returning *) select * from a', 'sql/not-a-query'],
    ['with a as (select 1) merge into t using a on true when matched then delete', 'sql/not-a-query'],
    ['set x = 1', 'sql/not-a-query'],
    ['"select" 1', 'sql/not-a-query'],
    ["select 'a", 'sql/syntax'],
    ['select "a', 'sql/syntax'],
    ['select $$ a', 'sql/syntax'],
    ['select $a$ $$', 'sql/syntax'],
    ['select 1 /* a', 'sql/syntax'],
    ['select 1 /* /* */', 'sql/syntax'],
    ['select (1', 'sql/syntax'],
    ['select 1)', 'sql/syntax'],
    ['select (1]', 'sql/syntax'],
    ['select 1) as x; drop table y; select (1', 'sql/syntax'],
  ]
  test.each(others)('%j is %s', (text, code) => {
    expect(queryMistake(text).mistake?.code).toBe(code)
  })
})

test.each([
  ['a + 1', undefined],
  ["case when a > ';' then 1 end", undefined],
  ['', 'sql/syntax'],
  ['-- nothing', 'sql/syntax'],
  ['1) or (1', 'sql/syntax'],
  ['1; drop table x', 'sql/not-a-query'],
  ['delete from x', 'sql/not-a-query'],
])('as an expression %j is %s', (text, code) => {
  expect(expressionMistake(text)?.code).toBe(code)
})

describe('tokens', () => {
  const piece = fc.oneof(
    fc.constantFrom('select', 'a', '1.5e3', '+', '(x)', ', ', '::', 'é_1'),
    fc.string().map((text) => `'${text.replaceAll("'", "''")}'`),
    fc.string().map((text) => `"${text.replaceAll('"', '""')}"`),
    fc.string().map((text) => `/* ${text.replace(/\/\*|\*\/|[*/]$/g, ' ')} */`),
    fc.string().map((text) => `-- ${text.replace(/[\r\n\u2028\u2029]/g, ' ')}\n`),
    fc.string().map((text) => `$q$${text.replaceAll('$', ' ')}$q$`),
  )

  test('never see a semicolon inside quotes and comments', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join(' ')
        const { tokens, fault } = sqlTokens(text)
        expect(fault).toBeUndefined()
        expect(tokens.some((token) => token.kind === 'symbol' && token.text === ';')).toBe(false)
        for (const token of tokens) expect(text.slice(token.from, token.to)).toBe(token.text)
      }),
      { seed: 3, numRuns: 1000 },
    )
  })

  test('always see the semicolon behind them', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        expect(queryMistake(`select 1 ${pieces.join(' ')} ; drop table x`).mistake?.code).toBe('sql/not-a-query')
      }),
      { seed: 4, numRuns: 500 },
    )
  })

  test('are found in any text without an endless loop', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(sqlTokens(text).tokens.length).toBeLessThanOrEqual(text.length)
      }),
      { seed: 5, numRuns: 1000 },
    )
  })
})
