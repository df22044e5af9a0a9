import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openEnvironment } from '../../src/commands/world.ts'
import { readProject } from '../../src/project/read.ts'
import type { FileFormat, ValueType } from '../../src/sql/dialect.ts'
import { type Sql, sql, type Table } from '../../src/sql/sql.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { type Copy, copyProject, repository } from './cli.ts'

/** Rows that are moved at once. */
const PAGE = 5_000

/** A copy of the sample project whose sources are tables of another warehouse: `target` as YAML, without its name. */
export async function sampleOn(target: string): Promise<Copy> {
  const copy = await copyProject()
  await change(join(copy.directory, 'cdp.config.yaml'), /local: \{.*\}/, `local: ${target}`)
  for (const file of await readdir(join(copy.directory, 'models')))
    if (file.endsWith('.yaml'))
      await change(join(copy.directory, 'models', file), /file: examples\/data\/(\w+)\.\w+/g, 'table: raw.$1')
  return copy
}

/** Makes the tables that such a copy reads, with the rows and the types that the files of the sample have. */
export async function fillTables(there: Session): Promise<void> {
  const here = await duckdb.connect(duckdb.options.parse({ path: ':memory:' }), {
    directory: repository,
    mode: 'write',
  })
  try {
    for (const [name, relation] of await filesOfSample())
      await copyRows(here, relation, there, { schema: 'raw', name: [name] })
  } finally {
    await here.close()
  }
}

/** Makes a table with the rows and the types that a relation has in another warehouse. */
export async function copyRows(here: Session, relation: Sql, there: Session, table: Table): Promise<void> {
  const schema = ({ dialect }: Session) => statement('schema', dialect.createSchema(table.schema))
  await here.script([schema(here), statement('copy', here.dialect.createTable(table, sql`select * from ${relation}`))])
  const columns = [...((await here.columns(table)) ?? [])].map(([name, type]) => ({ name, type }))
  await there.script([schema(there), statement('copy', there.dialect.createEmptyTable(table, columns))])
  for await (const page of here.read(
    table,
    columns.map(({ name }) => name),
    PAGE,
  ))
    await there.append(table, page)
}

async function filesOfSample(): Promise<ReadonlyMap<string, Sql>> {
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const { warehouses, connectors, world } = environment
  const { project } = await readProject({
    directory: repository,
    target: undefined,
    vars: {},
    now: undefined,
    sandbox: true,
    env: world.env,
    registries: { warehouses, connectors },
  })
  await close()
  if (project === undefined) throw new Error('the sample cannot be read')
  const files = [...project.sources].flatMap(([name, { relation, identifiers, types }]) => {
    if (relation.kind !== 'file') return []
    const texts = identifiers.map(({ column }) => [column, 'text'] as const)
    const all = new Map<string, ValueType>([...texts, ...types])
    return [[name, rowsOfFile(relation.path, relation.format, all)] as const]
  })
  return new Map(files)
}

/** What DuckDB reads of files. */
export function rowsOfFile(path: string, format: FileFormat, types: ReadonlyMap<string, ValueType>): Sql {
  const relation = duckdb.dialect.files(path, format, types)
  if (relation === undefined) throw new Error('DuckDB reads files')
  return relation
}

function statement(name: string, text: Sql) {
  return { statement: { name, reason: 'test', sql: text } }
}

async function change(path: string, from: RegExp, to: string): Promise<void> {
  await writeFile(path, (await readFile(path, 'utf8')).replace(from, to))
}
