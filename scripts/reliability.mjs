// npm run reliability -- [<part> …] [--seeds N] [--from N] [--histories N] [--sql-seeds N] [--every N] [--rounds N]: runs
// what shows that nothing is lost, and writes what was run, how much of it and when into docs/reliability.md. Parts that
// are not named keep what was measured before. `--from` goes on with the simulation of the same commit at a later seed,
// and adds to its figures.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '1' },
    histories: { type: 'string', default: '1000' },
    'sql-seeds': { type: 'string', default: '500' },
    every: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1000' },
  },
})

const PARTS = {
  simulation: {
    title: 'Simulation of the engine (crashes, freezes, overlaps, faults, edits) over the plain ledger',
    how: () => `npm run simulate -- --seeds ${Number(values.from) - 1 + Number(values.seeds)}`,
    shares: () => shared(Number(values.seeds), 'SEEDS', 'test/simulation/simulation.test.ts', Number(values.from)),
    goesOn: () => values.from !== '1',
  },
  equality: {
    title: 'Random histories on the SQL ledger and on the plain one, compared after each step',
    how: () => `HISTORIES=${values.histories} npx vitest run test/simulation/equality.test.ts`,
    shares: () => shared(Number(values.histories), 'HISTORIES', 'test/simulation/equality.test.ts'),
  },
  'sql-simulation': {
    title: 'The same simulation over the SQL ledger, on a real warehouse',
    how: () => `SQL_SEEDS=${values['sql-seeds']} npx vitest run test/simulation/sql-simulation.test.ts`,
    shares: () => shared(Number(values['sql-seeds']), 'SQL_SEEDS', 'test/simulation/sql-simulation.test.ts'),
  },
  mutants: {
    title: 'Rules of the protocol, each broken on purpose: the simulation must notice',
    how: () => 'npx vitest run test/simulation/mutants.test.ts',
    shares: () => [{ files: ['test/simulation/mutants.test.ts'], env: {} }],
  },
  'code-mutants': {
    title: 'The code that sends and the SQL that remembers, each broken in one small way: tests must notice',
    how: () => 'npm run mutants',
    shares: () => [{ script: 'scripts/mutants.mjs', env: {} }],
  },
  properties: {
    title:
      'Properties: fingerprints, plans, bisection, waits, redaction, names that are hostile (ten times `npm test`)',
    how: () => 'npm run reliability -- properties',
    shares: () => [
      {
        files: [
          'test/unit/sync/fingerprint.test.ts',
          'test/unit/sync/plan-algebra.test.ts',
          'test/unit/sync/pace.test.ts',
          'test/connectors/redact.test.ts',
          'test/connectors/rate.test.ts',
          'test/warehouses/duckdb.test.ts',
        ],
        env: { CASES: '10' },
      },
    ],
  },
  liveness: {
    title: 'Faults at 30 and 70 percent that end: two runs later all is right',
    how: () => 'SEEDS=60 npx vitest run test/simulation/liveness.test.ts',
    shares: () => [{ files: ['test/simulation/liveness.test.ts'], env: { SEEDS: '60' } }],
  },
  processes: {
    title: 'Real processes over one sync on a real Postgres: overlapping starts, SIGSTOP past the lease, SIGKILL',
    how: () => `npm run contention -- --rounds ${values.rounds}`,
    shares: () => [{ files: ['test/simulation/processes.test.ts'], env: { ROUNDS: values.rounds } }],
  },
  crash: {
    title: 'SIGKILL before and after statements, requests and file writes of two runs',
    how: () => `npm run crash -- --every ${values.every}`,
    shares: () => [{ files: [], env: { CRASH: '1', EVERY: values.every } }],
  },
}

const STORE = 'docs/reliability.json'
const known = existsSync(STORE) ? JSON.parse(readFileSync(STORE, 'utf8')) : {}
const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS)
const unknown = wanted.filter((name) => !(name in PARTS))
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}: ${Object.keys(PARTS).join(', ')}`)
for (const name of wanted.filter((one) => PARTS[one].goesOn?.()))
  if (known[name]?.commit !== commit())
    throw new Error(`what ran before --from was of ${known[name]?.commit}, this is ${commit()}`)

for (const name of wanted) {
  const result = added(name, await run(PARTS[name]))
  known[name] = { how: PARTS[name].how(), date: new Date().toISOString().slice(0, 10), commit: commit(), ...result }
  writeFileSync(STORE, `${JSON.stringify(known, null, 2)}\n`)
  writeFileSync('docs/reliability.md', page())
  if (result.exit !== 0) process.exitCode = 1
}

/** Seeds or histories over as many processes as there are cores. */
function shared(count, variable, file, first = 1) {
  const parts = Math.min(availableParallelism(), count)
  const each = Math.ceil(count / parts)
  return Array.from({ length: parts }, (_, part) => ({
    files: [file],
    env: { FROM: String(first + part * each), [variable]: String(Math.min(each, count - part * each)) },
  }))
}

async function run({ shares }) {
  const folder = mkdtempSync(join(tmpdir(), 'cdp-reliability-'))
  const file = join(folder, 'counts')
  writeFileSync(file, '')
  const started = Date.now()
  const codes = await Promise.all(
    shares().map(({ script, files, env }) => {
      const args = script ? [script] : ['node_modules/vitest/vitest.mjs', 'run', ...files]
      const child = spawn(process.execPath, args, {
        env: { ...process.env, ...env, RELIABILITY: file },
        stdio: 'inherit',
      })
      return new Promise((resolve) => {
        child.on('close', (code) => resolve(code ?? 1))
      })
    }),
  )
  const counts = {}
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean))
    for (const [name, count] of Object.entries(JSON.parse(line).counts)) counts[name] = (counts[name] ?? 0) + count
  rmSync(folder, { recursive: true })
  return { exit: Math.max(...codes), seconds: Math.round((Date.now() - started) / 1000), counts }
}

/** A result with the figures of what was run before, where this run goes on with it. */
function added(name, result) {
  const before = known[name]
  if (!PARTS[name].goesOn?.()) return result
  const names = new Set([...Object.keys(before.counts), ...Object.keys(result.counts)])
  const sum = (count) => (before.counts[count] ?? 0) + (result.counts[count] ?? 0)
  return {
    exit: Math.max(before.exit, result.exit),
    seconds: before.seconds + result.seconds,
    counts: Object.fromEntries([...names].map((count) => [count, sum(count)])),
  }
}

function commit() {
  return spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim()
}

function page() {
  const rows = Object.entries(PARTS).flatMap(([name, { title }]) => {
    const one = known[name]
    if (one === undefined) return []
    const counts = Object.entries(one.counts).map(([what, count]) => `${count.toLocaleString('en-US')} ${what}`)
    const verdict = one.exit === 0 ? 'held' : '**failed**'
    return [`| ${title} | ${counts.join(', ')} | ${verdict} | ${one.date}, ${one.commit} | \`${one.how}\` |`]
  })
  return `${[
    '# What was run to show that nothing is lost',
    '',
    'Written by `npm run reliability`; the figures are those of its last runs. What must hold, wherever a run was killed,',
    'frozen, overtaken or answered wrongly: once it settles, every row that should be at a destination is there in its last',
    'form (0 lost, 0 stale), no row is there that should not be (0 orphaned), no foreign row was touched, and one more run',
    'sends nothing. `npm test` runs 20,000 seeds of the simulation, all mutants, and smaller shares of the rest.',
    '',
    '| What | How much | Result | When, and of which commit | Command |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`
}
