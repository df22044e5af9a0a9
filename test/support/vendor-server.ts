import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A change as the receiver took it. */
export interface Taken {
  readonly op: string
  readonly key: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A real receiver of webhooks, written against what the README says of them and none of our code. */
export interface Receiver {
  readonly url: string
  /** What it holds, by key. */
  readonly rows: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** Changes that it applied, in order; those that were sent again under the same idempotency key count once. */
  readonly taken: readonly Taken[]
  /** Requests that reached it, refused ones included. */
  readonly requests: number
  /** Closes the port: connections are refused until `start`. */
  stop(): Promise<void>
  /** Listens again, at the same port. */
  start(): Promise<void>
  /** After so many more good requests it answers 503 to everything, until it is told otherwise. */
  failAfter(requests: number): void
}

export const SECRET = 'a secret of the test'

/** Most changes in one request; more are answered 413. */
const MOST = 4

interface State {
  rows: Map<string, Readonly<Record<string, unknown>>>
  taken: Taken[]
  seen: Set<string>
  requests: number
  good: number
}

/** Starts a receiver on a free port of the loopback interface, until the test ends. */
export async function openReceiver(): Promise<Receiver> {
  const state: State = { rows: new Map(), taken: [], seen: new Set(), requests: 0, good: Number.POSITIVE_INFINITY }
  let server: Server | undefined
  const start = async (port = 0) => {
    const opened = createServer((incoming, response) => {
      state.requests += 1
      bodyOf(incoming).then((body) => {
        const { status, said } = answer(state, incoming, body)
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
      })
    })
    await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve))
    server = opened
    return (opened.address() as AddressInfo).port
  }
  const stop = async () => {
    server?.closeAllConnections()
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    server = undefined
  }
  const port = await start()
  onTestFinished(stop)
  return {
    url: `http://127.0.0.1:${port}/changes`,
    rows: state.rows,
    taken: state.taken,
    get requests() {
      return state.requests
    },
    stop,
    start: async () => {
      await start(port)
    },
    failAfter: (requests) => {
      state.good = requests
    },
  }
}

function answer(state: State, incoming: IncomingMessage, body: string): { status: number; said: object } {
  const key = String(incoming.headers['idempotency-key'] ?? '')
  if (incoming.method !== 'POST' || incoming.url !== '/changes') return { status: 404, said: {} }
  if (!isSigned(incoming, body)) return { status: 401, said: { error: 'bad signature' } }
  if (key === '') return { status: 400, said: { error: 'no idempotency key' } }
  if (state.good <= 0) return { status: 503, said: { error: 'down for maintenance' } }
  state.good -= 1
  if (state.seen.has(key)) return { status: 200, said: {} }
  const { changes } = JSON.parse(body) as { changes: readonly Taken[] }
  if (changes.length > MOST) return { status: 413, said: { error: 'too many changes' } }
  for (const change of changes) take(state, change)
  state.seen.add(key)
  return { status: 200, said: {} }
}

function take({ rows, taken }: State, { op, key, fields }: Taken): void {
  taken.push({ op, key, fields })
  if (op === 'remove') rows.delete(key)
  else rows.set(key, { ...rows.get(key), ...fields })
}

function isSigned(incoming: IncomingMessage, body: string): boolean {
  const [, time, given] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(String(incoming.headers['x-signature'] ?? '')) ?? []
  return given === createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex')
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
