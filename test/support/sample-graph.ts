import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectors } from '../../src/connectors/index.ts'
import { readProject } from '../../src/project/read.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { stitched } from './stitching.ts'

/** Builds and publishes the project in a folder, its models only, in a DuckDB in memory. Close the session. */
export async function publishedSample(directory: string): Promise<Session> {
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, sandbox: true, registries })
  if (project === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'))
  const session = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), { directory, mode: 'write' })
  await stitched(session, project)
  return session
}

/** Empties the cells of a data file that hold one of the values, written just so; returns how many there were. */
export async function emptyCells(directory: string, file: string, values: readonly string[]): Promise<number> {
  const path = join(directory, 'examples/data', file)
  let count = 0
  const emptied = (cell: string) => {
    if (!values.includes(cell)) return cell
    count += 1
    return ''
  }
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, lines.map((line) => line.split(',').map(emptied).join(',')).join('\n'))
  return count
}
