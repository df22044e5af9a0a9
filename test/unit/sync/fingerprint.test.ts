import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fingerprintOf, objectOf, sentFields } from '../../../src/compile/changes-values.ts'
import { personContext } from '../../../src/compile/print-context.ts'
import type { ValueType } from '../../../src/sql/dialect.ts'
import { column, from, id, join, parameter, type Sql, sql } from '../../../src/sql/sql.ts'
import type { Session } from '../../../src/warehouses/warehouse.ts'
import { SqlPlace } from '../../simulation/sql-place.ts'
import { cases } from '../../support/cases.ts'
import { DUCKDB } from '../../support/engines.ts'
import { hostile } from '../../support/hostile.ts'
import { openSmallMemory } from '../../support/warehouse.ts'

/** Texts as a warehouse holds them, of one type each; several may be the same value. */
const CORPUS: Readonly<Partial<Record<ValueType, readonly string[]>>> = {
  text: [
    ...[
      '',
      ' ',
      '  ',
      '~',
      '=',
      'null',
      'NULL',
      'true',
      '1',
      '1.0',
      '01',
      '0',
      '-0',
      'NaN',
      '{}',
      '[]',
      '""',
      '"',
      "'",
    ],
    ...[
      '\\',
      '\\\\',
      '\n',
      '\r\n',
      '\t',
      '\u0001',
      '\u001e',
      '\u007f',
      '\u0085',
      '\u00a0',
      '\u2028',
      '\u200b',
      '\ufeff',
    ],
    ...['é', 'e\u0301', 'É', '\u212b', 'Å', 'ß', 'ss', 'İ', 'i\u0307', '한', '\u1112\u1161\u11ab', '日本', '\u202eabc'],
    ...[
      '😀',
      '👩‍👩‍👧',
      '🇫🇷',
      '𐐀',
      '\ud7ff',
      '\ue000',
      '\ufffd',
      '\uffff',
      '\u{10ffff}',
      'a\0b',
      '\0',
      'a\0',
      'a=1',
      'v=1~',
    ],
    ...fc.sample(hostile(), { numRuns: 250, seed: 22 }).filter((one) => !one.includes('\u001f')),
  ],
  integer: [
    '0',
    '-0',
    '1',
    '-1',
    '007',
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '9223372036854775807',
  ],
  float: [
    ...[
      '0',
      '-0',
      '0.0',
      '1',
      '1.0',
      '1e0',
      '0.1',
      '0.10',
      '0.30000000000000004',
      '0.3',
      '1e15',
      '1e16',
      '1e21',
      '1e22',
    ],
    ...['1e-7', '0.0000001', '5e-324', '-5e-324', '1.7976931348623157e308', '1e400', '-1e400', 'nan', '123456789.125'],
    ...Array.from({ length: 60 }, (_, index) => String((index - 30) / 7)),
  ],
  decimal: [
    '0',
    '0.00',
    '-0.0',
    '1.5',
    '1.50',
    '1.500000',
    '-1.5',
    '99999999999.123456',
    '0.000001',
    '0.00000',
    '100',
    '1e2',
  ],
  boolean: ['true', 'false', '1', '0', 't'],
  date: ['1970-01-01', '2024-02-29', '0001-01-01', '9999-12-31', '2026-03-29'],
  // Both sides of both changes of the clock in Paris; the same instant in several zones.
  timestamp: [
    ...['2026-03-29 01:59:59+01', '2026-03-29 03:00:00+02', '2026-03-29 01:00:00Z', '2026-03-29T02:00:00+01:00'],
    ...['2026-10-25 02:30:00+02', '2026-10-25 02:30:00+01', '2026-10-25 00:30:00Z', '2026-10-25 01:30:00Z'],
    ...['1969-12-31 23:59:59.999999Z', '1970-01-01 00:00:00Z', '2026-01-01 00:00:00.000001Z', '2026-01-01 00:00:00.1Z'],
    ...['2026-01-01 00:00:00.100Z', '2026-01-01 00:00:00.100000Z', '9999-12-31 23:59:59Z'],
    ...Array.from({ length: 70 }, (_, index) => new Date(Date.UTC(2026, 2, 29, 0, index * 7)).toISOString()),
  ],
}

let session: Session
let place: SqlPlace
beforeAll(async () => {
  session = await openSmallMemory()
  place = new SqlPlace({ session, engine: DUCKDB }, 'f', MODEL, { lease: 1, settlesWithin: 1 })
})
afterAll(() => session.close())

const MODEL = {
  name: 'x',
  mode: 'upsert',
  removes: false,
  withdraws: false,
  asks: false,
  whole: false,
  fields: [],
  matchFields: new Set<string>(),
  leave: '',
  withdraw: '',
} as const

interface Printed {
  readonly fp: string
  readonly payload: string
}

/** Fingerprint and payload of rows whose columns `c0`, `c1` … have these types. */
async function printed(
  types: readonly ValueType[],
  rows: readonly (readonly (string | null)[])[],
): Promise<readonly Printed[]> {
  const { dialect } = session
  const names = types.map((_, index) => `c${index}`)
  const fields = types.map((type, index) => ({
    theirs: `f${index}`,
    value: { kind: 'trait', trait: `c${index}`, type } as const,
    onNull: 'clear' as const,
    write: 'always' as const,
  }))
  const sent = sentFields({ fields }, personContext(place.of.context, 's'))
  const typed = types.map((type, index): Sql => {
    const raw = column('r', `c${index}`)
    const value = type === 'text' ? raw : type === 'integer' ? dialect.cast(raw, 'bigint') : dialect.cast(raw, type)
    return sql`${value} as ${id(`c${index}`)}`
  })
  const table = { schema: 'main', name: ['printed'] }
  const query = sql`
    select nth, ${fingerprintOf(sent, dialect)} as fp, ${objectOf(sent, dialect)} as payload
    from (
      select ${dialect.cast(sql`r.nth`, 'bigint')} as nth, ${join(typed)}
      from ${dialect.rowsOf(parameter('rows'), ['nth', ...names])} as r
    ) as p`
  const given = rows.map((row, at) =>
    Object.fromEntries([['nth', String(at)], ...row.map((cell, index) => [`c${index}`, cell])]),
  )
  const statement = { name: 'printed', reason: 'a test', sql: sql`create or replace table ${from(table)} as ${query}` }
  await session.script([{ statement, values: { rows: JSON.stringify(given) } }])
  const found: Printed[] = []
  for await (const { columns } of session.read(table, ['fp', 'payload'], 10_000, 'nth'))
    columns[0]?.forEach((fp, index) => found.push({ fp: fp ?? '', payload: columns[1]?.[index] ?? '' }))
  return found
}

/** Rows have one fingerprint exactly where they have one payload. */
function expectOneToOne(found: readonly Printed[]): void {
  const [byPrint, byPayload] = [new Map<string, string>(), new Map<string, string>()]
  for (const { fp, payload } of found) {
    expect([fp, byPrint.get(fp) ?? payload]).toEqual([fp, payload])
    expect([payload, byPayload.get(payload) ?? fp]).toEqual([payload, fp])
    byPrint.set(fp, payload)
    byPayload.set(payload, fp)
  }
}

describe('fingerprints', () => {
  test('are equal exactly where the typed payload is, over a corpus of awkward values', async () => {
    const sizes = Object.values(CORPUS).map((values) => values.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(500)
    for (const [type, texts] of Object.entries(CORPUS) as [ValueType, readonly string[]][]) {
      const found = await printed(
        [type],
        [...texts, null].map((value) => [value]),
      )
      expect(found).toHaveLength(texts.length + 1)
      const values = found.map(({ payload }) => (JSON.parse(payload) as { readonly f0: unknown }).f0)
      if (type === 'text') expect(values).toEqual([...texts, null])
      expectOneToOne(found)
    }
  })

  test('know one value however it was written', async () => {
    const same = async (type: ValueType, ...values: readonly string[]) =>
      new Set(
        (
          await printed(
            [type],
            values.map((value) => [value]),
          )
        ).map(({ fp }) => fp),
      ).size
    expect(await same('timestamp', '2026-03-29 03:00:00+02', '2026-03-29T01:00:00Z', '2026-03-29 02:00:00+01')).toBe(1)
    expect(await same('timestamp', '2026-10-25 02:30:00+02', '2026-10-25 02:30:00+01')).toBe(2)
    expect(await same('float', '1', '1.0', '1e0')).toBe(1)
    expect(await same('decimal', '1.5', '1.50', '1.500000')).toBe(1)
    expect(await same('text', '1', '1.0')).toBe(2)
    // What people see as one letter is two texts, and is sent as such.
    expect(await same('text', 'é', 'e\u0301')).toBe(2)
  })

  test('do not confuse fields, whatever stands in them', async () => {
    const cell = fc
      .oneof(fc.constantFrom(null, '', '~', 'f1=', '=', 'a', 'f1~'), hostile())
      .filter((one) => !one?.includes('\u001f'))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell, cell), { minLength: 100, maxLength: 100 }), async (rows) => {
        const shifted = rows.flatMap(([a, b, c]) => [
          [a, b, c],
          [`${a}${b}`, '', c],
          ['', `${a}${b}`, c],
          [b, a, c],
        ])
        expectOneToOne(await printed(['text', 'text', 'text'], shifted))
      }),
      { numRuns: cases(3), seed: 5 },
    )
  })
})
