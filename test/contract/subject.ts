import { AsyncLocalStorage } from 'node:async_hooks'
import type {
  Change,
  Channel,
  Connector,
  Io,
  JobId,
  Key,
  LeaveAction,
  Mode,
  Receipt,
  Slot,
} from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Answer, Holding, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import { type Bench, changeOf, openBench } from '../support/vendor.ts'

/** What is sent of one row. */
export interface Sent {
  readonly key: Key
  readonly fields: Change['fields']
}

/** What the suite must know of every connector. */
interface Common<A, T> {
  readonly connector: Connector<A, T>
  readonly into: T
  /** Texts that must never be shown. */
  readonly secrets: readonly string[]
  readonly columns: Io['columns']
  /** The nth good row. */
  row(n: number): Sent
  /** A leave verb after which the vendor no longer holds the row as it was. */
  readonly leave: LeaveAction
  readonly skip?: readonly { readonly case: string; readonly why: string }[]
}

/** A connector that speaks HTTP, and its emulated vendor. */
export interface HttpSubject<A, T> extends Common<A, T> {
  readonly account: A
  /** A new vendor; `now` is its wall clock. */
  vendor(now?: () => number): Vendor
  /** A row that the vendor refuses. */
  readonly bad: Sent
  /** Is this the request that writes? Others are logins and look-ups. */
  isWrite(request: Seen): boolean
  /** What a write takes at the vendor, where batches make writes of several kinds; default: what the limits say. */
  takes?(request: Seen): number
  /** How the vendor says that nothing of the batch can be read. */
  readonly wholeRefused: Answer
}

/** A connector that reaches its place by other ways: a database, a folder. */
export interface LocalSubject<A, T> extends Common<A, T> {
  /** What tells it from others of the same connector. */
  readonly title: string
  /** Default: mirror. */
  readonly mode?: Mode
  /** A new place with nothing in it. */
  place(mode: Mode): Promise<Place<A>>
  /** A row that is refused; left out where none ever is. A batch that holds one is refused as a whole. */
  readonly bad?: Sent
  /** The ways in which what is written can be lost. */
  readonly losses: readonly Loss<A>[]
  /** The place as nobody can reach it; left out where nothing lies between. */
  unreachable?(place: Place<A>): Opening<A>
  /** Ways of opening it that fail of a secret. */
  failing?(): Promise<readonly Opening<A>[]>
}

export type Subject<A, T> = HttpSubject<A, T> | LocalSubject<A, T>

/** What a connector is opened with. */
export interface Opening<A> {
  readonly account: A
  readonly io: Io
}

/** A place of one test. */
export interface Place<A> extends Opening<A> {
  contents(): Promise<readonly Holding[]>
  /** What was asked, and what of it changes something; left out where nobody counts. */
  counters?(): { readonly calls: number; readonly writes: number }
}

/** One way in which the answer to the first write is lost. */
export interface Loss<A> {
  /** The name of the test. */
  readonly name: string
  /** Was it written all the same? */
  readonly effect: boolean
  lossy(): Promise<Lossy<A>>
}

/** A new place, and the way to it on which the answer is lost; what is sent after that arrives. */
export interface Lossy<A> {
  readonly place: Place<A>
  readonly through: Opening<A>
  /** How long whoever sends waits, where the answer is silence: called before and behind. */
  readonly patience?: (how: 'short' | 'usual') => void
}

/** Does it speak HTTP? */
export function isHttp<A, T>(subject: Subject<A, T>): subject is HttpSubject<A, T> {
  return 'vendor' in subject
}

/** A new place of a subject, by default in the mode in which it is tested. */
export async function placeOf<A, T>(subject: Subject<A, T>, mode?: Mode): Promise<Place<A>> {
  if (!isHttp(subject)) return subject.place(mode ?? modeOf(subject))
  return benchPlace(subject, await openBench(subject.vendor(), { columns: subject.columns, ...(mode && { mode }) }))
}

/** The mode in which a subject is tested. */
export function modeOf<A, T>(subject: Subject<A, T>): Mode {
  return isHttp(subject) ? 'mirror' : (subject.mode ?? 'mirror')
}

/** An emulated vendor as a place. */
export function benchPlace<A>({ account }: { readonly account: A }, bench: Bench): Place<A> {
  return {
    account,
    io: bench.io,
    contents: async () => bench.emulator.contents(),
    counters: () => bench.emulator.counters(),
  }
}

/** An opened account, as the suite uses it. */
export interface Opened<T> {
  readonly channel: Channel<T>
  /** Receipts once every job has ended. Each batch has a slot of its own, which it keeps when it is sent again. */
  send(batch: readonly Change[]): Promise<readonly Receipt[]>
  /** Throws where the connector cannot. */
  replace(rows: AsyncIterable<Sent>): Promise<Receipt>
}

export function openAt<A, T>({ connector, into }: Subject<A, T>, opening: Opening<A>): Opened<T> {
  const channel = watched(connector, opening)
  const slots = new Map<string, Slot>()
  const slotOf = (batch: readonly Change[]) => {
    const name = JSON.stringify(batch.map((one) => one.idempotencyKey))
    const slot = slots.get(name) ?? { run: 'run-1', window: slots.size, batch: 0 }
    slots.set(name, slot)
    return slot
  }
  return {
    channel,
    send: async (batch) => settled(channel, batch, await channel.send(batch, into, slotOf(batch)), into),
    replace: async (rows) => {
      const receipt = await channel.replace?.(rows, into)
      if (receipt === undefined) throw new Error('it cannot replace what is there')
      return receipt.outcome === 'accepted' ? (await ended(channel, receipt.job, into)).rest : receipt
    },
  }
}

/**
 * A channel that fails where it asks patiently while it sends: `patiently` waits for the pace that whoever sends holds
 * already, so that with one request at a time neither would ever end.
 */
export function watched<A, T>(connector: Pick<Connector<A, T>, 'open'>, { account, io }: Opening<A>): Channel<T> {
  const under = new AsyncLocalStorage<{ readonly act: string; asked: boolean }>()
  const patiently: Io['patiently'] = (ask) => {
    const sending = under.getStore()
    if (sending === undefined) return ask()
    sending.asked = true
    throw new Error(deadlock(sending.act))
  }
  const channel = connector.open(account, { ...io, patiently })
  const watch = <R>(act: string, work: () => Promise<R>): Promise<R> => {
    const sending = { act, asked: false }
    // What it made of the error counts for nothing.
    return under.run(sending, work).finally(() => {
      if (sending.asked) throw new Error(deadlock(act))
    })
  }
  const { send, replace, poll } = channel
  return {
    ...channel,
    send: (...given) => watch('send', () => send(...given)),
    ...(replace && { replace: (...given) => watch('replace', () => replace(...given)) }),
    ...(poll && { poll: (...given) => watch('poll', () => poll(...given)) }),
  }
}

function deadlock(act: string): string {
  return `"${act}" asks with "patiently", which waits for the pace that "${act}" itself holds`
}

/** The first rows as new changes. */
export function batchOf<A, T>({ row }: Subject<A, T>, count: number): readonly Change[] {
  return Array.from({ length: count }, (_, n) => changeOf(row(n).key, row(n).fields))
}

/** The most that a job of the emulators is asked for. */
const POLLS = 20

/** Receipts once every job has ended: what a job says of a key, and of those whom it does not name. */
async function settled<T>(
  channel: Channel<T>,
  batch: readonly Change[],
  receipts: readonly Receipt[],
  into: T,
): Promise<readonly Receipt[]> {
  const jobs = new Map<JobId, { readonly of: ReadonlyMap<string, Receipt>; readonly rest: Receipt }>()
  for (const receipt of receipts)
    if (receipt.outcome === 'accepted' && !jobs.has(receipt.job))
      jobs.set(receipt.job, await ended(channel, receipt.job, into))
  return receipts.map((receipt, index) => {
    const job = receipt.outcome === 'accepted' ? jobs.get(receipt.job) : undefined
    return job === undefined ? receipt : (job.of.get(JSON.stringify(batch[index]?.key)) ?? job.rest)
  })
}

async function ended<T>(channel: Channel<T>, job: JobId, into: T) {
  for (let poll = 0; poll < POLLS; poll++) {
    const state = await channel.poll?.(job, into)
    if (state === undefined || state.state === 'lost') throw new Error(`the job ${job} is lost`)
    if (state.state === 'running') continue
    if (state.state === 'failed') throw new Error(`the job ${job} failed: ${state.message}`)
    const of = new Map<string, Receipt>()
    for await (const { key, receipt } of state.receipts) of.set(JSON.stringify(key), receipt)
    return { of, rest: state.rest }
  }
  throw new Error(`the job ${job} still runs after ${POLLS} questions`)
}
