// npm run bench -- <name> [options]: one benchmark of this folder. Each prints ratios of times measured in one run.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const [name, ...options] = process.argv.slice(2)
const folder = import.meta.dirname
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length))

if (!names.includes(name)) {
  console.error(`Which benchmark? npm run bench -- ${names.join(' | ')}`)
  process.exit(2)
}
run([join(folder, '../node_modules/typescript/bin/tsc'), '-p', folder])
const compiled = join(folder, `../.bench/bench/${name}.bench.js`)
if (!existsSync(compiled)) throw new Error(`${compiled} was not made`)
run(['--expose-gc', compiled, ...options])

function run(args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
