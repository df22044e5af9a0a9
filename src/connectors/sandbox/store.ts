import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Json } from '../connector.ts'

export type Row = Readonly<Record<string, Json>>

/** A change of the store as the journal holds it: collection, id, and the row that is there from now on. */
type Step = readonly [collection: string, id: string, row: Row | null]

/** What an emulated vendor holds: rows by collection and id, in the order in which they came. */
export interface Rows {
  get(collection: string, id: string): Row | undefined
  put(collection: string, id: string, row: Row): void
  drop(collection: string, id: string): void
  all(collection: string): Iterable<readonly [id: string, row: Row]>
  size(collection: string): number
  collections(): readonly string[]
}

/** Rows that outlive the process: every commit is one line of a journal, flushed to disk before it resolves. */
export interface Store {
  readonly rows: Rows
  /** Writes what changed since the last call; all of it or, after a crash, nothing of it. */
  commit(): Promise<void>
  /** Forgets everything, on disk too. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** Rows that end with the process. */
export function memoryRows(): Rows {
  return rowsOf(new Map(), () => undefined)
}

/** Opens the journal and replays it. A last line that a crash cut off never was answered for: it is taken away. */
export async function openStore(path: string): Promise<Store> {
  await mkdir(dirname(path), { recursive: true })
  const state = new Map<string, Map<string, Row>>()
  const file = await open(path, 'a+')
  await replay(path, file, state)
  let steps: Step[] = []
  const journal = groupedWrites(file)
  return {
    rows: rowsOf(state, (step) => steps.push(step)),
    commit: async () => {
      if (steps.length === 0) return
      const line = `${JSON.stringify(steps)}\n`
      steps = []
      await journal(line)
    },
    clear: async () => {
      state.clear()
      steps = []
      await file.truncate(0)
      await file.datasync()
    },
    close: () => file.close(),
  }
}

async function replay(path: string, file: FileHandle, state: Map<string, Map<string, Row>>): Promise<void> {
  const text = await readFile(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  for (const line of whole.split('\n').slice(0, -1))
    for (const step of JSON.parse(line) as readonly Step[]) apply(state, step)
  if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole))
}

function apply(state: Map<string, Map<string, Row>>, [collection, id, row]: Step): void {
  const rows = state.get(collection) ?? new Map<string, Row>()
  state.set(collection, rows)
  if (row === null) rows.delete(id)
  else rows.set(id, row)
}

function rowsOf(state: Map<string, Map<string, Row>>, record: (step: Step) => void): Rows {
  const change = (step: Step) => {
    apply(state, step)
    record(step)
  }
  return {
    get: (collection, id) => state.get(collection)?.get(id),
    put: (collection, id, row) => change([collection, id, row]),
    drop: (collection, id) => change([collection, id, null]),
    all: (collection) => state.get(collection) ?? [],
    size: (collection) => state.get(collection)?.size ?? 0,
    collections: () => [...state.keys()],
  }
}

/** Lines that arrive while one flush is under way share the next: a flush costs the same for one line or hundreds. */
function groupedWrites(file: FileHandle): (line: string) => Promise<void> {
  let waiting: string[] = []
  let next: Promise<void> | undefined
  let current: Promise<void> = Promise.resolve()
  const flush = async () => {
    const lines = waiting
    waiting = []
    next = undefined
    await file.appendFile(lines.join(''))
    await file.datasync()
  }
  return (line) => {
    waiting.push(line)
    if (next === undefined) {
      next = current.then(flush)
      current = next.catch(() => undefined)
    }
    return next
  }
}
