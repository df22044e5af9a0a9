import { type Change, DestinationError, type Json, type LeaveAction, type Receipt } from '../connector.ts'
import type { DatabaseStatement, RunStatement } from '../database.ts'
import { refusedAs } from './errors.ts'
import type { Cells, Columns } from './statements.ts'
import { type Place, translatedAt } from './table.ts'

/** Writes a batch in one transaction: all of its rows, or none. */
export async function writeRows(place: Place, columns: Columns, batch: readonly Change[]): Promise<readonly Receipt[]> {
  return inOne(place, batch, async (run, rows) => {
    const missing = new Set<Change>()
    for (const group of groupsOf(place, columns, rows))
      for (const one of await writeGroup(place, columns, run, group)) missing.add(one)
    return (change) => (missing.has(change) ? NOT_FOUND : WRITTEN)
  })
}

/** Does to the rows of a batch what their syncs do to rows that leave, in one transaction. */
export async function removeRows(
  place: Place,
  columns: Columns,
  batch: readonly Change[],
): Promise<readonly Receipt[]> {
  return inOne(place, batch, async (run, rows) => {
    for (const leave of distinct(rows.map((one) => one.leave))) {
      const keys = rows.filter((one) => isSame(one.leave, leave)).map((one) => one.key)
      for (const statement of leaving(place, columns, keys, leave)) await run(statement)
    }
    return () => WRITTEN
  })
}

/** Throws DestinationError `config` where the table has not what an act needs. */
export function checkAct(place: Place, columns: Columns, leave: LeaveAction): void {
  leaving(place, columns, [], leave)
}

const WRITTEN: Receipt = { outcome: 'written' }
const NOT_FOUND: Receipt = { outcome: 'refused', kind: 'row', code: 'not_found', message: 'The table has no such row.' }
const NO_KEY: Receipt = { outcome: 'refused', kind: 'row', code: 'no_key', message: 'A part of the key is empty.' }

/** Rows are written in the order of their keys: two transactions that write the same ones wait, and do not lock up. */
async function inOne(
  place: Place,
  batch: readonly Change[],
  work: (run: RunStatement, rows: readonly Change[]) => Promise<(change: Change) => Receipt>,
): Promise<readonly Receipt[]> {
  // Null equals no null, so that such a row would be made again and again.
  const known = batch.filter(({ key }) => Object.values(key).every((value) => value !== null))
  const texts = new Map(known.map((change) => [change, JSON.stringify(Object.values(change.key))]))
  const textOf = (change: Change) => texts.get(change) ?? ''
  const rows = known.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
  if (rows.length === 0) return batch.map(() => NO_KEY)
  try {
    const receiptOf = await translatedAt(place, () => place.database.transaction('write', (run) => work(run, rows)))
    return batch.map((change) => (texts.has(change) ? receiptOf(change) : NO_KEY))
  } catch (error) {
    if (!(error instanceof DestinationError) || error.kind !== 'batch' || rows.length > 1) throw error
    return batch.map((change) => (texts.has(change) ? refusedAs(error) : NO_KEY))
  }
}

/** Rows with the same columns that are written in the same way. */
interface Group {
  /** `change`: rows that are not there are told. `correct`: those are made. */
  readonly how: 'merge' | 'ignore' | 'change' | 'correct'
  readonly changes: readonly Change[]
  readonly rows: readonly Cells[]
}

function groupsOf({ into, io }: Place, columns: Columns, changes: readonly Change[]): readonly Group[] {
  const soft = into.soft_delete === undefined ? {} : { [into.soft_delete]: notGone(columns, into.soft_delete) }
  const groups = new Map<string, { how: Group['how']; changes: Change[]; rows: Cells[] }>()
  for (const change of changes) {
    const row: Cells = { ...soft, ...change.fields, ...change.key }
    const how = howOf(io.mode, change, row, columns)
    const name = JSON.stringify([how, ...Object.keys(row)])
    const group = groups.get(name) ?? { how, changes: [], rows: [] }
    groups.set(name, group)
    group.changes.push(change)
    group.rows.push(row)
  }
  return [...groups.values()]
}

function howOf(mode: Place['io']['mode'], change: Change, row: Cells, columns: Columns): Group['how'] {
  if (mode === 'update') return 'change'
  if (mode === 'insert' || mode === 'append') return 'ignore'
  // An insert that would run into a conflict is refused before that where a column is missing which must not be empty.
  const isWhole = [...columns].every(([name, { required }]) => !required || Object.hasOwn(row, name))
  return change.op === 'create' || isWhole ? 'merge' : 'correct'
}

/** Returns the changes whose rows are not there and were not made. */
async function writeGroup(
  { statements }: Place,
  columns: Columns,
  run: RunStatement,
  { how, changes, rows }: Group,
): Promise<readonly Change[]> {
  const runAll = async (all: readonly DatabaseStatement[]) => {
    for (const statement of all) await run(statement)
  }
  if (how === 'merge' || how === 'ignore') {
    await runAll(statements.upsert(rows, how, columns))
    return []
  }
  const there = new Set<number>()
  for (const statement of statements.present(rows, columns))
    for (const { n } of (await run(statement)).rows) there.add(Number(n))
  await runAll(
    statements.update(
      rows.filter((_, n) => there.has(n)),
      columns,
    ),
  )
  if (how === 'change') return changes.filter((_, n) => !there.has(n))
  const gone = rows.filter((_, n) => !there.has(n))
  if (gone.length > 0) await runAll(statements.upsert(gone, 'merge', columns))
  return []
}

/** The statements for rows that leave; none where there are no keys, but what is wrong is thrown all the same. */
function leaving(
  place: Place,
  columns: Columns,
  keys: readonly Cells[],
  leave: LeaveAction | undefined,
): readonly DatabaseStatement[] {
  const { statements, into, io } = place
  switch (leave?.verb) {
    case 'delete':
      return statements.remove(keys, columns)
    case 'soft_delete': {
      if (into.soft_delete === undefined)
        throw wrong('no_soft_delete', 'Say "into: { soft_delete: column }", or "delete" in on_leave and on_withdraw.')
      const { family } = columns.get(into.soft_delete) ?? {}
      const now = new Date(io.now()).toISOString()
      const gone = family === 'boolean' ? true : family === 'date' ? now.slice(0, 10) : now
      return statements.set(keys, { [into.soft_delete]: gone }, columns)
    }
    case 'set':
      return statements.set(keys, known(place, columns, assignment(leave.argument ?? '')), columns)
    case 'clear': {
      const names = (leave.argument ?? '').split(',').map((name) => name.trim())
      const nulls = Object.fromEntries(names.map((name) => [name, null]))
      return statements.set(keys, known(place, columns, nulls), columns)
    }
    default:
      throw wrong('bad_leave', `A row of a table cannot be "${leave?.verb ?? ''}".`)
  }
}

/** `status = gone` as a column and its value. */
function assignment(text: string): Cells {
  const [, name = '', value = ''] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/s.exec(text) ?? []
  if (name === '') throw wrong('bad_leave', '"set" takes a column and its value: { set: status = gone }.')
  return { [name]: value }
}

function known({ statements, io }: Place, columns: Columns, values: Cells): Cells {
  const missing = Object.keys(values).find((name) => !columns.has(name))
  if (missing !== undefined) throw wrong('no_column', `${statements.name.quoted} has no column "${missing}".`)
  const key = Object.keys(values).find((name) => io.columns.key.includes(name))
  if (key !== undefined) throw wrong('bad_leave', `"${key}" is part of the key and stays as it is.`)
  return values
}

function notGone(columns: Columns, name: string): Json {
  return columns.get(name)?.family === 'boolean' ? false : null
}

function wrong(code: string, message: string): DestinationError {
  return new DestinationError('config', code, message)
}

function distinct(leaves: readonly (LeaveAction | undefined)[]): readonly (LeaveAction | undefined)[] {
  return leaves.filter((one, index) => leaves.findIndex((other) => isSame(one, other)) === index)
}

function isSame(one: LeaveAction | undefined, other: LeaveAction | undefined): boolean {
  return one?.verb === other?.verb && one?.argument === other?.argument
}
