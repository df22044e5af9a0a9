import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { type Analyst, Engine } from './bigquery-engine.ts'
import { type Configuration, JobStore } from './bigquery-jobs.ts'
import { type Given, Refusal } from './bigquery-rules.ts'

/** The most rows of one answer, whatever is asked: others come with the next page. */
const MOST_ROWS = 10_000

/** What goes wrong once, and where. `lost`: done, and not answered. `cut`: half an answer. `unavailable`: not done. */
export interface Fault {
  readonly at: 'insert' | 'results' | 'upload'
  readonly what: 'lost' | 'cut' | 'unavailable'
}

/** BigQuery's REST API, emulated on DuckDB: it proves that we speak the protocol, and nothing of the service itself. */
export interface BigqueryEmulator {
  readonly url: string
  readonly given: Given
  /** Faults that wait for their request. */
  readonly faults: Fault[]
  /** How many jobs the project may still begin, and the token that requests must bear; absent: any. */
  readonly limits: { jobs?: number; token?: string }
  /** Method and path of each request, in order. */
  readonly requests: readonly string[]
  /** Names of the tables and views of a dataset. */
  tables(dataset: string): Promise<readonly string[]>
  /** The jobs that ran, without the statements of scripts. */
  jobs(): readonly { readonly configuration: Configuration; readonly bytes: number }[]
  close(): Promise<void>
}

export async function startBigquery({
  project = 'shop-test',
  analyst,
}: {
  project?: string
  analyst?: Analyst
} = {}): Promise<BigqueryEmulator> {
  const given: Given = { project, datasets: new Map(), denied: new Set(), slow: new Map() }
  const engine = await Engine.open(given, analyst)
  const jobs = new JobStore(engine)
  const faults: Fault[] = []
  const limits: { jobs?: number; token?: string } = {}
  const requests: string[] = []
  const service: Service = { ...{ engine, jobs, limits, given }, uploads: new Map() }
  const server = createServer((request, response) => {
    void answer(service, request, response, { faults, requests })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ...{ given, faults, limits, requests, url: addressOf(server) },
    tables: (dataset) => engine.tables(dataset),
    jobs: () => jobs.all(),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      await Promise.all(jobs.all().map(({ done }) => done))
      engine.close()
    },
  }
}

interface Service {
  readonly engine: Engine
  readonly jobs: JobStore
  readonly limits: { jobs?: number; token?: string }
  readonly given: Given
  /** Resumable uploads that were begun: what they are for. */
  readonly uploads: Map<string, unknown>
}

interface Asked {
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly type: string
  readonly host: string
}

interface Body {
  readonly configuration?: Configuration
  readonly jobReference?: { readonly jobId?: string; readonly location?: string }
}

type Route = (service: Service, names: readonly string[], asked: Asked) => Promise<Reply>

interface Reply {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly fault?: Fault['at']
}

const ROUTES: readonly (readonly [method: string, path: RegExp, route: Route])[] = [
  ['POST', /^\/projects\/([^/]+)\/jobs$/, insert],
  ['GET', /^\/projects\/([^/]+)\/jobs$/, list],
  [
    'GET',
    /^\/projects\/([^/]+)\/jobs\/([^/]+)$/,
    async ({ jobs }, [, id = '']) => ({ body: jobs.view(jobs.find(id)) }),
  ],
  ['POST', /^\/projects\/([^/]+)\/jobs\/([^/]+)\/cancel$/, cancel],
  ['GET', /^\/projects\/([^/]+)\/queries\/([^/]+)$/, results],
  ['GET', /^\/projects\/([^/]+)\/datasets\/([^/]+)\/tables\/([^/]+)$/, table],
  ['GET', /^\/projects\/([^/]+)\/datasets\/([^/]+)$/, dataset],
  ['POST', /^\/upload\/bigquery\/v2\/projects\/([^/]+)\/jobs$/, upload],
  ['PUT', /^\/upload\/bigquery\/v2\/projects\/([^/]+)\/jobs$/, resume],
]

async function answer(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  { faults, requests }: { faults: Fault[]; requests: string[] },
): Promise<void> {
  try {
    const asked = await read(request)
    requests.push(`${request.method} ${asked.path}`)
    refuseStranger(service, request)
    const found = ROUTES.find(([method, path]) => method === request.method && path.test(asked.path))
    if (found === undefined) throw new Refusal(404, 'notFound', `Not Found: ${request.method} ${asked.path}`)
    const [, path, route] = found
    const names = (path.exec(asked.path) ?? []).slice(1).map(decodeURIComponent)
    if (names[0] !== service.given.project) throw new Refusal(404, 'notFound', `Not found: Project ${names[0]}`)
    const place = placeOf(route)
    const fault = place && take(faults, place)
    if (fault?.what === 'unavailable')
      throw new Refusal(503, 'backendError', 'Error encountered during execution. Retrying may solve the problem.')
    const reply = await route(service, names, asked)
    if (fault === undefined) send(response, 200, reply.body, reply.headers)
    else if (fault.what === 'lost') request.socket.destroy()
    else cut(response, reply.body)
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'internalError', String(error))
    const { status, reason, message } = refusal
    send(response, status, { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } })
  }
}

function refuseStranger({ limits }: Service, { headers }: IncomingMessage): void {
  if (limits.token === undefined || headers.authorization === `Bearer ${limits.token}`) return
  throw new Refusal(401, 'authError', 'Request had invalid authentication credentials.')
}

function placeOf(route: Route): Fault['at'] | undefined {
  return route === insert ? 'insert' : route === results ? 'results' : route === upload ? 'upload' : undefined
}

function take(faults: Fault[], at: Fault['at']): Fault | undefined {
  const index = faults.findIndex((one) => one.at === at)
  return index === -1 ? undefined : faults.splice(index, 1)[0]
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
  const body = Buffer.concat(chunks)
  return {
    path: url.pathname.replace(/^\/bigquery\/v2/, ''),
    query: url.searchParams,
    body: request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
    type: request.headers['content-type'] ?? '',
    host: request.headers.host ?? '',
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function cut(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) })
  response.write(text.slice(0, text.length / 2), () => response.destroy())
}

async function insert(service: Service, _: readonly string[], { body }: Asked): Promise<Reply> {
  const { configuration = {}, jobReference = {} } = JSON.parse(body.toString()) as Body
  if (configuration.dryRun) return { body: await service.jobs.dry(configuration, jobReference) }
  spend(service)
  return { body: service.jobs.view(service.jobs.start(configuration, jobReference)) }
}

function spend({ limits, given }: Service): void {
  if (limits.jobs === undefined) return
  if (limits.jobs <= 0)
    throw new Refusal(
      403,
      'quotaExceeded',
      `Quota exceeded: Your project ${given.project} exceeded quota for jobs per day.`,
    )
  limits.jobs -= 1
}

async function list({ jobs }: Service, _: readonly string[], { query }: Asked): Promise<Reply> {
  const found = jobs.children(query.get('parentJobId') ?? '')
  const from = Number(query.get('pageToken') ?? 0)
  const page = found.slice(from, from + Math.min(Number(query.get('maxResults') ?? 50), 1_000))
  const next = from + page.length
  return {
    body: {
      kind: 'bigquery#jobList',
      jobs: page.map((job) => jobs.view(job)),
      ...(next < found.length && { nextPageToken: String(next) }),
    },
  }
}

async function cancel({ jobs }: Service, [, id = '']: readonly string[]): Promise<Reply> {
  jobs.cancel(id)
  return { body: { kind: 'bigquery#jobCancelResponse', job: jobs.view(jobs.find(id)) } }
}

async function results({ jobs }: Service, [, id = '']: readonly string[], { query }: Asked): Promise<Reply> {
  const job = jobs.find(id)
  await job.done
  const { outcome } = job
  if (outcome instanceof Refusal) throw outcome
  const all = outcome?.rows ?? []
  const from = Number(query.get('pageToken') ?? 0)
  const rows = all.slice(from, from + Math.min(Number(query.get('maxResults') ?? MOST_ROWS), MOST_ROWS))
  const next = from + rows.length
  return {
    body: {
      ...{ kind: 'bigquery#getQueryResultsResponse', jobReference: jobs.reference(job), jobComplete: true },
      ...{ schema: { fields: outcome?.fields ?? [] }, totalRows: String(all.length), rows },
      totalBytesProcessed: String(job.bytes),
      ...(next < all.length && { pageToken: String(next) }),
    },
  }
}

async function dataset({ engine, given }: Service, [, name = '']: readonly string[]): Promise<Reply> {
  if (!(await engine.hasDataset(name)))
    throw new Refusal(404, 'notFound', `Not found: Dataset ${given.project}:${name}`)
  return { body: { kind: 'bigquery#dataset', datasetReference: { projectId: given.project, datasetId: name } } }
}

async function table({ engine, given }: Service, [, dataset = '', name = '']: readonly string[]): Promise<Reply> {
  if (given.denied.has(`${dataset}.${name}`))
    throw new Refusal(
      403,
      'accessDenied',
      `Access Denied: Table ${given.project}:${dataset}.${name}: Permission bigquery.tables.get denied`,
    )
  const found = await engine.table(dataset, name)
  if (found === undefined) throw new Refusal(404, 'notFound', `Not found: Table ${given.project}:${dataset}.${name}`)
  const { fields, rows, isView } = found
  return {
    body: { kind: 'bigquery#table', type: isView ? 'VIEW' : 'TABLE', schema: { fields }, numRows: String(rows) },
  }
}

/** `multipart/related`: the job, then its rows; or the job alone, and a place for the rows. */
async function upload(
  service: Service,
  _: readonly string[],
  { query, body, type, host, path }: Asked,
): Promise<Reply> {
  if (query.get('uploadType') === 'resumable') {
    const id = `upload-${service.uploads.size + 1}`
    service.uploads.set(id, JSON.parse(body.toString()))
    return { body: {}, headers: { location: `http://${host}${path}?uploadType=resumable&upload_id=${id}` } }
  }
  const [, boundary = ''] = /boundary="?([^";]+)"?/.exec(type) ?? []
  const [, metadata = '{}', rows = ''] = body.toString().split(`--${boundary}`).map(partBody)
  return begin(service, JSON.parse(metadata), rows)
}

async function resume(service: Service, _: readonly string[], { query, body }: Asked): Promise<Reply> {
  const known = service.uploads.get(query.get('upload_id') ?? '')
  if (known === undefined) throw new Refusal(404, 'notFound', 'Not Found: no such upload')
  return begin(service, known as Body, body.toString())
}

function begin(service: Service, { configuration = {}, jobReference = {} }: Body, rows: string): Reply {
  spend(service)
  return { body: service.jobs.view(service.jobs.start(configuration, jobReference, rows)) }
}

/** What follows the headers of a part, without the line break before the next boundary. */
function partBody(part: string): string {
  const start = part.indexOf('\r\n\r\n')
  return start === -1 ? '' : part.slice(start + 4).replace(/\r\n$/, '')
}

function addressOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
}
