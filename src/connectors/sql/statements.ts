import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import type { Json } from '../connector.ts'
import type { DatabaseDialect, DatabaseStatement, DatabaseValue } from '../database.ts'
import { DIALECTS, type Family, inUtc, isTooLong, type SqlDialect, type TableName } from './dialects.ts'

/** Values by column. */
export type Cells = Readonly<Record<string, Json>>

/** A column as the database has it. */
export interface Column {
  readonly type: string
  readonly family: Family
  /** A row cannot be made without it. */
  readonly required: boolean
  /** The database computes it. */
  readonly computed: boolean
}

export type Columns = ReadonlyMap<string, Column>

/** The statements for one table, in the words of one database. Every list of rows is cut where a statement is full. */
export interface Statements {
  readonly dialect: SqlDialect
  readonly name: TableName
  /** Rows that are there get the values, others are made; `ignore` leaves alone what is there. */
  upsert(rows: readonly Cells[], there: 'merge' | 'ignore', columns: Columns): readonly DatabaseStatement[]
  /** Changes rows that are there. */
  update(rows: readonly Cells[], columns: Columns): readonly DatabaseStatement[]
  /** Which of the rows are there: `n` counts from 0. */
  present(rows: readonly Cells[], columns: Columns): readonly DatabaseStatement[]
  /** Gives all of these rows the same values. */
  set(keys: readonly Cells[], values: Cells, columns: Columns): readonly DatabaseStatement[]
  remove(keys: readonly Cells[], columns: Columns): readonly DatabaseStatement[]
  select(keys: readonly Cells[], asked: Selection, columns: Columns): readonly DatabaseStatement[]
  /** A page in the order of the key, behind the given one. */
  page(after: Cells | undefined, rows: number, asked: Selection, columns: Columns): DatabaseStatement
  /** A new table with a primary key. */
  create(columns: readonly { readonly name: string; readonly type: Family }[]): readonly DatabaseStatement[]
  add(columns: readonly { readonly name: string; readonly type: Family }[]): readonly DatabaseStatement[]
  /** Makes the schema where it is missing. */
  createSchema(): string
  /** What somebody would type to make the key unique. */
  addUnique(): string
}

export interface Selection {
  readonly names: readonly string[]
  /** Rows in which this column says that they are gone are left out. */
  readonly softDelete: string | undefined
}

/** The most rows of one statement: planning them all takes its time, too. */
const ROWS = 1_000

/** Of conditions that name each row: some databases nest them. */
const CONDITIONS = 250

/** The statements for a table whose rows are known by the key's columns. Knex must be one without connection. */
export function statementsFor(
  knex: Knex,
  database: DatabaseDialect,
  place: { readonly schema: string | undefined; readonly table: string },
  key: readonly string[],
): Statements {
  const dialect = DIALECTS[database]
  const path = [place.schema, place.table].filter((one) => one !== undefined).join('.')
  const quoted = knex.raw('??', [path]).toSQL().sql
  const encode: Given['encode'] = (name, value, columns) => {
    const { family, type } = columns.get(name) ?? { family: 'text', type: 'text' }
    const plain = plainValue(value)
    return dialect.encode(family === 'timestamp' && typeof plain === 'string' ? inUtc(plain) : plain, family, type)
  }
  const given: Given = {
    knex,
    dialect,
    place,
    quoted,
    key,
    encode,
    from: () => (place.schema === undefined ? knex(place.table) : knex(place.table).withSchema(place.schema)),
    cells: (row, names, columns) => Object.fromEntries(names.map((name) => [name, encode(name, row[name], columns)])),
  }
  return { dialect, name: { ...place, quoted }, ...writing(given), ...ofKeys(given), ...making(given, path) }
}

/** What every statement for a table is made of. */
interface Given {
  readonly knex: Knex
  readonly dialect: SqlDialect
  readonly place: { readonly schema: string | undefined; readonly table: string }
  /** The table as it stands in a statement. */
  readonly quoted: string
  readonly key: readonly string[]
  readonly encode: (name: string, value: Json | undefined, columns: Columns) => DatabaseValue
  /** A new query of the table. */
  from(): Knex.QueryBuilder
  /** The encoded values of some columns. */
  cells(row: Cells, names: readonly string[], columns: Columns): Readonly<Record<string, DatabaseValue>>
}

function writing(given: Given): Pick<Statements, 'upsert' | 'update' | 'present'> {
  const { dialect, key, from, cells } = given
  const slices = (rows: readonly Cells[]) => {
    const fit = Math.floor(dialect.parameters / Math.max(1, namesOf(rows).length))
    return sliced(rows, Math.max(1, Math.min(ROWS, fit)))
  }
  const updateOne = (row: Cells, names: readonly string[], columns: Columns) => {
    const rest = names.filter((name) => !key.includes(name))
    return from()
      .where(cells(row, key, columns))
      .update(cells(row, rest, columns))
  }
  return {
    upsert: (rows, there, columns) => {
      const names = namesOf(rows)
      return slices(rows).map((some) => {
        if (dialect.knex === 'mssql') return merge(given, some, there === 'merge' ? 'both' : 'new', columns)
        const insert = from().insert(some.map((row) => cells(row, names, columns)))
        return compiled(onConflict(given, insert, names, there))
      })
    },
    update: (rows, columns) => {
      const names = namesOf(rows)
      if (names.every((name) => key.includes(name))) return []
      if (dialect.knex === 'mysql2') return rows.map((row) => compiled(updateOne(row, names, columns)))
      return slices(rows).map((some) =>
        dialect.knex === 'mssql' ? merge(given, some, 'there', columns) : updateFrom(given, some, columns),
      )
    },
    present: (rows, columns) => {
      const numbered = rows.map((row, n) => ({ row, n }))
      const fit = Math.min(CONDITIONS, Math.floor(dialect.parameters / key.length))
      return sliced(numbered, fit).map((some) => presentIn(given, some, columns))
    },
  }
}

function ofKeys(given: Given): Pick<Statements, 'set' | 'remove' | 'select' | 'page'> {
  const { dialect, key, from, encode, cells } = given
  const among = (keys: readonly Cells[], columns: Columns) => (where: Knex.QueryBuilder) => {
    const [only] = key
    if (key.length === 1 && only !== undefined)
      where.whereIn(only, keys.map((row) => encode(only, row[only], columns)) as Knex.Value[])
    else for (const row of keys) where.orWhere(cells(row, key, columns))
  }
  const each = (keys: readonly Cells[], others: number, of: (some: readonly Cells[]) => Knex.QueryBuilder) => {
    const fit = Math.floor((dialect.parameters - others) / key.length)
    return sliced(keys, Math.max(1, Math.min(CONDITIONS, fit))).map((some) => compiled(of(some)))
  }
  return {
    set: (keys, values, columns) => {
      const written = cells(values, Object.keys(values), columns)
      return each(keys, Object.keys(values).length, (some) => from().where(among(some, columns)).update(written))
    },
    remove: (keys, columns) => each(keys, 0, (some) => from().where(among(some, columns)).delete()),
    select: (keys, asked, columns) =>
      each(keys, 1, (some) => selection(given, from().where(among(some, columns)), asked, columns)),
    page: (after, rows, asked, columns) => {
      const query = selection(given, from(), asked, columns)
        .orderBy([...key])
        .limit(rows)
      return compiled(after === undefined ? query : query.where(behind(key, cells(after, key, columns))))
    },
  }
}

function making(
  { knex, dialect, place, key }: Given,
  path: string,
): Pick<Statements, 'create' | 'add' | 'createSchema' | 'addUnique'> {
  const schema = () => (place.schema === undefined ? knex.schema : knex.schema.withSchema(place.schema))
  return {
    create: (columns) => {
      const made = schema().createTable(place.table, (builder) => {
        for (const { name, type } of columns) {
          const isKey = key.includes(name)
          const column = builder.specificType(name, isKey && type === 'text' ? dialect.keyText : dialect.types[type])
          if (isKey) column.notNullable()
          else column.nullable()
        }
        builder.primary([...key], keyName(place.table, dialect))
      })
      return compiledAll(made)
    },
    add: (columns) => {
      if (columns.length === 0) return []
      const altered = schema().alterTable(place.table, (builder) => {
        for (const { name, type } of columns) builder.specificType(name, dialect.types[type]).nullable()
      })
      return compiledAll(altered)
    },
    createSchema: () => knex.raw('create schema if not exists ??', [place.schema ?? '']).toSQL().sql,
    addUnique: () =>
      knex.raw(`alter table ?? add unique (${key.map(() => '??').join(', ')})`, [path, ...key]).toSQL().sql,
  }
}

/** Undefined where knex makes a name that fits. One that were cut off could be that of the table itself. */
function keyName(table: string, dialect: SqlDialect): string | undefined {
  const isLong = dialect.knex !== 'mysql2' && isTooLong(`${table}_pkey`, dialect)
  return isLong ? `${createHash('md5').update(table).digest('hex')}_pkey` : undefined
}

function onConflict(
  { knex, dialect, key }: Given,
  insert: Knex.QueryBuilder,
  names: readonly string[],
  there: 'merge' | 'ignore',
): Knex.QueryBuilder {
  const rest = names.filter((name) => !key.includes(name))
  const conflict = insert.onConflict([...key])
  if (there === 'merge' && rest.length > 0) return conflict.merge([...rest])
  const [first = ''] = key
  // `insert ignore` would take errors of values for warnings, too, and write what is left of them.
  return dialect.knex === 'mysql2' ? conflict.merge({ [first]: knex.raw('??', [first]) }) : conflict.ignore()
}

/** `update … from (values …)`: the only statement of Postgres that changes many rows and makes none. */
function updateFrom(given: Given, rows: readonly Cells[], columns: Columns): DatabaseStatement {
  const { knex, quoted, key } = given
  const names = namesOf(rows)
  const of = (name: string) => `c${names.indexOf(name)}`
  const rest = names.filter((name) => !key.includes(name))
  const { sql, values } = valueRows(
    given,
    rows.map((row) => ({ row, n: undefined })),
    names,
    columns,
  )
  const sets = rest.map((name) => `${quotedColumn(knex, name)} = v.${of(name)}`)
  const on = key.map((name) => `t.${quotedColumn(knex, name)} = v.${of(name)}`)
  const list = names.map(of).join(', ')
  return {
    sql: `update ${quoted} as t set ${sets.join(', ')} from (values ${sql}) as v (${list}) where ${on.join(' and ')}`,
    values,
  }
}

function presentIn(
  given: Given,
  rows: readonly { readonly row: Cells; readonly n: number }[],
  columns: Columns,
): DatabaseStatement {
  const { knex, quoted, key, dialect, encode } = given
  // A table of values of its own collation would not be compared with the column's.
  if (dialect.knex === 'mysql2') {
    const conditions = rows.map(
      ({ n }) => `select ${n} as n from ${quoted} where ${key.map(() => '?? = ?').join(' and ')}`,
    )
    const values = rows.flatMap(({ row }) => key.flatMap((name) => [name, encode(name, row[name], columns)]))
    return compiled(knex.raw(conditions.join(' union all '), values as Knex.RawBinding[]))
  }
  const { sql, values } = valueRows(given, rows, key, columns)
  const list = [...key.map((_, index) => `c${index}`), 'n'].join(', ')
  const on = key.map((name, index) => `t.${quotedColumn(knex, name)} = v.c${index}`).join(' and ')
  return { sql: `select v.n from (values ${sql}) as v (${list}) inner join ${quoted} as t on ${on}`, values }
}

/** SQL Server has one statement for what others do on a conflict; without the lock, two at once would both insert. */
function merge(
  given: Given,
  rows: readonly Cells[],
  which: 'both' | 'new' | 'there',
  columns: Columns,
): DatabaseStatement {
  const { knex, quoted, key } = given
  const names = namesOf(rows)
  const of = (name: string) => `v.c${names.indexOf(name)}`
  const rest = names.filter((name) => !key.includes(name))
  const { sql, values } = valueRows(
    given,
    rows.map((row) => ({ row, n: undefined })),
    names,
    columns,
  )
  const list = names.map((_, index) => `c${index}`).join(', ')
  const on = key.map((name) => `t.${quotedColumn(knex, name)} = ${of(name)}`).join(' and ')
  const sets = rest.map((name) => `t.${quotedColumn(knex, name)} = ${of(name)}`).join(', ')
  const made = `(${names.map((name) => quotedColumn(knex, name)).join(', ')}) values (${names.map(of).join(', ')})`
  return {
    sql: [
      `merge into ${quoted} with (holdlock) as t`,
      `using (values ${sql}) as v (${list}) on ${on}`,
      ...(which !== 'new' && rest.length > 0 ? [`when matched then update set ${sets}`] : []),
      ...(which !== 'there' ? [`when not matched then insert ${made}`] : []),
    ]
      .join(' ')
      .concat(';'),
    values,
  }
}

/** `(?, ?), (?, ?)`, told their types where nothing else does; a row's number goes behind its values. */
function valueRows(
  { dialect, encode }: Given,
  rows: readonly { readonly row: Cells; readonly n: number | undefined }[],
  names: readonly string[],
  columns: Columns,
): DatabaseStatement {
  const marks = names.map((name) => (dialect.casts ? `cast(? as ${columns.get(name)?.type ?? 'text'})` : '?'))
  return {
    sql: rows.map(({ n }) => `(${[...marks, ...(n === undefined ? [] : [n])].join(', ')})`).join(', '),
    values: rows.flatMap(({ row }) => names.map((name) => encode(name, row[name], columns))),
  }
}

function selection(
  { knex, dialect, key }: Given,
  query: Knex.QueryBuilder,
  { names, softDelete }: Selection,
  columns: Columns,
): Knex.QueryBuilder {
  const precise = (name: string) => {
    const column = quotedColumn(knex, name)
    const text = dialect.precise?.(column, columns.get(name)?.type ?? '')
    // Pages are ordered by the key itself, not by a text of it.
    return text === undefined || key.includes(name) ? name : knex.raw(`${text} as ${column}`)
  }
  const selected = query.select(names.map(precise))
  if (softDelete === undefined) return selected
  if (columns.get(softDelete)?.family !== 'boolean') return selected.whereNull(softDelete)
  return selected.where((where) => where.whereNull(softDelete).orWhere(softDelete, false))
}

/** `a > ? or (a = ? and b > ?)`: what comes behind a key in the order of its columns. */
function behind(key: readonly string[], after: Readonly<Record<string, DatabaseValue>>) {
  return (where: Knex.QueryBuilder) => {
    key.forEach((name, index) => {
      where.orWhere((inner) => {
        for (const before of key.slice(0, index)) inner.where(before, after[before] as Knex.Value)
        inner.where(name, '>', after[name] as Knex.Value)
      })
    })
  }
}

function quotedColumn(knex: Knex, name: string): string {
  return knex.raw('??', [name]).toSQL().sql
}

function compiled(query: Knex.QueryBuilder | Knex.Raw): DatabaseStatement {
  const { sql, bindings } = query.toSQL()
  return { sql, values: bindings as readonly DatabaseValue[] }
}

function compiledAll(made: Knex.SchemaBuilder): readonly DatabaseStatement[] {
  // Its types tell of one statement, but there may be several.
  const all = made.toSQL() as unknown as readonly { readonly sql: string; readonly bindings?: DatabaseValue[] }[]
  return all.map(({ sql, bindings }) => ({ sql, values: bindings ?? [] }))
}

function namesOf(rows: readonly Cells[]): readonly string[] {
  return Object.keys(rows[0] ?? {})
}

function plainValue(value: Json | undefined): DatabaseValue {
  if (value === undefined || value === null) return null
  return typeof value === 'object' ? JSON.stringify(value) : (value as string | number | boolean)
}

function sliced<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size))
}
