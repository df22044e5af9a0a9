// Runs the built tool once, and ends its own process by SIGKILL at a counted point. Called by kill.test.ts as
//   node killer.mjs '{"directory": …, "marker": …, "point": …}'
// Before it dies it writes to `marker`, synchronously, which point it has reached. A run that never reaches its point
// prints its report and ends with 0, so that the test can tell.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { run } from '../../dist/pipeline.js'
import { verbatim } from '../../dist/sql.js'
import { openEnvironment } from '../../dist/world.js'

const { directory, marker, point } = JSON.parse(process.argv[2])

/** What the run has met of what the point counts. */
let count = 0

/** What a point that counts everything has met: transactions, queries, requests and files, each before and after. */
let moments = 0

const { environment, close } = openEnvironment(onProgress, new AbortController().signal)
const report = await run(
  {
    directory,
    target: undefined,
    vars: {},
    now: undefined,
    select: [],
    exclude: [],
    sandbox: true,
    dryRun: false,
    maxChanges: undefined,
  },
  { ...environment, warehouses: wrapWarehouses(environment.warehouses), openSandbox },
)
await close()
process.stdout.write(JSON.stringify({ ...report, moments }))

function die(detail = {}) {
  writeFileSync(marker, JSON.stringify({ point, ...detail }))
  process.kill(process.pid, 'SIGKILL')
  // Not one more statement runs while the signal is on its way.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** Is this the time that is meant, of all that match? The first, unless the point says another. */
function isTheTime() {
  count += 1
  return count === (point.number ?? 1)
}

/** `{ at: 'moment', number }`: the n-th moment of a run, whatever it is; each act has one before it and one after it. */
async function around(what, act) {
  moment(`before ${what}`)
  const result = await act()
  moment(`after ${what}`)
  return result
}

function moment(what) {
  moments += 1
  if (point.at === 'moment' && moments === point.number) die({ what })
}

/** `{ at: 'stage', stage }`: before the first thing that the stage does. */
function onProgress(event) {
  if (point.at === 'stage' && event.kind === 'stage' && event.stage === point.stage) die()
}

function wrapWarehouses(warehouses) {
  return new Map(
    [...warehouses].map(([type, warehouse]) => [
      type,
      { ...warehouse, connect: async (...given) => wrapSession(await warehouse.connect(...given)) },
    ]),
  )
}

/** `{ at: 'before' | 'within' | 'after', statement, sync? }`: around the transaction that holds the statement. */
function wrapSession(session) {
  return new Proxy(session, {
    get: (target, name) => {
      if (name === 'script')
        return (statements) => around(`statement ${statements[0]?.statement.name}`, () => script(target, statements))
      if (name === 'ask')
        return async (statements, query) => {
          await around(`statement ${statements[0]?.statement.name}`, () => script(target, statements))
          return target.first(query)
        }
      if (name === 'append') return (...given) => around('append', () => target.append(...given))
      const member = target[name]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

async function script(session, statements) {
  const at = statements.findIndex(
    ({ statement, values }) =>
      statement.name === point.statement && (point.sync === undefined || values?.sync === point.sync),
  )
  if (at === -1 || !['before', 'within', 'after'].includes(point.at) || !isTheTime()) return session.script(statements)
  if (point.at === 'before') die()
  if (point.at === 'within') return session.script(withGate(statements, at))
  await session.script(statements)
  return die()
}

/**
 * The same transaction, which comes to a gate after the statement: it tells from inside what it sees of the statement's
 * work (a file is written at once, whatever becomes of the transaction), and then computes until the process is gone.
 */
function withGate(statements, at) {
  const told = `${marker}.gate`
  const wait = setInterval(() => {
    if (!existsSync(told)) return
    const seen = readFileSync(told, 'utf8')
    if (seen.endsWith('\n')) die({ seen: seen.trim() })
  }, 1)
  wait.unref()
  const gate = [
    `copy (${point.proof.replaceAll('$run', runOf(statements[at]))}) to '${told}' (format csv, header false)`,
    'select sum(hash(a.range + b.range)) from range(1000000) as a, range(1000000) as b',
  ].map((text) => ({ statement: { name: 'gate', reason: 'of a test', sql: verbatim(text) } }))
  return [...statements.slice(0, at + 1), ...gate, ...statements.slice(at + 1)]
}

function runOf({ values }) {
  return `'${values?.run ?? values?.run_id ?? ''}'`
}

/**
 * `{ at: 'applied' | 'answered', destination, request }`: after a vendor applied a request and before it answers, or
 * once the answer is there and before anybody has seen it. `request` is a pattern of method and path.
 * `{ at: 'written', destination }`: after a file got its final name.
 */
async function openSandbox(options) {
  const matches = (method, path) => new RegExp(point.request).test(`${method} ${path}`)
  const observe = (destination, stage, request) => {
    if (stage === 'applied') moment(`applied by ${destination}: ${request.method} ${request.path}`)
    const isMeant = destination === point.destination && stage === 'applied' && matches(request.method, request.path)
    if (point.at === 'applied' && isMeant && isTheTime()) die()
  }
  const sandbox = await environment.openSandbox({ ...options, observe })
  return {
    ...sandbox,
    fetch: async (request, given) => {
      const answer = await around(`request ${request.method} ${new URL(request.url).pathname}`, () =>
        sandbox.fetch(request, given),
      )
      const { host, pathname } = new URL(request.url)
      if (point.at === 'answered' && host.endsWith(point.host) && matches(request.method, pathname) && isTheTime())
        die({ status: answer.status })
      return answer
    },
    files: (destination) => {
      const files = sandbox.files(destination)
      return {
        ...files,
        write: async (...given) => {
          await around('file', () => files.write(...given))
          if (point.at === 'written' && destination === point.destination && isTheTime()) die()
        },
      }
    },
  }
}
