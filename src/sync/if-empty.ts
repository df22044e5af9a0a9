import pLimit from 'p-limit'
import type { HeldRow, Json, Key, Limit } from '../connectors/connector.ts'
import { matchKey } from './compare.ts'
import type { Delivery } from './delivery.ts'
import type { SyncJob } from './job.ts'
import type { PlannedChange } from './ledger.ts'
import { troubleOf } from './trouble.ts'

/** What it takes to leave alone what others have filled. */
export interface Filling {
  readonly job: SyncJob
  readonly delivery: Delivery
  readonly limit: Limit
  readonly progress?: ((rows: number) => void) | undefined
}

type Fields = Readonly<Record<string, Json>>

/** Keys that are read at once; some vendors take a request for each. */
const READ_AT_ONCE = 100

/**
 * A window without the fields of `write: if_empty` that the destination holds already. Rows of which that cannot be
 * learnt are told as certainly not sent: nothing is overwritten by guess. An update of which nothing is left is told as
 * written: the destination has just said that it needs none.
 */
export async function withoutFilled(
  filling: Filling,
  rows: readonly PlannedChange[],
): Promise<readonly PlannedChange[]> {
  const { ifEmpty } = filling.job
  if (ifEmpty === undefined || ifEmpty.size === 0) return rows
  const asking = rows.filter((row) => asksFor(row, ifEmpty))
  const parts = Array.from({ length: Math.ceil(asking.length / READ_AT_ONCE) }, (_, at) =>
    asking.slice(at * READ_AT_ONCE, (at + 1) * READ_AT_ONCE),
  )
  const atOnce = pLimit(filling.limit.inFlight)
  const read = await Promise.all(parts.map((part) => atOnce(() => emptied(filling, part))))
  const left = new Map(read.flat().map(({ row, rest }) => [row, rest]))
  return rows.flatMap((row) => (left.has(row) ? (left.get(row) ?? []) : row))
}

function asksFor({ op, payload }: PlannedChange, ifEmpty: ReadonlySet<string>): boolean {
  if (op === 'remove') return false
  return Object.entries(JSON.parse(payload) as Fields).some(([name, value]) => ifEmpty.has(name) && value !== null)
}

/** A row, and what is to be sent of it; undefined = nothing. */
interface Emptied {
  readonly row: PlannedChange
  readonly rest: PlannedChange | undefined
}

async function emptied(filling: Filling, rows: readonly PlannedChange[]): Promise<readonly Emptied[]> {
  const { job, delivery, progress } = filling
  const keys = rows.map(({ keyJson }) => JSON.parse(keyJson) as Key)
  const held = await heldRows(filling, keys)
  const tell = (row: PlannedChange, outcome: 'unsent' | 'written'): Emptied => {
    delivery.checkpoint.tell(row.seq, { outcome })
    progress?.(1)
    return { row, rest: undefined }
  }
  if (held === undefined) {
    delivery.givenUp += rows.length
    return rows.map((row) => tell(row, 'unsent'))
  }
  return rows.map((row, at) => {
    const found = held.get(textOf(job, keys[at] ?? {}))
    if (found === undefined) return { row, rest: row }
    const fields = Object.entries(JSON.parse(row.payload) as Fields)
    const rest = fields.filter(([name]) => !job.ifEmpty?.has(name) || isEmpty(found[name]))
    if (row.op === 'update' && rest.length === 0) return tell(row, 'written')
    return { row, rest: { ...row, payload: JSON.stringify(Object.fromEntries(rest)) } }
  })
}

/** The fields of what the destination holds, by key; undefined where it did not say. Reading waits and asks again itself. */
async function heldRows(
  { job, delivery }: Pick<Filling, 'job' | 'delivery'>,
  keys: readonly Key[],
): Promise<ReadonlyMap<string, Fields> | undefined> {
  // What was read for other rows may have taken long.
  if (!(await delivery.mayGoOn())) return undefined
  try {
    const rows = await readAll(job, keys)
    return new Map(rows.map(({ key, fields }) => [textOf(job, key), fields]))
  } catch (error) {
    const trouble = troubleOf(error)
    // A question has no bad rows: who refuses it as a whole does not take it.
    if (trouble.kind === 'stop') delivery.end(trouble.ending)
    else if (trouble.kind === 'batch') delivery.end({ kind: 'config', message: trouble.message })
    else {
      delivery.noteError(trouble.message)
      delivery.failed()
    }
    return undefined
  }
}

async function readAll({ channel, into }: SyncJob, keys: readonly Key[]): Promise<readonly HeldRow[]> {
  if (channel.read === undefined) throw new Error('a destination that cannot be read was asked what it holds')
  const rows: HeldRow[] = []
  for await (const row of channel.read(keys, into)) rows.push(row)
  return rows
}

function textOf({ foldsKeys = false }: SyncJob, key: Key): string {
  return matchKey(key, Object.keys(key).sort(), foldsKeys)
}

/** Null, empty text and an empty list; `false` and 0 are values. */
function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
