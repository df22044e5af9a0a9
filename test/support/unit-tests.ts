import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { paper } from '../../src/commands/layout.ts'
import { printTests } from '../../src/commands/print-test.ts'
import { connectors } from '../../src/connectors/index.ts'
import { readProject } from '../../src/project/read.ts'
import { testReport } from '../../src/test-report.ts'
import type { UnitOutcome } from '../../src/testing/outcome.ts'
import { runUnitTests } from '../../src/testing/run.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import { realClock } from './warehouse.ts'

const CONFIG = `
name: shop
warehouse: local
warehouses: { local: { type: duckdb, path: nowhere.duckdb } }
defaults: { phone_country: FR, timezone: Europe/Paris }
vars: { big: 500 }
`

/** What became of the unit tests of a project, given by path and text; and what a reader sees of them. */
export async function tested(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly outcomes: readonly UnitOutcome[]; readonly printed: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'cdp-tests-'))
  try {
    for (const [path, text] of Object.entries({ 'cdp.config.yaml': CONFIG, ...files })) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
    const registries = { warehouses: warehouses(), connectors: connectors() }
    const { project, diagnostics } = await readProject({ directory, env: {}, registries })
    if (project === undefined)
      throw new Error(diagnostics.map(({ at, message }) => `${at?.file}:${at?.line} ${message}`).join('\n'))
    const tests = [...project.unitTests.tests.values()].map((test) => ({ project, test }))
    const outcomes = await inMemory(directory, tests)
    const report = testReport({ data: undefined, units: outcomes }, { ms: 0, now: new Date(0), warnings: [] })
    return { outcomes, printed: printTests(report, paper(100, false), { quiet: false }).join('\n') }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function inMemory(directory: string, tests: Parameters<typeof runUnitTests>[0]): Promise<readonly UnitOutcome[]> {
  const options = duckdb.options.parse({ path: ':memory:' })
  const session = await duckdb.connect(options, { directory, mode: 'write', threads: 1 })
  try {
    return await runUnitTests(tests, { session, clock: realClock })
  } finally {
    await session.close()
  }
}
