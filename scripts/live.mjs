// npm run live -- <postgres|bigquery|snowflake>: the conformance suite and the sample against a real account, which the
// variables CDP_LIVE_<KIND>_<OPTION> describe. Without them it says which it wants. What it makes it drops.
import { spawn } from 'node:child_process'

const [kind = ''] = process.argv.slice(2)
const env = { ...process.env, LIVE: kind || 'none' }
const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'], { env, stdio: 'inherit' })
child.on('close', (code) => {
  process.exitCode = code ?? 1
})
