import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compileModels } from '../../src/arrange.ts'
import { type Build, build } from '../../src/build.ts'
import { compileState } from '../../src/compile/state.ts'
import { connectors } from '../../src/connectors/index.ts'
import type { Project } from '../../src/project/project.ts'
import { readProject } from '../../src/project/read.ts'
import { publish } from '../../src/publish.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { openSmallMemory, realClock } from './warehouse.ts'

/** A project of a test: files in a folder of its own, over a DuckDB in memory. */
export interface Inline {
  readonly directory: string
  readonly session: Session
  readonly project: Project
  /** Writes files anew; the next `run` reads them. */
  write(files: Readonly<Record<string, string>>): void
  /** Reads, builds and publishes; throws with all diagnostics when the project cannot stand. */
  run(runId?: string, options?: { readonly fullRefresh?: boolean }): Promise<Build>
  close(): Promise<void>
}

const CONFIG = 'name: test\nwarehouse: local\nwarehouses:\n  local: { type: duckdb, path: ":memory:" }\n'

/** Opens a project written down in the test: path → text. `cdp.config.yaml` may be left out. */
export async function inline(files: Readonly<Record<string, string>>): Promise<Inline> {
  const directory = mkdtempSync(join(tmpdir(), 'cdp-'))
  const write = (more: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
  }
  write({ 'cdp.config.yaml': `${CONFIG}now: 2026-03-01T12:00:00Z\n`, ...files })
  const session = await openSmallMemory(directory)
  let runs = 0
  return {
    directory,
    session,
    project: await read(directory),
    write,
    run: async (runId = `run-${++runs}`, options = {}) => {
      const context = { project: await read(directory), dialect: session.dialect }
      const state = compileState(context)
      const request = { session, state, clock: realClock, runId, now: context.project.now, ...options }
      const built = await build(compileModels(context), request)
      await publish(context, built, state, session, runId)
      return built
    },
    close: async () => {
      await session.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function read(directory: string): Promise<Project> {
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (project === undefined || errors.length > 0)
    throw new Error(errors.map(({ code, message, at }) => `${at?.file}:${at?.line} ${code} ${message}`).join('\n'))
  return project
}
