import { randomUUID } from 'node:crypto'
import type { BigQuery } from '@google-cloud/bigquery'
import type { Field, RawRow } from './bigquery-cells.ts'
import { type Said, ServiceError, saidBy, statusOf } from './bigquery-error.ts'

/** A message of the service's protocol: cloud.google.com/bigquery/docs/reference/rest. */
export type Message = { readonly [field: string]: unknown }

/** What every job of a session has in common. */
export interface JobSettings {
  readonly location?: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly maximumBytesBilled?: string | undefined
  readonly jobTimeoutMs?: string | undefined
}

/** A page of the rows that a finished job gave. */
export interface Results {
  readonly fields: readonly Field[]
  readonly rows: readonly RawRow[]
  readonly total: number
  readonly next: string | undefined
}

/** A job as the service tells of it. */
export interface Job {
  readonly jobReference: { readonly jobId: string; readonly location?: string }
  readonly status?: { readonly state: string; readonly errorResult?: Said }
  readonly configuration?: { readonly query?: { readonly destinationTable?: TableName } }
  readonly statistics?: {
    readonly creationTime?: string
    readonly totalBytesProcessed?: string
    readonly scriptStatistics?: { readonly stackFrames?: readonly { readonly startLine: number }[] }
    readonly query?: {
      readonly statementType?: string
      readonly numDmlAffectedRows?: string
      readonly totalBytesProcessed?: string
      readonly ddlTargetTable?: TableName
      readonly schema?: { readonly fields?: readonly Field[] }
    }
  }
}

export interface TableName {
  readonly projectId?: string
  readonly datasetId: string
  readonly tableId: string
}

interface Asked {
  readonly qs?: Message
  readonly json?: Message
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Jobs of one client. Every job has an id of ours, so that one whose answer was lost is found again. */
export class Jobs {
  readonly #client: BigQuery
  readonly #settings: JobSettings
  readonly #running = new Set<string>()
  #bytesRead = 0

  constructor(client: BigQuery, settings: JobSettings) {
    this.#client = client
    this.#settings = settings
  }

  /** By all queries that have ended; what a query finds in the cache it does not read. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** One request of the REST API, below the project. Throws what the client throws. */
  async ask(method: 'GET' | 'POST', uri: string, { qs, ...body }: Asked = {}): Promise<Message> {
    return await new Promise((resolve, reject) =>
      this.#client.request(
        { method, uri, qs: { ...qs, ...this.#located() }, ...body },
        (error: Error | null, answer: unknown) => (error ? reject(error) : resolve((answer ?? {}) as Message)),
      ),
    )
  }

  /** What the service says of a table, of another project only with a role there; undefined where there is none. */
  async table({ projectId, datasetId, tableId }: TableName): Promise<Message | undefined> {
    const inProject = `/datasets/${encodeURIComponent(datasetId)}/tables/${encodeURIComponent(tableId)}`
    const elsewhere = `${this.#client.baseUrl}/projects/${encodeURIComponent(projectId ?? '')}`
    return this.#found(projectId === undefined ? inProject : `${elsewhere}${inProject}`)
  }

  /** The project that pays. */
  get project(): string {
    return this.#client.projectId
  }

  async hasDataset(name: string): Promise<boolean> {
    return (await this.#found(`/datasets/${encodeURIComponent(name)}`)) !== undefined
  }

  /** What a query would do, without running it. */
  async dry(query: Message): Promise<Job> {
    const configuration = { dryRun: true, query: { useLegacySql: false, ...query }, labels: this.#settings.labels }
    const json = { configuration, jobReference: { projectId: this.#client.projectId, ...this.#located() } }
    return (await this.ask('POST', '/jobs', { json })) as unknown as Job
  }

  /** Runs a query to its end; the first `rows` of its rows come with it. Throws a ServiceError where the job failed. */
  async query(
    query: Message,
    step: string,
    rows: number,
    id = newId(),
  ): Promise<{ readonly id: string; readonly results: Results }> {
    const { maximumBytesBilled, jobTimeoutMs, labels } = this.#settings
    const configuration = {
      labels: { ...labels, step: labelOf(step) },
      ...(jobTimeoutMs && { jobTimeoutMs }),
      query: { useLegacySql: false, ...query, ...(maximumBytesBilled && { maximumBytesBilled }) },
    }
    this.#running.add(id)
    try {
      await this.#insert(id, configuration)
      return { id, results: await this.#finished(id, rows) }
    } finally {
      this.#running.delete(id)
    }
  }

  /** Appends rows, one JSON object a line, to a table that is there. All or nothing. */
  async load(destinationTable: TableName, lines: string, step: string): Promise<void> {
    const id = newId()
    const configuration = {
      labels: { ...this.#settings.labels, step: labelOf(step) },
      load: {
        destinationTable: { projectId: this.#client.projectId, ...destinationTable },
        sourceFormat: 'NEWLINE_DELIMITED_JSON',
        ...{ createDisposition: 'CREATE_NEVER', writeDisposition: 'WRITE_APPEND' },
      },
    }
    this.#running.add(id)
    try {
      await this.#insert(id, configuration, lines)
      await this.#done(id)
    } finally {
      this.#running.delete(id)
    }
  }

  /** A page of the rows of a finished job. */
  async page(id: string, rows: number, next?: string): Promise<Results> {
    const qs = { maxResults: rows, 'formatOptions.useInt64Timestamp': true, ...(next && { pageToken: next }) }
    const answer = await this.ask('GET', `/queries/${id}`, { qs })
    return resultsOf(answer)
  }

  async job(id: string): Promise<Job> {
    return (await this.ask('GET', `/jobs/${id}`)) as unknown as Job
  }

  /** The statements that a job of several ran. */
  async children(id: string): Promise<readonly Job[]> {
    const found: Job[] = []
    let next: unknown
    do {
      const qs = { parentJobId: id, projection: 'full', maxResults: 1_000, ...(next ? { pageToken: next } : {}) }
      const answer = await this.ask('GET', '/jobs', { qs })
      found.push(...((answer.jobs ?? []) as readonly Job[]))
      next = answer.nextPageToken
    } while (next)
    return found
  }

  /** Ends what still runs. */
  async cancel(): Promise<void> {
    const ends = [...this.#running].map((id) => this.ask('POST', `/jobs/${id}/cancel`))
    await Promise.allSettled(ends)
  }

  async #found(uri: string): Promise<Message | undefined> {
    try {
      return await this.ask('GET', uri)
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  #located(): Message {
    return this.#settings.location === undefined ? {} : { location: this.#settings.location }
  }

  /** Begins a job; one that loads brings its rows along. */
  async #insert(id: string, configuration: Message, rows?: string): Promise<void> {
    const json = { configuration, jobReference: { projectId: this.#client.projectId, jobId: id, ...this.#located() } }
    try {
      if (rows === undefined) await this.ask('POST', '/jobs', { json })
      else await this.#upload(json, rows)
    } catch (error) {
      // Sent twice, because an answer was lost: the first one runs.
      if (statusOf(error) === 409 && saidBy(error).reason === 'duplicate') return
      if (statusOf(error) === undefined && (await this.#known(id))) return
      throw error
    }
  }

  async #upload(job: Message, rows: string): Promise<void> {
    const { apiEndpoint, projectId } = this.#client
    // The client's own upload needs credentials even where none are asked for, and is not tried again.
    const boundary = randomUUID()
    const parts = [
      ['application/json', JSON.stringify(job)],
      ['application/octet-stream', rows],
    ].map(([type, body]) => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n${body}\r\n`)
    await this.ask('POST', `${apiEndpoint}/upload/bigquery/v2/projects/${projectId}/jobs`, {
      qs: { uploadType: 'multipart' },
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body: `${parts.join('')}--${boundary}--\r\n`,
    })
  }

  async #known(id: string): Promise<boolean> {
    return await this.job(id).then(
      () => true,
      () => false,
    )
  }

  /** The service answers when the job has ended, or after ten seconds, whatever comes first. */
  async #finished(id: string, rows: number): Promise<Results> {
    for (;;) {
      const qs = { maxResults: rows, timeoutMs: 10_000, 'formatOptions.useInt64Timestamp': true }
      const answer = await this.ask('GET', `/queries/${id}`, { qs })
      if (answer.jobComplete !== true) continue
      this.#bytesRead += Number(answer.totalBytesProcessed ?? 0)
      return resultsOf(answer)
    }
  }

  /** A load has no results that one could wait for. */
  async #done(id: string): Promise<void> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      const { status } = await this.job(id)
      if (status?.errorResult) throw new ServiceError(status.errorResult)
      if (status?.state === 'DONE') return
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
}

/** An id that no job had before. */
export function newId(): string {
  return `cdp_${randomUUID()}`
}

function resultsOf(answer: Message): Results {
  const schema = (answer.schema ?? {}) as { readonly fields?: readonly Field[] }
  return {
    fields: schema.fields ?? [],
    rows: (answer.rows ?? []) as readonly RawRow[],
    total: Number(answer.totalRows ?? 0),
    next: typeof answer.pageToken === 'string' ? answer.pageToken : undefined,
  }
}

/** Labels hold lower-case letters, digits, `-` and `_`, at most 63 of them. */
export function labelOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{Ll}\p{Lo}\p{N}_-]+/gu, '_')
    .slice(0, 63)
}
