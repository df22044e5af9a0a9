import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { Client } from 'pg'
import type { PostgresOptions } from '../../src/warehouses/postgres.ts'

/** What others leave behind on a connection. */
const LEFT = `set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'; set extra_float_digits = -15`

/** To each database. */
const CONNECTIONS = 3

/**
 * A pooler as PgBouncer is in its mode `transaction`, and less kind: a client has a connection to the server for one
 * transaction only, the one that has rested longest, and whoever had it before has left settings on it. In front of a
 * server on a Unix socket; it listens on one in the folder `folder`.
 */
export async function startPooler(direct: PostgresOptions, folder: string): Promise<{ stop(): Promise<void> }> {
  const pools = new Map<string, Pool>()
  const poolOf = (database: string): Pool => {
    const pool = pools.get(database) ?? new Pool(() => openServer({ ...direct, database }))
    pools.set(database, pool)
    return pool
  }
  const clients = new Set<Socket>()
  const listener = createServer((client) => {
    clients.add(client)
    client.on('error', () => {}).on('close', () => clients.delete(client))
    void serve(client, poolOf)
  })
  listener.listen(join(folder, `.s.PGSQL.${direct.port}`))
  await once(listener, 'listening')
  return {
    stop: async () => {
      for (const client of clients) client.destroy()
      listener.close()
      for (const pool of pools.values()) await pool.close()
    },
  }
}

/** The connections to one database: who finds none waits for the next that is given back. */
class Pool {
  readonly #open: () => Promise<Server>
  readonly #all: Server[] = []
  readonly #free: Server[] = []
  readonly #waiting: ((server: Server) => void)[] = []
  #opened = 0

  constructor(open: () => Promise<Server>) {
    this.#open = open
  }

  async take(): Promise<Server> {
    if (this.#opened < CONNECTIONS) {
      this.#opened += 1
      const server = await this.#open()
      this.#all.push(server)
      return server
    }
    return this.#free.shift() ?? new Promise((resolve) => this.#waiting.push(resolve))
  }

  give(server: Server): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(server)
    else next(server)
  }

  /** Closes a connection that nobody can use any more. */
  forget(server: Server): void {
    server.socket.destroy()
    this.#all.splice(this.#all.indexOf(server), 1)
    this.#opened -= 1
    const next = this.#waiting.shift()
    if (next !== undefined) void this.take().then(next)
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(({ client }) => client.end()))
  }
}

/** One connection to the server. */
interface Server {
  readonly client: Client
  readonly socket: Socket
}

async function openServer({ host, port, database, user }: PostgresOptions): Promise<Server> {
  const client = new Client({ host, port, database, user })
  client.on('error', () => {})
  await client.connect()
  await client.query(LEFT)
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  return { client, socket: stream }
}

/** Frontend and backend messages: https://www.postgresql.org/docs/current/protocol-message-formats.html */
interface Message {
  readonly type: string
  readonly bytes: Buffer
}

async function serve(client: Socket, poolOf: (database: string) => Pool): Promise<void> {
  let pool: Pool | undefined
  let server: Server | undefined
  let stop = () => {}
  // Answers that are still to come: a transaction is over with the last of them.
  let owed = 0
  const detach = () => {
    stop()
    if (server !== undefined) pool?.give(server)
    server = undefined
  }
  for await (const { type, bytes } of messagesOf(client)) {
    if (type === 'X') break
    if (type === 'startup') {
      pool = poolOf(/\0database\0([^\0]+)\0/.exec(bytes.toString())?.[1] ?? '')
      client.write(WELCOME)
      continue
    }
    if (server === undefined) {
      server = await pool?.take()
      if (server === undefined) break
      stop = listen(server, (answer) => {
        client.write(answer.bytes)
        if (answer.type !== 'Z') return
        owed -= 1
        if (owed === 0 && answer.bytes.toString('latin1', 5) === 'I') detach()
      })
    }
    if (type === 'Q' || type === 'S') owed += 1
    server.socket.write(bytes)
  }
  stop()
  // A client that leaves within an answer takes the connection with it; a transaction that it leaves open ends.
  if (server !== undefined && owed > 0) pool?.forget(server)
  else await server?.client.query('rollback').catch(() => {})
  if (owed === 0) detach()
}

/** Hears what the server says instead of the driver; returns what gives it back. */
function listen({ socket }: Server, hear: (message: Message) => void): () => void {
  const before = socket.listeners('data') as ((chunk: Buffer) => void)[]
  socket.removeAllListeners('data')
  const parse = parser(false)
  const on = (chunk: Buffer) => {
    for (const message of parse(chunk)) hear(message)
  }
  socket.on('data', on)
  return () => {
    socket.off('data', on)
    for (const one of before) if (!socket.listeners('data').includes(one)) socket.on('data', one)
  }
}

async function* messagesOf(socket: Socket): AsyncGenerator<Message> {
  const parse = parser(true)
  try {
    for await (const chunk of socket) yield* parse(chunk)
  } catch {
    // A client that is cut off says nothing more.
  }
}

/** Cuts bytes into messages. The first of a client has no type. */
function parser(isClient: boolean): (chunk: Buffer) => readonly Message[] {
  let rest = Buffer.alloc(0)
  let isFirst = isClient
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const found: Message[] = []
    for (;;) {
      const at = isFirst ? 0 : 1
      if (rest.length < at + 4) return found
      const end = at + rest.readInt32BE(at)
      if (rest.length < end) return found
      found.push({ type: isFirst ? 'startup' : rest.toString('latin1', 0, 1), bytes: rest.subarray(0, end) })
      rest = rest.subarray(end)
      isFirst = false
    }
  }
}

/** Authentication is fine, a key of its own for cancelling, ready. */
const WELCOME = Buffer.concat([
  messageOf('R', int(0)),
  ...[
    ['server_version', '18.0'],
    ['client_encoding', 'UTF8'],
    ['standard_conforming_strings', 'on'],
  ].map((pair) => messageOf('S', Buffer.from(pair.map((text) => `${text}\0`).join('')))),
  messageOf('K', Buffer.concat([int(77_777_777), int(1)])),
  messageOf('Z', Buffer.from('I')),
])

function messageOf(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body])
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
