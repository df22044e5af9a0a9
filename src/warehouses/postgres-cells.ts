import type { ValueType } from '../sql/dialect.ts'
import { decimal, float } from './cells.ts'
import type { Cell } from './warehouse.ts'

/** Number of a type in `pg_type`; those that are built in are the same in every database. */
export type Oid = number

interface Known {
  readonly type: ValueType
  /** Canonical text of what the server prints. */
  readonly cell: (text: string) => Cell
}

const plain = (text: string): Cell => text
const TEXT: Known = { type: 'text', cell: plain }
const INTEGER: Known = { type: 'integer', cell: plain }
const DECIMAL: Known = { type: 'decimal', cell: decimal }
const FLOAT: Known = { type: 'float', cell: float }
const BOOLEAN: Known = { type: 'boolean', cell: (text) => (text === 't' ? 'true' : 'false') }
const DATE: Known = { type: 'date', cell: plain }
const TIMESTAMP: Known = { type: 'timestamp', cell: instant }
const UNKNOWN: Known = { type: 'unknown', cell: plain }

/** From pg_type.dat of the server: https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat */
const SCALARS: ReadonlyMap<Oid, Known> = new Map([
  ...entries([18, 19, 25, 705, 1042, 1043, 2950], TEXT),
  ...entries([20, 21, 23, 26], INTEGER),
  ...entries([1700], DECIMAL),
  ...entries([700, 701], FLOAT),
  ...entries([16], BOOLEAN),
  ...entries([1082], DATE),
  ...entries([1114, 1184], TIMESTAMP),
])

/** Arrays by the type of what they hold. */
const ARRAYS: ReadonlyMap<Oid, Known> = new Map([
  ...entries([1002, 1003, 1009, 1014, 1015, 2951], TEXT),
  ...entries([1016, 1005, 1007, 1028], INTEGER),
  ...entries([1231], DECIMAL),
  ...entries([1021, 1022], FLOAT),
  ...entries([1000], BOOLEAN),
  ...entries([1182], DATE),
  ...entries([1115, 1185], TIMESTAMP),
])

/** What turns the text of a column, as the server prints it, into canonical text, as the dialect's `json` prints it. */
export function cellOf(oid: Oid): (text: string | null) => Cell {
  const list = ARRAYS.get(oid)
  const cell = list ? (text: string) => listOf(text, list) : (SCALARS.get(oid) ?? UNKNOWN).cell
  return (text) => (text === null ? null : cell(text))
}

/** The type of a built-in column type; undefined of one that a user or an extension made. */
export function builtIn(oid: Oid): ValueType | undefined {
  return ARRAYS.has(oid) ? 'list' : SCALARS.get(oid)?.type
}

/** The type of a column type by its category in `pg_type`: E for enums, A for arrays, S for texts. */
export function ofCategory(category: Cell | undefined): ValueType {
  if (category === 'E' || category === 'S') return 'text'
  return category === 'A' ? 'list' : 'unknown'
}

function entries(oids: readonly Oid[], known: Known): readonly (readonly [Oid, Known])[] {
  return oids.map((oid) => [oid, known])
}

/** The session's zone is UTC: `2026-01-02 03:04:05.12+00`, without the zone where the type has none. */
function instant(text: string): Cell {
  return /^-?infinity$/.test(text) ? text : `${text.replace(' ', 'T').replace(/\+00$/, '')}Z`
}

function listOf(text: string, item: Known): Cell {
  const bare = item.type === 'integer' || item.type === 'decimal' || item.type === 'float' || item.type === 'boolean'
  const items = itemsOf(text).map((each) => {
    const cell = each === null ? null : item.cell(each)
    return cell === null ? 'null' : bare ? cell : JSON.stringify(cell)
  })
  return `[${items.join(',')}]`
}

/** The items of an array of one dimension: `{a,"b \"c\"",NULL}`. */
function itemsOf(text: string): readonly (string | null)[] {
  const found = text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^",]+)/gs)
  return [...found].map(([, quoted, bare]) => {
    if (quoted !== undefined) return quoted.replaceAll(/\\(.)/gs, '$1')
    return bare === undefined || bare === 'NULL' ? null : bare
  })
}
