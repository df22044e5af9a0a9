import fc from 'fast-check'
import { beforeAll, expect } from 'vitest'
import { from, id, join, type Sql, sql, type Table } from '../../src/sql/sql.ts'
import type { Cell } from '../../src/warehouses/warehouse.ts'
import { normalisers } from '../support/normalisers.ts'
import type { Columns, DialectBench } from './warehouse-dialect-bench.ts'

export function normaliserCases(bench: DialectBench, texts: fc.Arbitrary<string>): void {
  const { test, row, over, t } = bench
  const table: Table = { schema: 'contract_normalise', name: ['values'] }
  const results: Table = { schema: 'contract_normalise', name: ['results'] }
  const step = (name: string, query: Sql) => ({ statement: { name, reason: 'a test', sql: query } })
  const HOW = ['email', 'text', 'exact'] as const
  beforeAll(() =>
    bench.session.script([
      step('schema', bench.d.createSchema(table.schema)),
      step('values', bench.d.createEmptyTable(table, [{ name: 'v', type: 'text' }])),
    ]),
  )

  /** Each value in every normal form, by the warehouse. */
  const normalise = async (values: readonly (string | null)[]): Promise<Map<Cell, readonly Cell[]>> => {
    const forms = HOW.map((how) => sql`${bench.d.normalise(id('v'), how)} as ${id(how)}`)
    await bench.session.script([step('clean', sql`delete from ${from(table)} where true`)])
    await bench.session.append(table, { rows: values.length, columns: [values] })
    await bench.session.script([
      step('normalise', bench.d.createTable(results, sql`select ${id('v')}, ${join(forms)} from ${from(table)}`)),
    ])
    const all = new Map<Cell, readonly Cell[]>()
    for await (const page of bench.session.read(results, ['v', ...HOW], 10_000))
      for (let at = 0; at < page.rows; at++)
        all.set(
          page.columns[0]?.[at] ?? null,
          page.columns.slice(1).map((column) => column[at] ?? null),
        )
    return all
  }

  test('agree with the plain ones over hostile texts, and change nothing the second time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 200, maxLength: 800 }), async (values) => {
        const once = await normalise(values)
        const forms: Cell[] = []
        for (const value of new Set(values)) {
          const expected = HOW.map((how) => normalisers[how](value))
          expect(once.get(value), JSON.stringify(value)).toEqual(expected)
          forms.push(...expected)
        }
        const kept = forms.filter((form) => form !== null)
        const twice = await normalise(kept)
        for (const how of [0, 1, 2])
          for (const [at, form] of forms.entries())
            if (form !== null && at % 3 === how) expect(twice.get(form)?.[how], JSON.stringify(form)).toBe(form)
      }),
      { numRuns: 12, seed: 20261122 },
    )
  })

  test('an email has one @ with something on both sides and no blank within', async () => {
    const emails: Record<string, string | null> = {
      ' Ann.Lee+x@Example.COM\u00a0': 'ann.lee+x@example.com',
      '\ufeffa@x.fr\r\n': 'a@x.fr',
      'a@b@c': null,
      '@b': null,
      'a@': null,
      'a b@x.fr': null,
      'a\u200b@x.fr': null,
      '': null,
    }
    const forms = await normalise(Object.keys(emails))
    for (const [given, expected] of Object.entries(emails)) expect(forms.get(given)?.[0], given).toBe(expected)
  })

  test('a letter and an accent behind it are the letter with its accent', async () => {
    expect((await normalise(['JOSE\u0301@x.fr'])).get('JOSE\u0301@x.fr')).toEqual([
      'josé@x.fr',
      'josé@x.fr',
      'JOSE\u0301@x.fr',
    ])
  })

  test('null stays null', async () => {
    expect((await normalise([null])).get(null)).toEqual([null, null, null])
  })

  test('a value of 10 MB is normalised like any other', async () => {
    await bench.session.script([step('clean', sql`delete from ${from(table)} where true`)])
    await bench.session.append(table, { rows: 1, columns: [[`${'É'.repeat(5_000_000)}@X.fr\t`]] })
    const found = await row(
      sql`select ${bench.d.length(bench.d.normalise(id('v'), 'email'))} as ${id('v')} from ${from(table)}`,
    )
    expect(found?.v).toBe('5000005')
  })

  test('numbers are compared by their canonical text', async () => {
    const numbers: Columns = { i: ['integer', ['17850']], m: ['decimal', ['17850']], f: ['float', ['17850']] }
    for (const name of Object.keys(numbers))
      expect(await over(numbers, bench.d.normalise(t(name), 'exact'))).toBe('17850')
    expect(await over({ f: ['float', ['0.5']] }, bench.d.normalise(t('f'), 'exact'))).toBe('0.5')
    expect(await over({ s: ['text', ['017850.0']] }, bench.d.normalise(t('s'), 'exact'))).toBe('017850.0')
    expect(await over({ f: ['float', ['nan']] }, bench.d.normalise(t('f'), 'exact'))).toBe(null)
    expect(await over({ f: ['float', [null]] }, bench.d.normalise(t('f'), 'exact'))).toBe(null)
    expect(await over(numbers, bench.d.normalise(t('i'), 'text'))).toBe('17850')
    expect(await over(numbers, bench.d.normalise(t('i'), 'email'))).toBe(null)
  })
}
