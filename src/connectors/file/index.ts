import { posix } from 'node:path'
import { z } from 'zod'
import {
  type Change,
  type Channel,
  DestinationError,
  defineConnector,
  type Files,
  type HeldRow,
  type Io,
  type Json,
  type Key,
  type Limit,
  type Receipt,
  type Slot,
} from '../connector.ts'
import { csvCell, readCsv } from '../csv.ts'

// CSV is RFC 4180 in UTF-8 with LF and without a byte order mark (https://www.rfc-editor.org/rfc/rfc4180). An empty cell
// is null, "" is empty text, so that both can be told apart; cells are not changed against spreadsheet formulas, because
// the reader is a machine. NDJSON is one object a line. Parquet columns are all text.

const account = z.strictObject({
  path: z.string().min(1).meta({ description: 'Folder to write to; a relative path starts at the project root.' }),
})

const into = z.strictObject({
  file: z
    .string()
    .regex(/\.(csv|ndjson|parquet)$/, 'must end in .csv, .ndjson or .parquet')
    .meta({ description: 'Name of the file, with .csv, .ndjson or .parquet as its ending.' }),
})

type Account = z.infer<typeof account>
type Into = z.infer<typeof into>
type Row = Readonly<Record<string, Json>>

/** One batch is one change file. */
const LIMIT: Limit = { rows: 10_000, bytes: 16 * 1024 * 1024, calls: 1_000, perMs: 1_000, inFlight: 1 }

/** Writes files: the whole audience for a mirror, files of changes in every other mode. */
export const file = defineConnector<Account, Into>({
  name: 'file',
  title: 'Files (CSV, NDJSON, Parquet)',
  account,
  into,
  modes: ['upsert', 'update', 'insert', 'mirror', 'append'],
  leaves: [
    {
      verb: 'remove',
      description: 'A mirror file no longer holds the row; a change file holds a line with op "remove".',
      takes: 'nothing',
      stopsContact: true,
      deletes: false,
    },
  ],
  erase: 'remove',
  settlesWithin: 0,
  delivers: (mode) => (mode === 'mirror' ? 'whole' : 'changes'),
  reads: (mode, into) => mode === 'mirror' && !into.file.endsWith('.parquet'),
  limits: () => ({ upsert: LIMIT, remove: LIMIT }),
  fields: () => ({ known: [], open: true }),
  place: (account, into) => `file ${posix.join(account.path, into.file)}`,
  folder: (account) => account.path,
  open: (_, io) => openFolder(io),
})

function openFolder(io: Io): Channel<Into> {
  const rowColumns = [...new Set([...io.columns.key, ...io.columns.fields])]
  return {
    check: async (into) => {
      if (io.mode !== 'mirror' && rowColumns.includes(OP))
        throw new DestinationError('config', 'reserved_name', `A change file has a column "${OP}" of its own.`)
      await io.files.check(into.file)
    },
    send: async (batch, into, slot) => {
      if (batch.length === 0) return []
      await writeRows(io.files, changeFile(into.file, slot), [OP, ...rowColumns], changeRows(batch))
      return batch.map((): Receipt => ({ outcome: 'written' }))
    },
    read: (keys, into) => readBack(io, keys, into),
    replace: async (rows, into) => {
      await writeRows(io.files, into.file, rowColumns, wholeRows(rows))
      return { outcome: 'written' }
    },
  }
}

/** The rows of a mirror file; their values are text. Throws DestinationError `config` where there is no such file. */
async function* readBack(io: Io, keys: readonly Key[] | 'all', into: Into): AsyncGenerator<HeldRow> {
  const wrong = (message: string) => new DestinationError('config', 'no_read', message)
  if (io.mode !== 'mirror') throw wrong('Only the file of a mirror can be read back: others hold changes.')
  if (into.file.endsWith('.parquet')) throw wrong('A Parquet file cannot be read back; CSV and NDJSON can.')
  const text = await io.files.read(into.file)
  if (text === undefined) return
  const { key: names, fields } = io.columns
  const wanted =
    keys === 'all' ? undefined : new Set(keys.map((key) => JSON.stringify(names.map((name) => textOf(key[name])))))
  for (const row of into.file.endsWith('.csv') ? csvRows(text) : ndjsonRows(text)) {
    const missing = names.find((name) => row[name] === undefined)
    if (missing !== undefined) throw wrong(`The file "${into.file}" has no column "${missing}".`)
    if (wanted && !wanted.has(JSON.stringify(names.map((name) => textOf(row[name]))))) continue
    yield { key: only(row, names), fields: only(row, fields) }
  }
}

function* csvRows(text: string): Generator<Row> {
  const [header = [], ...rows] = readCsv(text.replace(/^\ufeff/, ''))
  for (const row of rows) yield Object.fromEntries(header.map((name, index) => [name ?? '', row[index] ?? null]))
}

function* ndjsonRows(text: string): Generator<Row> {
  for (const line of text.split('\n')) if (line !== '') yield JSON.parse(line) as Row
}

function only(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]))
}

const OP = 'op'

/**
 * `big.<run>.<window>.csv`: the windows are padded so that names sort as they were written. A window that takes several
 * batches (removals beside updates) numbers those after the first: `big.<run>.<window>-2.csv`.
 */
export function changeFile(name: string, slot: Slot): string {
  const dot = name.lastIndexOf('.')
  const run = slot.run.replace(/[^A-Za-z0-9_-]/g, '-')
  const part = slot.batch === 0 ? '' : `-${slot.batch + 1}`
  return `${name.slice(0, dot)}.${run}.${String(slot.window).padStart(5, '0')}${part}${name.slice(dot)}`
}

async function* changeRows(batch: readonly Change[]): AsyncGenerator<Row> {
  for (const change of batch) yield { [OP]: change.op, ...change.fields, ...change.key }
}

async function* wholeRows(rows: AsyncIterable<{ readonly key: Key; readonly fields: Row }>): AsyncGenerator<Row> {
  for await (const row of rows) yield { ...row.fields, ...row.key }
}

async function writeRows(files: Files, path: string, columns: readonly string[], rows: AsyncIterable<Row>) {
  if (path.endsWith('.parquet')) return files.writeParquet(path, columns, cells(columns, rows))
  const lines = path.endsWith('.csv') ? csvLines(columns, rows) : jsonLines(columns, rows)
  return files.write(path, chunked(lines))
}

async function* cells(columns: readonly string[], rows: AsyncIterable<Row>): AsyncGenerator<(string | null)[]> {
  for await (const row of rows) yield columns.map((name) => textOf(row[name]))
}

async function* csvLines(columns: readonly string[], rows: AsyncIterable<Row>): AsyncGenerator<string> {
  yield columns.map(csvCell).join(',')
  for await (const row of cells(columns, rows)) yield row.map(csvCell).join(',')
}

/** A field that a change leaves alone is left out; one that it clears is null. */
async function* jsonLines(columns: readonly string[], rows: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const row of rows) {
    const named = columns.filter((name) => row[name] !== undefined).map((name) => [name, row[name]])
    yield JSON.stringify(Object.fromEntries(named))
  }
}

function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const CHUNK = 64 * 1024

async function* chunked(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let pending = ''
  for await (const line of lines) {
    pending += `${line}\n`
    if (pending.length < CHUNK) continue
    yield pending
    pending = ''
  }
  if (pending !== '') yield pending
}
