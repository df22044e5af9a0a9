// npm run mutants [-- --only <part of a name>]: breaks the code on purpose, one small way after the other, in a copy of
// the repository, and runs the tests that should notice. A mutant that lives is a missing test; exit code 1.
import { spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CODE_MUTANTS } from './code-mutants.mjs'

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const mutants = CODE_MUTANTS.filter(({ name }) => name.includes(values.only))

const folder = mkdtempSync(join(tmpdir(), 'cdp-mutants-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const path of ['src', 'test', 'docs', 'package.json', 'tsconfig.json'])
  cpSync(path, join(folder, path), { recursive: true })
symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
// Without the build of dist/, which none of these tests runs: a mutant need not compile to be tried.
writeFileSync(
  join(folder, 'vitest.config.js'),
  `export default { test: { globalSetup: ['test/support/run-folder.ts'], testTimeout: 60_000, hookTimeout: 60_000, isolate: false } }\n`,
)

/** A share of what `npm test` runs is enough for these; the environment may ask for more. */
const SHARES = { SEEDS: '600', HISTORIES: '60' }

const all = [...new Set(mutants.flatMap(({ tests }) => tests.flat()))]
if (!(await pass(all))) throw new Error('the tests fail without any mutation: mend that first')

const survivors = []
for (const mutant of mutants) {
  const began = Date.now()
  const noticed = await noticing(mutant)
  const seconds = Math.round((Date.now() - began) / 1000)
  if (noticed === undefined) survivors.push(mutant.name)
  console.log(
    `${noticed === undefined ? 'SURVIVED' : 'killed'}  ${mutant.name}  (${noticed?.join(' ') ?? '-'}, ${seconds} s)`,
  )
}
console.log(`${mutants.length - survivors.length} of ${mutants.length} killed`)
if (process.env.RELIABILITY)
  appendFileSync(
    process.env.RELIABILITY,
    `${JSON.stringify({ part: 'code-mutants', counts: { mutants: mutants.length, survived: survivors.length } })}\n`,
  )
process.exitCode = survivors.length > 0 ? 1 : 0

/** The tests that notice a mutant, or undefined where none does. */
async function noticing({ name, file, from, to, tests }) {
  const path = join(folder, file)
  const before = readFileSync(path, 'utf8')
  if (before.split(from).length !== 2) throw new Error(`"${name}": its text does not stand exactly once in ${file}`)
  writeFileSync(
    path,
    before.replace(from, () => to),
  )
  try {
    for (const some of tests) if (!(await pass(some))) return some
    return undefined
  } finally {
    writeFileSync(path, before)
  }
}

function pass(tests) {
  const args = [resolve('node_modules/vitest/vitest.mjs'), 'run', '--bail', '1', ...tests]
  const { RELIABILITY: _, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...SHARES, ...env }, stdio: 'ignore' })
  return new Promise((done) => {
    child.on('close', (code) => done(code === 0))
  })
}
