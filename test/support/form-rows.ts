import type { Dialect, ValueType } from '../../src/sql/dialect.ts'
import { id, lines, type Sql, sql, text, unionAll } from '../../src/sql/sql.ts'
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
    const value = ([column, written]: readonly [string, string | null]): Sql => {
      const type = types[column] ?? 'text'
      return sql`${dialect.cast(written === null ? sql`null` : text(literal(written, type, dialect)), type)} as ${id(column)}`
    }
    return sql`
      select
        ${lines(Object.entries(row).map(value))}`
  })
  const table = dialect.createTable({ schema: 'raw', name: [name] }, unionAll(selects))
  const run = (what: string, query: Sql) => ({ statement: { name: what, reason: 'a test', sql: query } })
  await session.script([run('schema', dialect.createSchema('raw')), run(name, table)])
}

/** Lists stand in the tests as DuckDB writes them. */
function literal(written: string, type: ValueType, { type: warehouse }: Dialect): string {
  return type === 'list' && warehouse === 'postgres' ? `{${written.slice(1, -1)}}` : written
}
