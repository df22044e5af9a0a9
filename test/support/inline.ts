import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compileModels } from '../../src/arrange.ts'
import { type Build, build } from '../../src/build.ts'
import { textColumns } from '../../src/compile/context.ts'
import { compileState } from '../../src/compile/state.ts'
import { connectors } from '../../src/connectors/index.ts'
import type { Project } from '../../src/project/project.ts'
import { readProject } from '../../src/project/read.ts'
import { publish } from '../../src/publish.ts'
import type { Table } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { DUCKDB, type Engine, type Place } from './engines.ts'
import { copyRows, rowsOfFile } from './sample-tables.ts'
import { openSmallMemory, realClock } from './warehouse.ts'

/** A project of a test: files in a folder of its own, over a warehouse of its own. */
export interface Inline<Where extends Place = Engine> {
  readonly directory: string
  /** Where it plays. */
  readonly engine: Where
  readonly session: Session
  readonly project: Project
  /** Writes files anew; the next `run` reads them. */
  write(files: Readonly<Record<string, string>>): void
  /** Where the rows of a source that is a CSV file are, once it was built. */
  rowsOf(source: string): Table
  /** Reads the project; on a server its files are tables from then on. A run does it by itself. */
  fill(): Promise<Project>
  /** Reads, builds and publishes; throws with all diagnostics when the project cannot stand. */
  run(runId?: string, options?: { readonly fullRefresh?: boolean }): Promise<Build>
  close(): Promise<void>
}

const TARGET = '{ type: duckdb, path: ":memory:" }'
const CONFIG = `name: test\nwarehouse: local\nwarehouses:\n  local: ${TARGET}\n`

/**
 * Opens a project written down in the test, for DuckDB in memory: path → text. `cdp.config.yaml` may be left out. On
 * another engine its target is that, and its CSV files are tables, filled with what DuckDB reads in the files.
 */
export async function inline(files: Readonly<Record<string, string>>, engine?: Engine): Promise<Inline>
export async function inline<Where extends Place>(
  files: Readonly<Record<string, string>>,
  engine: Where,
): Promise<Inline<Where>>
export async function inline(files: Readonly<Record<string, string>>, engine: Place = DUCKDB): Promise<Inline<Place>> {
  const directory = mkdtempSync(join(tmpdir(), 'cdp-'))
  const { target, open, stop } = await engine.start()
  const isServer = engine.type !== 'duckdb'
  const changed = new Set<string>()
  const write = (more: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), isServer ? ofTables(text, target) : text)
      changed.add(path)
    }
  }
  write({ 'cdp.config.yaml': `${CONFIG}now: 2026-03-01T12:00:00Z\n`, ...files })
  const session = await open(directory)
  let runs = 0
  const fill = async () => {
    const project = await read(directory)
    if (isServer) await fillTables(session, directory, project, changed)
    return project
  }
  return {
    directory,
    engine,
    session,
    project: await read(directory),
    write,
    rowsOf: (source) =>
      isServer ? { schema: FILES, name: [source] } : { schema: '_cdp', name: [`b1_source_${source}`] },
    fill,
    run: async (runId = `run-${++runs}`, options = {}) => {
      const context = { project: await fill(), dialect: session.dialect }
      const state = compileState(context)
      const request = { session, state, clock: realClock, runId, now: context.project.now, ...options }
      const built = await build(compileModels(context), request)
      await publish(context, built, state, session, runId)
      return built
    },
    close: async () => {
      await session.close()
      await stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const FILES = 'files'

/** A file of a project for DuckDB as it is for a server, which cannot read the files of this machine. */
function ofTables(text: string, target: string): string {
  return text.replaceAll(TARGET, target).replaceAll(/(?<!into: \{ )\bfile: (\w+)\.csv/g, `table: ${FILES}.$1`)
}

/** Fills the tables that stand for files which were written since. */
async function fillTables(session: Session, directory: string, project: Project, changed: Set<string>): Promise<void> {
  const here = await openSmallMemory(directory)
  for (const source of project.sources.values()) {
    const { relation, types } = source
    if (relation.kind !== 'table' || relation.schema !== FILES || !changed.delete(`${relation.table}.csv`)) continue
    const file = { kind: 'file', path: `${relation.table}.csv`, format: 'csv' } as const
    const texts = [...textColumns({ ...source, relation: file })].map((name) => [name, 'text'] as const)
    const rows = rowsOfFile(file.path, file.format, new Map([...texts, ...types]))
    await copyRows(here, rows, session, { schema: FILES, name: [relation.table] })
  }
  await here.close()
}

async function read(directory: string): Promise<Project> {
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  if (project === undefined || errors.length > 0)
    throw new Error(errors.map(({ code, message, at }) => `${at?.file}:${at?.line} ${code} ${message}`).join('\n'))
  return project
}
