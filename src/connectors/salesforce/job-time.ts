import type { Limit, Ms } from '../connector.ts'

// How jobs and the questions about them lie in time, for what a plan foresees.

const FIRST_WAIT: Ms = 5_000
const LONGEST_WAIT: Ms = 60_000

/** How long a job is left alone after a question; `before` is the wait before that question, undefined = there was none. */
export function waitAfter(before: Ms | undefined): Ms {
  return before === undefined ? FIRST_WAIT : Math.min(before * 1.5, LONGEST_WAIT)
}

/** Two jobs at a time are uploaded, while the vendor works on as many as it likes. */
const JOB: Limit = { rows: 10_000, bytes: 16 * 1024 * 1024, calls: 2, perMs: 5_000, inFlight: 2 }

/** No page says how long a job takes. A part of 10,000 records with a few triggers ends in about a minute. */
const RECORD: Ms = 6

/** Its three requests to the start of a job. */
const START: Ms = 1_000

/** Making, upload and start of a job, and its three results. */
const AROUND = 6

/**
 * The limit of jobs while so many rows are sent. Once the last job has started, all that have not ended are asked for
 * together, each time after a longer wait: a job that ended long before takes one question, the last ones about six. So
 * `requests` and `takes` are averages; what lasts is the start of all jobs, and the end of the last.
 */
export function jobLimit(rows: number): Limit {
  const jobs = Math.max(1, Math.ceil(rows / JOB.rows))
  const startOf = (job: number) => Math.floor(job / JOB.calls) * JOB.perMs
  const asked = startOf(jobs - 1) + START
  let [questions, end] = [0, asked]
  for (let job = 0; job < jobs; job++) {
    const records = Math.min(JOB.rows, rows - job * JOB.rows)
    const { count, at } = askedUntil(startOf(job) + records * RECORD - asked)
    questions += count
    end = Math.max(end, asked + at)
  }
  return { ...JOB, requests: AROUND + questions / jobs, takes: (end * JOB.inFlight) / jobs }
}

/** The questions until a job ends so long after the first of them, and when the last of them is. */
function askedUntil(end: Ms): { readonly count: number; readonly at: Ms } {
  let [count, at, wait] = [1, 0, waitAfter(undefined)]
  for (; at < end; count++) {
    at += wait
    wait = waitAfter(wait)
  }
  return { count, at }
}
