// npm run crash -- [--every 1] [--from 1]: a run is killed before and after every statement, request and file write.
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { every: { type: 'string', default: '1' }, from: { type: 'string', default: '1' } },
})
const env = { ...process.env, CRASH: '1', EVERY: values.every, FROM: values.from }
const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'], { env, stdio: 'inherit' })
child.on('close', (code) => {
  process.exitCode = code ?? 1
})
