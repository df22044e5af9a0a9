import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type Account, openAccount, type Setup } from './snowflake-account.ts'
import { SnowflakeError } from './snowflake-errors.ts'
import { type LoginRequest, loggedIn } from './snowflake-login.ts'
import { type Answer, EmulatedSession } from './snowflake-session.ts'

/** Snowflake emulated on DuckDB: its protocol over plain HTTP, its rules as far as they are known; never proof of it. */
export interface SnowflakeEmulator {
  readonly url: string
  readonly account: Account
  /** Statements that were asked for, in order, with the tag of each. */
  readonly asked: readonly { readonly sql: string; readonly tag: string | undefined }[]
  /** How many sessions are open. */
  readonly sessions: () => number
  /** Tokens of sessions run out: drivers must renew them. */
  expireTokens(): void
  /** The next page of rows is cut off in the middle. */
  cutNextPage(): void
  stop(): Promise<void>
}

/** Rows that stand in the answer itself; more come in pages of their own. */
const INLINE = 500
const PAGE = 10_000

type Reply = Record<string, unknown>

export async function startSnowflake(setup: Setup): Promise<SnowflakeEmulator> {
  const account = await openAccount(setup)
  const service = new Service(account)
  const server = createServer((request, response) => void service.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: service.url,
    account,
    asked: service.asked,
    sessions: () => service.sessions.size,
    expireTokens: () => service.expire(),
    cutNextPage: () => {
      service.cuts = true
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      for (const session of new Set(service.sessions.values())) await session.close()
      account.close()
    },
  }
}

class Service {
  url = ''
  cuts = false
  readonly asked: { sql: string; tag: string | undefined }[] = []
  readonly sessions = new Map<string, EmulatedSession>()
  readonly #account: Account
  readonly #expired = new Map<string, EmulatedSession>()
  readonly #masters = new Map<string, string>()
  readonly #pages = new Map<string, string>()
  readonly #running = new Map<string, EmulatedSession>()

  constructor(account: Account) {
    this.#account = account
  }

  expire(): void {
    for (const [token, session] of this.sessions) this.#expired.set(token, session)
    this.sessions.clear()
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://localhost')
    if (url.pathname.startsWith('/pages/')) return this.#page(url.pathname.slice('/pages/'.length), response)
    const body = await bodyOf(request)
    const token = /token="([^"]+)"/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const [status, reply] = await this.#reply(url, body, token)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(reply))
  }

  async #reply(url: URL, body: Reply, token: string): Promise<readonly [number, Reply]> {
    try {
      switch (url.pathname) {
        case '/session/v1/login-request':
          return [200, await this.#login(url, body.data as LoginRequest)]
        case '/session/token-request':
          return [200, this.#renew(token, String(body.oldSessionToken))]
        case '/telemetry/send':
          return [200, ok(null)]
      }
      const session = this.sessions.get(token)
      if (session === undefined) return this.#stranger(token)
      return [200, await this.#inSession(url, body, { token, session })]
    } catch (error) {
      if (error instanceof SnowflakeError) return [200, refusal(error)]
      throw error
    }
  }

  #stranger(token: string): readonly [number, Reply] {
    if (this.#expired.has(token))
      return [200, { success: false, code: '390112', message: 'Session expired.', data: null }]
    return [401, { success: false, code: '390104', message: 'Session does not exist.', data: null }]
  }

  async #login(url: URL, given: LoginRequest): Promise<Reply> {
    const wanted = { role: url.searchParams.get('roleName'), warehouse: url.searchParams.get('warehouse') }
    const session = new EmulatedSession(
      this.#account,
      await this.#account.connect(),
      loggedIn(this.#account, given, wanted),
    )
    const token = randomUUID()
    const masterToken = randomUUID()
    this.sessions.set(token, session)
    this.#masters.set(masterToken, token)
    return ok({
      token,
      masterToken,
      validityInSeconds: 3_600,
      masterValidityInSeconds: 14_400,
      sessionId: this.sessions.size,
      displayUserName: session.user,
      parameters: PARAMETERS,
      sessionInfo: {
        databaseName: session.database ?? null,
        schemaName: null,
        warehouseName: session.warehouse ?? null,
        roleName: session.role,
      },
    })
  }

  #renew(masterToken: string, old: string): Reply {
    const session = this.#expired.get(old) ?? this.sessions.get(old)
    if (session === undefined || this.#masters.get(masterToken) !== old)
      return { success: false, code: '390114', message: 'Authentication token has expired.', data: null }
    const sessionToken = randomUUID()
    const master = randomUUID()
    this.#expired.delete(old)
    this.sessions.delete(old)
    this.sessions.set(sessionToken, session)
    this.#masters.set(master, sessionToken)
    return ok({
      sessionToken,
      masterToken: master,
      validityInSecondsST: 3_600,
      validityInSecondsMT: 14_400,
    })
  }

  async #inSession(
    url: URL,
    body: Reply,
    { token, session }: { readonly token: string; readonly session: EmulatedSession },
  ): Promise<Reply> {
    if (url.pathname === '/session/heartbeat') return ok(null)
    if (url.pathname === '/session' && url.searchParams.has('delete')) {
      this.sessions.delete(token)
      await session.close()
      return ok(null)
    }
    if (url.pathname === '/queries/v1/abort-request') {
      this.#running.get(String(body.requestId))?.abort()
      return ok(null)
    }
    if (url.pathname === '/queries/v1/query-request')
      return await this.#query(session, body, url.searchParams.get('requestId') ?? '')
    return { success: false, code: '000404', message: `no such path ${url.pathname}`, data: null }
  }

  async #query(session: EmulatedSession, body: Reply, requestId: string): Promise<Reply> {
    const sql = String(body.sqlText)
    const parameters = (body.parameters ?? {}) as Readonly<Record<string, string>>
    this.asked.push({ sql, tag: parameters.QUERY_TAG })
    this.#running.set(requestId, session)
    try {
      const binds = bindsOf(body.bindings as Bindings | undefined)
      return this.#answered(await session.run({ sql, binds, describeOnly: body.describeOnly === true }))
    } finally {
      this.#running.delete(requestId)
    }
  }

  #answered({ columns, rows, statementType }: Answer): Reply {
    const queryId = randomUUID()
    const inline = rows.length > INLINE ? [] : rows
    const chunks: Reply[] = []
    for (let start = 0; start < rows.length && inline.length === 0; start += PAGE) {
      const page = rows.slice(start, start + PAGE)
      // Without the outer brackets.
      const text = JSON.stringify(page).slice(1, -1)
      const id = `${queryId}-${start}`
      this.#pages.set(id, text)
      const size = Buffer.byteLength(text)
      chunks.push({
        url: `${this.url}/pages/${id}`,
        rowCount: page.length,
        uncompressedSize: size,
        compressedSize: size,
      })
    }
    return ok({
      queryId,
      rowtype: columns,
      rowset: inline,
      total: rows.length,
      returned: rows.length,
      queryResultFormat: 'json',
      statementTypeId: statementType,
      version: 1,
      parameters: PARAMETERS,
      ...(chunks.length > 0 && { chunks, chunkHeaders: { 'x-emulated': 'on DuckDB' } }),
    })
  }

  #page(id: string, response: ServerResponse): void {
    const text = this.#pages.get(id)
    if (text === undefined) {
      response.writeHead(410, { 'content-type': 'application/xml' })
      response.end('<Error><Code>Gone</Code></Error>')
      return
    }
    if (this.cuts) {
      this.cuts = false
      this.#pages.delete(id)
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': text.length })
      response.write(text.slice(0, text.length / 2), () => response.destroy())
      return
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    response.end(text)
  }
}

const PARAMETERS = [
  { name: 'CLIENT_TELEMETRY_ENABLED', value: false },
  { name: 'TIMEZONE', value: 'UTC' },
  { name: 'CLIENT_RESULT_PREFETCH_THREADS', value: 4 },
]

type Bindings = Readonly<Record<string, { readonly type: string; readonly value: string | null }>>

function bindsOf(bindings: Bindings | undefined): readonly (string | null)[] {
  return Object.entries(bindings ?? {})
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, { value }]) => value)
}

function ok(data: unknown): Reply {
  return { success: true, code: null, message: null, data }
}

function refusal({ code, message, sqlState }: SnowflakeError): Reply {
  return { success: false, code, message, data: { errorCode: code, sqlState, queryId: randomUUID() } }
}

async function bodyOf(request: IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const raw = Buffer.concat(parts)
  const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
  return plain.length > 0 && /json/.test(request.headers['content-type'] ?? '') ? JSON.parse(plain.toString()) : {}
}
