import type { Dialect, ValueType } from '../../src/sql/dialect.ts'
import { id, join, lines, type Sql, sql, text, unionAll } from '../../src/sql/sql.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'

/** Rows of a table, a column a key. */
export type Rows = readonly Readonly<Record<string, string | null>>[]

/** Makes the table `raw.<name>` of rows of text or null, each column of its type in `types`, else text. */
export async function rowsTable(
  session: Session,
  name: string,
  rows: Rows,
  types: Readonly<Record<string, ValueType>>,
): Promise<void> {
  const { dialect } = session
  const selects = rows.map((row) => {
    const value = ([column, written]: readonly [string, string | null]): Sql =>
      sql`${literal(written, types[column] ?? 'text', dialect)} as ${id(column)}`
    return sql`
      select
        ${lines(Object.entries(row).map(value))}`
  })
  const table = dialect.createTable({ schema: 'raw', name: [name] }, unionAll(selects))
  const run = (what: string, query: Sql) => ({ statement: { name: what, reason: 'a test', sql: query } })
  await session.script([run('schema', dialect.createSchema('raw')), run(name, table)])
}

/** A value of a type. Lists stand in the tests as DuckDB writes them. */
function literal(written: string | null, type: ValueType, { type: warehouse, cast }: Dialect): Sql {
  if (written === null) return cast(sql`null`, type)
  const items = written.slice(1, -1)
  if (type !== 'list' || warehouse === 'duckdb') return cast(text(written), type)
  if (warehouse === 'postgres') return cast(text(`{${items}}`), type)
  return sql`[${join(items === '' ? [] : items.split(', ').map(text))}]`
}
