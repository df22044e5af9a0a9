// npm run simulate -- --seeds 1000000 [--from 1]: the simulation of the sync engine over so many seeds, on every core.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '20000' }, from: { type: 'string', default: '1' } },
})
const seeds = Number(values.seeds)
const from = Number(values.from)
const parts = Math.min(availableParallelism(), seeds)
const share = Math.ceil(seeds / parts)

const codes = await Promise.all(
  Array.from({ length: parts }, (_, part) => run(from + part * share, Math.min(share, seeds - part * share))),
)
process.exitCode = Math.max(...codes)

function run(first, count) {
  const env = { ...process.env, FROM: String(first), SEEDS: String(count) }
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', 'test/simulation/simulation.test.ts']
  const child = spawn(process.execPath, vitest, { env, stdio: 'inherit' })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code ?? 1))
  })
}
