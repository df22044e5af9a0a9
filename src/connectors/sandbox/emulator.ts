import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, type Fault, type Holding, hasEffect, type Point, type Seen } from './sandbox.ts'
import { openStore, type Rows } from './store.ts'

/** How one kind of vendor behaves. Everything it remembers is in the rows. */
export interface Vendor {
  answer(request: Seen, rows: Rows): Answer
  /** Would the request change something? */
  writes(request: Pick<Seen, 'method' | 'path'>): boolean
  contents(rows: Rows): readonly Holding[]
}

export interface EmulatorOptions {
  /** The file that remembers what the vendor holds. */
  readonly journal: string
  readonly fault?: (request: Seen) => Fault | undefined
  /** Called at each point of each request; `applied` comes after the journal and before the answer. */
  readonly observe?: (point: Point, request: Seen) => void
}

export interface Emulator {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string
  contents(): readonly Holding[]
  counters(): { readonly calls: number; readonly writes: number }
  /** Forgets everything that the vendor held. */
  reset(): Promise<void>
  close(): Promise<void>
}

/** Starts an emulated vendor on a free port of the loopback interface. */
export async function openEmulator(vendor: Vendor, options: EmulatorOptions): Promise<Emulator> {
  const store = await openStore(options.journal)
  const counters = { calls: 0, writes: 0 }
  let atOnce = 0
  const server = createServer((incoming, response) => {
    atOnce += 1
    response.on('close', () => {
      atOnce -= 1
    })
    readRequest(incoming, ++counters.calls, atOnce)
      .then(async (request) => {
        if (vendor.writes(request)) counters.writes += 1
        options.observe?.('received', request)
        await serve({ vendor, store, options, request, response })
      })
      .catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    contents: () => vendor.contents(store.rows),
    counters: () => ({ ...counters }),
    reset: () => store.clear(),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await store.close()
    },
  }
}

interface Exchange {
  readonly vendor: Vendor
  readonly store: { readonly rows: Rows; commit(): Promise<void> }
  readonly options: EmulatorOptions
  readonly request: Seen
  readonly response: ServerResponse
}

async function serve({ vendor, store, options, request, response }: Exchange): Promise<void> {
  const fault = options.fault?.(request)
  const apply = async () => {
    const answer = vendor.answer(request, store.rows)
    await store.commit()
    options.observe?.('applied', request)
    return answer
  }
  const answer = fault && !hasEffect(fault) ? { status: 500 } : await apply()
  switch (fault?.kind) {
    case undefined:
      reply(response, answer)
      break
    case 'answer':
      reply(response, fault)
      break
    case 'silence':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'truncated':
      cutOff(response, answer)
      break
    case 'late':
      await fault.until
      reply(response, answer)
      break
    case 'last':
      reply(response, { ...answer, headers: { ...answer.headers, connection: 'close' } })
  }
  options.observe?.('answered', request)
}

function reply(response: ServerResponse, answer: Answer): void {
  const { text, type } = bodyOf(answer)
  response.writeHead(answer.status, { ...(type !== undefined && { 'content-type': type }), ...answer.headers })
  response.end(text)
}

/** The half that arrives is announced as the whole, as a proxy does that lost the rest. */
function cutOff(response: ServerResponse, answer: Answer): void {
  const { text, type } = bodyOf(answer)
  response.writeHead(answer.status, { ...(type !== undefined && { 'content-type': type }), ...answer.headers })
  response.end(text.slice(0, Math.floor(text.length / 2)))
}

function bodyOf(answer: Answer): { readonly text: string; readonly type: string | undefined } {
  if (answer.body === undefined) return { text: '', type: undefined }
  if (typeof answer.body === 'string') return { text: answer.body, type: 'text/plain' }
  return { text: JSON.stringify(answer.body), type: 'application/json; charset=utf-8' }
}

const LARGEST = 32 * 1024 * 1024

async function readRequest(incoming: IncomingMessage, number: number, atOnce: number): Promise<Seen> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LARGEST) throw new Error('request too large')
    chunks.push(chunk)
  }
  const url = new URL(incoming.url ?? '/', 'http://emulator')
  const headers = Object.entries(incoming.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return {
    number,
    method: incoming.method ?? '',
    path: decodePath(url.pathname),
    query: url.searchParams,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.concat(chunks).toString('utf8'),
    atOnce,
  }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
