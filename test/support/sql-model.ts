import fc from 'fast-check'
import { expect } from 'vitest'
import type { Change, Io, Json, Mode } from '../../src/connectors/connector.ts'
import { changeOf } from './vendor.ts'

// A table with names that need quotes and types that can lose something, written by random batches, beside a Map.

/** The columns of the table; the name of the table is a word of SQL, too. */
export const MODEL_COLUMNS: Io['columns'] = {
  key: ['group', 'Id'],
  fields: ['select', 'näme "x"', 'Spent', 'spent', 'big', 'vip', 'born', 'seen', 'at', 'tags'],
}

/** A server with an empty table `Order`: the columns of the model, and `gone_at`. */
export interface ModelServer {
  /** Sends a batch as a sync of that mode; returns the outcome of each change. */
  send(mode: Mode, batch: readonly Change[]): Promise<readonly string[]>
  /** The keys that are read back. */
  held(): Promise<readonly Json[]>
  /** Every row as texts, by a query that is not ours: `gone` is true or false, numbers end in no needless zero. */
  rows(): Promise<readonly Readonly<Record<string, string | null>>[]>
  clear(): Promise<void>
  /** A column that the table does not have, where names have no case. */
  readonly without?: string
}

/** A value as it is sent, and the text that must then be held. */
interface Value {
  readonly sent: Json
  readonly held: string | null
}

type Row = Readonly<Record<string, Value>>

interface Written {
  readonly op: 'create' | 'update'
  readonly key: Row
  readonly fields: Row
}

interface Batch {
  readonly mode: 'mirror' | 'update' | 'insert'
  readonly rows: readonly Written[]
  /** Undefined = they are written. */
  readonly leave: 'delete' | 'soft_delete' | undefined
}

const NULL: Value = { sent: null, held: null }
const same = (text: string): Value => ({ sent: text, held: text })

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.constantFrom("O'Neill", 'a\\b', '?', '$1', '"', '👩‍👩‍👧', ' '),
  )
  // Postgres has no NUL.
  .map((value) => same(value.replaceAll('\0', '')))

const decimal = fc
  .oneof(fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }), fc.bigInt({ min: -1_000n, max: 1_000n }))
  .map((scaled): Value => {
    const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(11, '0')
    const plain = `${digits.slice(0, -10)}.${digits.slice(-10)}`.replace(/\.?0+$/, '')
    return same(scaled < 0n && plain !== '0' ? `-${plain}` : plain)
  })

const small = fc.integer({ min: -4_000, max: 4_000 }).map((n): Value => ({ sent: n / 4, held: String(n / 4) }))

const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => same(n.toString()))

const flag = fc.boolean().map((value): Value => ({ sent: value, held: String(value) }))

const day = fc.integer({ min: 0, max: 24_000 }).map((n) => same(new Date(n * 86_400_000).toISOString().slice(0, 10)))

/** To the microsecond, in one of several zones. */
const time = fc
  .tuple(
    fc.integer({ min: 10_000, max: 2_100_000_000 }),
    fc.integer({ min: 0, max: 999_999 }),
    fc.constantFrom(0, 120, -330),
  )
  .map(([seconds, micros, offset]): Value => {
    const clock = (minutes: number) => new Date((seconds + minutes * 60) * 1000).toISOString().slice(0, 19)
    const part = (n: number) => String(n).padStart(2, '0')
    const size = Math.abs(offset)
    const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${part(Math.floor(size / 60))}:${part(size % 60)}`
    const fraction = String(micros).padStart(6, '0')
    return { sent: `${clock(offset)}.${fraction}${zone}`, held: `${clock(0)}.${fraction}Z` }
  })

const json = fc
  .dictionary(
    fc.constantFrom('a', 'B', "c'"),
    fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.string({ maxLength: 3 }))),
  )
  .map((value): Value => {
    const plain = JSON.stringify(value).replaceAll('\\u0000', '')
    return { sent: JSON.parse(plain) as Json, held: plain }
  })

const FIELDS: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  select: text,
  'näme "x"': text,
  Spent: decimal,
  spent: small,
  big,
  vip: flag,
  born: day,
  seen: time,
  at: time,
  tags: json,
}

const fields = fc
  .record(
    Object.fromEntries(
      Object.entries(FIELDS).map(([name, value]) => [
        name,
        fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.constant(NULL) }),
      ]),
    ),
    { requiredKeys: [] },
  )
  .map((row): Row => row as Row)

const key = fc
  .tuple(fc.constantFrom('fr', 'FR', "d'e"), fc.constantFrom('1', '-2', '9007199254740993'))
  .map(([group, id]): Row => ({ group: same(group), Id: same(id) }))

const rows = fc.uniqueArray(fc.record({ op: fc.constantFrom('create' as const, 'update' as const), key, fields }), {
  selector: (one) => keyOf(one.key),
  minLength: 1,
  maxLength: 6,
})

const batch: fc.Arbitrary<Batch> = fc.record({
  mode: fc.constantFrom('mirror' as const, 'mirror' as const, 'update' as const, 'insert' as const),
  rows,
  leave: fc.constantFrom(undefined, undefined, 'delete' as const, 'soft_delete' as const),
})

/** Fails unless, behind any batches, the table holds what a Map does to which the same was done. */
export async function expectTableIsMap(server: ModelServer, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 5 }), async (batches) => {
      await server.clear()
      const model = new Map<string, Row>()
      for (const one of batches) {
        const given = one.rows.map((row) => ({ ...row, fields: less(row.fields, server.without) }))
        const changes = given.map((row) => changeFor(one, row))
        const expected = given.map((row) => apply(model, one, row))
        expect(await server.send(one.mode, changes)).toEqual(expected)
      }
      const all = [...model.values()]
      expect(sorted(await server.rows())).toEqual(sorted(all.map((row) => heldOf(less(row, server.without)))))
      const there = all.filter(({ gone }) => gone?.held === 'false')
      const keys = there.map(({ group, Id }) => JSON.stringify([group?.held, Id?.held]))
      const read = (await server.held()).map((one) => JSON.stringify(Object.values(one as object).map(String)))
      expect(read.sort()).toEqual(keys.sort())
    }),
    { numRuns, seed: 21 },
  )
}

function changeFor({ leave }: Batch, { op, key, fields }: Written): Change {
  const sent = (row: Row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value.sent]))
  return leave === undefined
    ? changeOf(sent(key), sent(fields), { op })
    : changeOf(sent(key), {}, { op: 'remove', leave: { verb: leave } })
}

/** Does to the Map what the batch does to the table; returns what becomes of the change. */
function apply(model: Map<string, Row>, { mode, leave }: Batch, { key, fields }: Written): string {
  const name = keyOf(key)
  const there = model.get(name)
  const set = (row: Row, gone: string) => model.set(name, { ...row, gone: same(gone) })
  if (leave !== undefined) {
    if (leave === 'delete') model.delete(name)
    else if (there) set(there, 'true')
    return 'written'
  }
  if (mode === 'update' && !there) return 'refused'
  if (mode !== 'insert' || !there) set({ ...EMPTY, ...there, ...fields, ...key }, 'false')
  return 'written'
}

const EMPTY: Row = Object.fromEntries(MODEL_COLUMNS.fields.map((name) => [name, NULL]))

function less(row: Row, name: string | undefined): Row {
  return Object.fromEntries(Object.entries(row).filter(([one]) => one !== name))
}

function keyOf(key: Row): string {
  return JSON.stringify([key.group?.held, key.Id?.held])
}

function heldOf(row: Row): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.entries(row).map(([name, { held }]) => [name, held]))
}

function sorted(rows: readonly Readonly<Record<string, string | null>>[]): readonly string[] {
  return rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)),
        null,
        1,
      ),
    )
    .sort()
}
