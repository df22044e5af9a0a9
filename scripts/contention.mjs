// npm run contention -- [--rounds 1000] [--from 1]: so many rounds of real processes that contend for one sync over a
// real Postgres; a round takes two to six seconds.
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' } },
})
const env = { ...process.env, ROUNDS: values.rounds, FROM: values.from }
const vitest = ['node_modules/vitest/vitest.mjs', 'run', 'test/simulation/processes.test.ts']
const child = spawn(process.execPath, vitest, { env, stdio: 'inherit' })
child.on('close', (code) => {
  process.exitCode = code ?? 1
})
