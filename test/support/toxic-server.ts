import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureVersion } from 'node:tls'
import type { Json } from '../../src/connectors/connector.ts'
import type { Vendor } from '../../src/connectors/sandbox/emulator.ts'
import type { Answer, Holding, Seen } from '../../src/connectors/sandbox/sandbox.ts'
import type { Row, Rows } from '../../src/connectors/sandbox/store.ts'
import type { Certified } from './certificates.ts'

/** What goes wrong with a request, on the wire. */
export type Toxic =
  | ({ readonly kind: 'answer'; readonly effect?: boolean } & Answer)
  | { readonly kind: 'silence'; readonly effect: boolean }
  /** The connection is reset before the request was read. */
  | { readonly kind: 'reset-request' }
  /** Applied; the connection is reset after half of the answer. */
  | { readonly kind: 'reset-response' }
  /** Applied; the answer comes byte by byte, and its last never where `endless`. */
  | { readonly kind: 'drip'; readonly endless: boolean }
  /** Applied; the answer is whole for HTTP, and its JSON ends in the middle. */
  | { readonly kind: 'half-json' }
  /** Applied; the answer says something else. */
  | { readonly kind: 'changed'; readonly body: (body: Json) => Json }

export interface ToxicOptions extends Certified {
  readonly vendor: Vendor
  /** Which requests go wrong. */
  readonly isMeant: (request: Pick<Seen, 'method' | 'path'>) => boolean
  readonly versions?: { readonly max: SecureVersion; readonly ciphers: string }
}

/** A vendor behind TLS on a free port of the loopback interface, whose answers can be poisoned. */
export interface ToxicServer {
  readonly port: number
  readonly seen: readonly Pick<Seen, 'method' | 'path'>[]
  toxic: Toxic | undefined
  contents(): readonly Holding[]
  close(): Promise<void>
}

export async function openToxicServer(options: ToxicOptions): Promise<ToxicServer> {
  const rows = memory()
  const sockets = new Map<number, Socket>()
  const seen: Seen[] = []
  const { versions } = options
  const server = createServer({
    key: options.key,
    cert: options.cert,
    ...(versions && { minVersion: 'TLSv1' as const, maxVersion: versions.max, ciphers: versions.ciphers }),
  })
  // A reset must come from TCP itself: TLS would say goodbye.
  server.on('connection', (socket: Socket) => {
    sockets.set(socket.remotePort ?? 0, socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket.remotePort ?? 0))
  })
  server.on('request', (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  const opened: ToxicServer = {
    get port() {
      return (server.address() as AddressInfo).port
    },
    seen,
    toxic: undefined,
    contents: () => options.vendor.contents(rows),
    close: async () => {
      for (const socket of sockets.values()) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return opened

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'https://vendor')
    const named = { method: incoming.method ?? '', path: decodeURIComponent(url.pathname) }
    const toxic = options.isMeant(named) ? opened.toxic : undefined
    const reset = () => sockets.get(incoming.socket.remotePort ?? 0)?.resetAndDestroy()
    if (toxic?.kind === 'reset-request') {
      seen.push({ ...named, number: 0, query: url.searchParams, headers: {}, body: '', atOnce: 1 })
      return void reset()
    }
    const request = { ...named, ...(await read(incoming)), number: seen.length + 1, query: url.searchParams, atOnce: 1 }
    seen.push(request)
    const isLost = toxic !== undefined && (toxic.kind === 'answer' || toxic.kind === 'silence') && !toxic.effect
    const answer = isLost ? { status: 500 } : options.vendor.answer(request, rows)
    await poison(toxic, answer, response, reset)
  }
}

async function poison(toxic: Toxic | undefined, answer: Answer, response: ServerResponse, reset: () => void) {
  const text = textOf(answer)
  const half = Math.ceil(text.length / 2)
  switch (toxic?.kind) {
    case undefined:
      return reply(response, answer, text)
    case 'answer':
      return reply(response, toxic, textOf(toxic))
    case 'silence':
    case 'reset-request':
      return
    case 'reset-response':
      head(response, answer, text)
      response.write(text.slice(0, half), reset)
      return
    case 'half-json':
      return reply(response, answer, text.slice(0, half))
    case 'changed':
      return reply(response, answer, textOf({ ...answer, body: toxic.body(answer.body ?? {}) }))
    case 'drip':
      head(response, answer, text)
      for (const byte of Buffer.from(text).subarray(0, toxic.endless ? -1 : undefined)) {
        await new Promise<void>((resolve) => response.write(Buffer.of(byte), () => resolve()))
        await new Promise(setImmediate)
      }
      if (!toxic.endless) response.end()
  }
}

function head(response: ServerResponse, answer: Answer, text: string): void {
  const length = Buffer.byteLength(text)
  response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': length, ...answer.headers })
}

function reply(response: ServerResponse, answer: Answer, text: string): void {
  head(response, answer, text)
  response.end(text)
}

function textOf({ body }: Answer): string {
  return body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
}

async function read(incoming: IncomingMessage): Promise<Pick<Seen, 'headers' | 'body'>> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return { headers: incoming.headers as Record<string, string>, body: Buffer.concat(chunks).toString('utf8') }
}

function memory(): Rows {
  const state = new Map<string, Map<string, Row>>()
  const of = (collection: string) => {
    const rows = state.get(collection) ?? new Map<string, Row>()
    state.set(collection, rows)
    return rows
  }
  return {
    get: (collection, id) => state.get(collection)?.get(id),
    put: (collection, id, row) => of(collection).set(id, row),
    drop: (collection, id) => of(collection).delete(id),
    all: (collection) => state.get(collection) ?? [],
    size: (collection) => state.get(collection)?.size ?? 0,
    collections: () => [...state.keys()],
  }
}
