import { randomUUID } from 'node:crypto'
import type { Done, Engine, Query, Ran } from './bigquery-engine.ts'
import { Refusal } from './bigquery-rules.ts'

/** The configuration of a job, as a client sends it. */
export interface Configuration {
  readonly dryRun?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly jobTimeoutMs?: string
  readonly query?: Query
  readonly load?: {
    readonly destinationTable: { readonly datasetId: string; readonly tableId: string }
    readonly sourceFormat?: string
  }
}

interface Job {
  readonly id: string
  readonly location: string
  readonly configuration: Configuration
  readonly parent?: string
  readonly line?: number
  state: 'RUNNING' | 'DONE'
  outcome: Done | Refusal | undefined
  bytes: number
  stop: () => void
  done: Promise<void>
}

/** The jobs of a project: each runs once, and is kept. */
export class JobStore {
  readonly #engine: Engine
  readonly #jobs = new Map<string, Job>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Begins a job; `lines` are the rows that a load brings. Throws a Refusal, also where there is one of that id. */
  start(configuration: Configuration, reference: { jobId?: string; location?: string }, lines = ''): Job {
    const id = reference.jobId ?? randomUUID()
    const { project } = this.#engine.given
    if (this.#jobs.has(id)) throw new Refusal(409, 'duplicate', `Already Exists: Job ${project}:${id}`)
    const job: Job = {
      ...{ id, configuration, location: reference.location ?? 'US', state: 'RUNNING', outcome: undefined, bytes: 0 },
      ...{ stop: () => undefined, done: Promise.resolve() },
    }
    this.#jobs.set(id, job)
    job.done = (configuration.load === undefined ? this.#query(job) : this.#load(job, lines)).finally(() => {
      job.state = 'DONE'
    })
    return job
  }

  /** What a dry run tells. Throws a Refusal. */
  async dry(configuration: Configuration, reference: { location?: string }): Promise<unknown> {
    const query = configuration.query ?? { query: '' }
    const { statementType, fields, bytes } = await this.#engine.describe(query, reference.location ?? 'US')
    return {
      ...{ kind: 'bigquery#job', configuration, jobReference: { projectId: this.#engine.given.project } },
      status: { state: 'DONE' },
      statistics: { totalBytesProcessed: String(bytes), query: { statementType, schema: { fields } } },
    }
  }

  /** Throws a Refusal where there is no such job. */
  find(id: string): Job {
    const job = this.#jobs.get(id)
    if (job === undefined) throw new Refusal(404, 'notFound', `Not found: Job ${this.#engine.given.project}:${id}`)
    return job
  }

  /** The newest first. */
  children(parent: string): readonly Job[] {
    return [...this.#jobs.values()].filter((job) => job.parent === parent).reverse()
  }

  /** All that were ever run, without the statements of scripts. */
  all(): readonly Job[] {
    return [...this.#jobs.values()].filter((job) => job.parent === undefined)
  }

  cancel(id: string): void {
    this.find(id).stop()
  }

  view(job: Job): unknown {
    const { outcome, state } = job
    const failed = outcome instanceof Refusal ? outcome : undefined
    const done = outcome instanceof Refusal ? undefined : outcome
    const error = failed && { reason: failed.reason, message: failed.message, location: 'query' }
    return {
      ...{ kind: 'bigquery#job', id: `${this.#engine.given.project}:${job.location}.${job.id}` },
      ...{ configuration: job.configuration, jobReference: this.reference(job) },
      status: { state, ...(error && { errorResult: error, errors: [error] }) },
      statistics: {
        ...(job.parent && { parentJobId: job.parent }),
        ...(job.line && {
          scriptStatistics: { evaluationKind: 'STATEMENT', stackFrames: [{ startLine: job.line, startColumn: 1 }] },
        }),
        query: {
          ...(done && { statementType: done.statementType }),
          ...(done?.affected !== undefined && { numDmlAffectedRows: String(done.affected) }),
          ...(done?.target && { ddlTargetTable: { projectId: this.#engine.given.project, ...done.target } }),
        },
      },
    }
  }

  reference(job: Job): unknown {
    return { projectId: this.#engine.given.project, jobId: job.id, location: job.location }
  }

  async #query(job: Job): Promise<void> {
    const query = job.configuration.query ?? { query: '' }
    const { jobTimeoutMs } = job.configuration
    const ran = await this.#engine.run(query, job.location, { jobTimeoutMs }, (end) => {
      job.stop = end
    })
    const last = ran.at(-1)
    job.bytes = ran.reduce((sum, { bytes }) => sum + bytes, 0)
    if (ran.length > 1 || /^\s*begin\b/i.test(query.query)) this.#addChildren(job, ran)
    const failed = last?.done instanceof Refusal ? last.done : undefined
    const refusal =
      failed && ran.length > 1
        ? new Refusal(failed.status, failed.reason, `Query error: ${failed.message} at [${last?.line}:1]`)
        : failed
    job.outcome =
      refusal ??
      (ran.length > 1
        ? { ...(answering(ran) ?? (last?.done as Done)), statementType: 'SCRIPT', affected: undefined }
        : last?.done)
  }

  #addChildren(parent: Job, ran: readonly Ran[]): void {
    for (const [at, { line, done, bytes }] of ran.entries()) {
      const id = `script_job_${parent.id}_${at}`
      const child: Job = {
        ...{ id, parent: parent.id, line, location: parent.location, configuration: {}, state: 'DONE', outcome: done },
        ...{ bytes, stop: () => undefined, done: Promise.resolve() },
      }
      this.#jobs.set(id, child)
    }
  }

  async #load(job: Job, lines: string): Promise<void> {
    const { datasetId = '', tableId = '' } = job.configuration.load?.destinationTable ?? {}
    try {
      await this.#engine.load(datasetId, tableId, lines)
      job.outcome = { statementType: 'LOAD', fields: [], rows: [], affected: undefined, target: undefined }
    } catch (error) {
      job.outcome = error instanceof Refusal ? error : new Refusal(400, 'invalid', String(error))
    }
  }
}

/** What a script answers: the result of its last statement that is no word of a transaction. */
function answering(ran: readonly Ran[]): Done | undefined {
  const all = ran.flatMap(({ done }) =>
    done instanceof Refusal || /_TRANSACTION$/.test(done.statementType) ? [] : [done],
  )
  return all.at(-1)
}
