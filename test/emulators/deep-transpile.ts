import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Dialect, transpile } from '@polyglot-sql/sdk'

type Transpiled = ReturnType<typeof transpile>

/** Snowflake's SQL in DuckDB's words; statements that nest deeper than this thread's stack go to one with a larger stack. */
export function deepTranspile(sql: string): Transpiled {
  const made = transpile(sql, Dialect.Snowflake, Dialect.DuckDB)
  return /call stack/.test(made.error ?? '') ? elsewhere(sql) : made
}

/** Waits for another thread, as the translation is asked for in the middle of others. */
function elsewhere(sql: string): Transpiled {
  const done = new Int32Array(new SharedArrayBuffer(4))
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(CODE, {
    eval: true,
    workerData: { sql, done, port: port2 },
    transferList: [port2],
    resourceLimits: { stackSizeMb: 256 },
  })
  if (Atomics.wait(done, 0, 0, PATIENCE) === 'timed-out') throw new Error('the translator did not answer')
  const answer = receiveMessageOnPort(port1)?.message as Transpiled
  port1.close()
  void worker.terminate()
  return answer
}

/** Milliseconds after which the other thread is taken for broken: it takes one or two seconds. */
const PATIENCE = 120_000

const CODE = `
  const { workerData: { sql, done, port } } = require('node:worker_threads')
  import('@polyglot-sql/sdk').then(({ Dialect, transpile }) => {
    port.postMessage(transpile(sql, Dialect.Snowflake, Dialect.DuckDB))
    Atomics.store(done, 0, 1)
    Atomics.notify(done, 0)
  })`
