import { type DuckDBConnection, type DuckDBType, DuckDBTypeId, type DuckDBValue } from '@duckdb/node-api'
import type { Account } from './snowflake-account.ts'
import { isBlock, runBlock } from './snowflake-block.ts'
import { fromDuckdb, SnowflakeError } from './snowflake-errors.ts'
import { kept } from './snowflake-names.ts'
import { translated } from './snowflake-sql.ts'
import { type WireColumn, wired } from './snowflake-wire.ts'
import { meaning, type Token, tokens } from './sql-tokens.ts'

/** What a statement gives: rows as they go over the wire. */
export interface Answer {
  readonly columns: readonly WireColumn[]
  readonly rows: readonly (readonly (string | null)[])[]
  readonly statementType: number
}

export interface Asked {
  readonly sql: string
  readonly binds: readonly (string | null)[]
  readonly describeOnly: boolean
}

/** docs: the numbers by which drivers know what a statement did. */
const TYPES = { select: 4096, insert: 12544, update: 12800, delete: 13056, merge: 13312, other: 24576 } as const

const WRITING: ReadonlySet<number> = new Set([TYPES.insert, TYPES.update, TYPES.delete, TYPES.merge])

/** One session of the emulated service: a connection, a transaction, parameters. */
export class EmulatedSession {
  readonly user: string
  readonly role: string
  readonly parameters = new Map<string, string>()
  warehouse: string | undefined
  readonly #account: Account
  readonly #connection: DuckDBConnection
  #inTransaction = false
  #begun = false
  #aborted = false

  constructor(
    account: Account,
    connection: DuckDBConnection,
    who: { readonly user: string; readonly role: string; readonly warehouse: string | undefined },
  ) {
    this.#account = account
    this.#connection = connection
    this.user = who.user
    this.role = who.role
    this.warehouse = who.warehouse
  }

  get database(): string | undefined {
    const { database } = this.#account.setup
    return this.#account.rights.mayUse(this.role, 'DATABASE', database) ? database : undefined
  }

  async run(asked: Asked): Promise<Answer> {
    this.#aborted = false
    if (!isBlock(tokens(asked.sql))) return await this.#once(asked)
    return await runBlock<Answer>(asked.sql, {
      run: (sql) => this.#once({ sql, binds: [], describeOnly: false }),
      written: ({ statementType, rows: [counts] }) =>
        WRITING.has(statementType) ? Number(counts?.[0] ?? 0) : undefined,
      scalar: ({ rows: [first] }) => first?.[0] ?? null,
      text: (value) => ({ columns: [textual('anonymous block')], rows: [[value]], statementType: TYPES.select }),
      isInTransaction: () => this.#inTransaction,
    })
  }

  async #once(asked: Asked): Promise<Answer> {
    try {
      return await this.#answer(asked)
    } catch (error) {
      throw fromDuckdb(error)
    } finally {
      if (!this.#inTransaction) this.#account.locks.release(this)
    }
  }

  abort(): void {
    this.#aborted = true
    this.#connection.interrupt()
  }

  async close(): Promise<void> {
    if (this.#begun) await this.#connection.run('rollback').catch(() => {})
    this.#account.locks.release(this)
    this.#connection.closeSync()
  }

  async #answer({ sql, binds, describeOnly }: Asked): Promise<Answer> {
    const all = tokens(sql).filter(({ kind }) => kind !== 'blank')
    const statements = countStatements(all)
    if (statements !== 1)
      throw new SnowflakeError(
        '000008',
        '0A000',
        `Actual statement count ${statements} did not match the desired statement count 1.`,
      )
    const said = await this.#byItself(all, sql)
    if (said !== undefined) return said
    const what = objectsOf(all)
    this.#mayDo(what)
    if (describeOnly) return await this.#described(sql)
    if (what.verb !== 'select' || what.reads.length > 0) this.#mustCompute(what.verb, sql)
    if (what.verb === 'create' || what.verb === 'drop' || what.verb === 'alter') await this.#end('commit')
    if (what.locks !== undefined) await this.#account.locks.hold(what.locks, this)
    if (this.#aborted) throw new SnowflakeError('000604', '57014', 'SQL execution canceled')
    if (this.#inTransaction && !this.#begun) {
      await this.#connection.run('begin')
      this.#begun = true
    }
    return await this.#executed(sql, binds, what)
  }

  /** Statements of the session itself. */
  async #byItself(all: readonly Token[], sql: string): Promise<Answer | undefined> {
    const [first = '', second = ''] = all.map(({ text }) => text.toLowerCase())
    switch (first) {
      case 'begin':
        this.#inTransaction = true
        return done()
      case 'commit':
      case 'rollback':
        await this.#end(first)
        return done()
      case 'alter':
        if (second !== 'session') return undefined
        for (const [, name = '', value = ''] of sql.matchAll(/(\w+)\s*=\s*('[^']*'|\S+)/g))
          this.parameters.set(name.toUpperCase(), value.startsWith("'") ? meaning(value) : value)
        return done()
      case 'explain':
        return await this.#explained(sql.slice(sql.toLowerCase().indexOf('explain') + 'explain'.length))
      case 'describe':
        return second === 'schema' ? await this.#describeSchema(all.at(-1)?.text ?? '') : undefined
      default:
        return this.#account.rights.say(sql, this.role) ? done() : undefined
    }
  }

  /** A plan is made, and nothing is done. */
  async #explained(sql: string): Promise<Answer> {
    const prepared = await this.#connection.prepare(this.#text(sql))
    prepared.destroySync()
    return done('planned')
  }

  async #end(how: 'commit' | 'rollback'): Promise<void> {
    this.#inTransaction = false
    const begun = this.#begun
    this.#begun = false
    try {
      if (begun) await this.#connection.run(how)
    } finally {
      this.#account.locks.release(this)
    }
  }

  async #describeSchema(name: string): Promise<Answer> {
    const stored = nameOf(name)
    const found = await this.#connection.runAndReadAll(
      'select 1 from duckdb_schemas() where schema_name = $1 and database_name = current_database()',
      [kept(stored)],
    )
    if (found.currentRowCount > 0) return done()
    throw new SnowflakeError(
      '002043',
      '02000',
      `SQL compilation error:\nObject does not exist, or operation cannot be performed.`,
    )
  }

  #mayDo({ verb, object, writes, reads }: Objects): void {
    const { rights } = this.#account
    if (verb === 'create' && object === 'schema') rights.makeSchema(this.role, writes[0]?.schema ?? '')
    else for (const { schema } of writes) rights.write(this.role, schema)
    for (const { schema, table } of reads) rights.read(this.role, schema, table)
  }

  /** What computes needs a warehouse that runs, and time. */
  #mustCompute(verb: string, sql: string): void {
    if (['drop', 'alter', 'describe', 'show'].includes(verb)) return
    const warehouse = this.warehouse === undefined ? undefined : this.#account.setup.warehouses.get(this.warehouse)
    if (warehouse?.exhausted !== undefined)
      throw new SnowflakeError(
        '090073',
        '22000',
        `Warehouse '${this.warehouse}' cannot be resumed because resource monitor '${warehouse.exhausted}' has exceeded its quota.`,
      )
    if (warehouse === undefined || warehouse.isSuspended)
      throw new SnowflakeError(
        '000606',
        '57P03',
        `No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.`,
      )
    const most = Number(this.parameters.get('STATEMENT_TIMEOUT_IN_SECONDS') ?? 172_800)
    if (this.#account.setup.lasts(sql) > most)
      throw new SnowflakeError(
        '000630',
        '57014',
        `Statement reached its statement or warehouse timeout of ${most} second(s) and was canceled.`,
      )
  }

  async #described(sql: string): Promise<Answer> {
    const prepared = await this.#connection.prepare(this.#text(sql))
    try {
      const columns = Array.from(
        { length: prepared.columnCount },
        (_, at) => wired(prepared.columnName(at), prepared.columnType(at)).column,
      )
      return { columns, rows: [], statementType: TYPES.select }
    } finally {
      prepared.destroySync()
    }
  }

  async #executed(sql: string, binds: readonly (string | null)[], { verb, object }: Objects): Promise<Answer> {
    const result = await this.#retried(this.#text(sql), binds)
    if (verb in TYPES && verb !== 'select') {
      const count = String(result.rowsChanged)
      const kind = verb as 'insert' | 'update' | 'delete' | 'merge'
      return { columns: [counted(kind)], rows: [[count]], statementType: TYPES[kind] }
    }
    if (verb === 'create' || verb === 'drop' || verb === 'alter') return done(`${object} successfully ${verb}ed.`)
    const wires = result.columns.map(([name, type]) => wired(name, type))
    return {
      columns: wires.map(({ column }) => column),
      rows: result.rows.map((row) =>
        row.map((value, at) => (value === null ? null : (wires[at]?.encode(value as never) ?? null))),
      ),
      statementType: TYPES.select,
    }
  }

  #text(sql: string): string {
    const database = this.database
    return translated(sql)
      .replace(/\bCURRENT_DATABASE\(\)/gi, database === undefined ? 'cast(null as varchar)' : `'${database}'`)
      .replace(/\bCURRENT_ROLE\(\)/gi, `'${this.role}'`)
      .replace(/\bCURRENT_USER(\(\)|\b)/gi, `'${this.user}'`)
      .replace(/\b(CURRENT_)?VERSION\(\)/gi, "'9.36.0'")
  }

  /** Rows with every character: DuckDB's driver takes a leading byte order mark off a text. */
  async #read(text: string, binds: readonly (string | null)[]): Promise<Result> {
    const isQuery = /^\s*(select|with)\b/i.test(text)
    const prepared = isQuery ? await this.#connection.prepare(text) : undefined
    const types = Array.from({ length: prepared?.columnCount ?? 0 }, (_, at) => prepared?.columnTypeId(at))
    const marked = types.map((type, at) => (type === DuckDBTypeId.VARCHAR ? `'=' || c${at}` : `c${at}`))
    const names = types.map((_, at) => `c${at}`)
    const asked = isQuery ? `select ${marked.join(', ')} from (${text}) as r(${names.join(', ')})` : text
    const reader = await this.#connection.runAndReadAll(asked, [...binds])
    const columns = reader
      .columnNames()
      .map((name, at) => [prepared?.columnName(at) ?? name, reader.columnType(at)] as const)
    prepared?.destroySync()
    const isMarked = (at: number) => types[at] === DuckDBTypeId.VARCHAR
    const rows = reader
      .getRows()
      .map((row) => row.map((value, at) => (isMarked(at) && value !== null ? String(value).slice(1) : value)))
    return { columns, rows, rowsChanged: reader.rowsChanged }
  }

  /** Two that change the catalogue at once: DuckDB refuses one of them, where Snowflake lets it wait. */
  async #retried(text: string, binds: readonly (string | null)[]): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#read(text, binds)
      } catch (error) {
        const isConflict = error instanceof Error && /conflict/i.test(error.message)
        if (!isConflict || this.#begun || attempt === 20) throw error
      }
    }
  }
}

interface Result {
  readonly columns: readonly (readonly [string, DuckDBType])[]
  readonly rows: readonly (readonly DuckDBValue[])[]
  readonly rowsChanged: number
}

/** What a statement touches. */
interface Objects {
  readonly verb: string
  /** What is made, dropped or changed. */
  readonly object: string
  readonly reads: readonly Named[]
  readonly writes: readonly Named[]
  /** The table that the statement keeps others from changing. */
  readonly locks: string | undefined
}

interface Named {
  readonly schema: string
  readonly table: string
}

function objectsOf(all: readonly Token[]): Objects {
  const words = all.map(({ text }) => text.toLowerCase())
  const [verb = ''] = words
  const object = words.find((word) => ['table', 'view', 'schema'].includes(word)) ?? ''
  const places = all.flatMap((_, at) => {
    const named = qualified(all, at)
    return named ? [{ at, named }] : []
  })
  const changes = ['create', 'drop', 'alter', 'insert', 'update', 'delete', 'merge', 'truncate'].includes(verb)
  if (object === 'schema' && (verb === 'create' || verb === 'drop')) {
    const cascade = words.at(-1) === 'cascade' ? -2 : -1
    const schema = nameOf(all.at(cascade)?.text ?? '')
    return { verb, object, reads: [], writes: [{ schema, table: '' }], locks: undefined }
  }
  const [first, ...others] = places
  const writes = changes && first ? [first.named] : []
  const locks =
    ['update', 'delete', 'merge'].includes(verb) && first ? `${first.named.schema}.${first.named.table}` : undefined
  return { verb, object, writes, locks, reads: (changes ? others : places).map(({ named }) => named) }
}

/** A table where one may stand: behind `from`, `join`, `into` and the like. */
function qualified(all: readonly Token[], at: number): Named | undefined {
  const before = all[at - 1]?.text.toLowerCase() ?? ''
  if (!['from', 'join', 'into', 'update', 'table', 'view', 'using', 'exists', ','].includes(before)) return undefined
  const [schema, dot, table] = all.slice(at, at + 3)
  if (dot?.text !== '.' || !isName(schema) || !isName(table)) return undefined
  // A list of columns has commas too.
  if (before === ',' && all[at + 3]?.text === '.') return undefined
  if (before === ',') return undefined
  return { schema: nameOf(schema?.text ?? ''), table: nameOf(table?.text ?? '') }
}

function isName(token: Token | undefined): boolean {
  return token?.kind === 'name' || token?.kind === 'word'
}

function nameOf(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toUpperCase()
}

function countStatements(all: readonly Token[]): number {
  let found = 0
  let open = false
  for (const { text } of all) {
    if (text === ';') open = false
    else if (!open) {
      found++
      open = true
    }
  }
  return found
}

function counted(kind: 'insert' | 'update' | 'delete' | 'merge'): WireColumn {
  const what = { insert: 'inserted', update: 'updated', delete: 'deleted', merge: 'inserted' }[kind]
  const none = { nullable: false, length: null, byteLength: null }
  return { name: `number of rows ${what}`, type: 'fixed', precision: 19, scale: 0, ...none }
}

function done(said = 'Statement executed successfully.'): Answer {
  return { columns: [textual('status')], rows: [[said]], statementType: TYPES.other }
}

function textual(name: string): WireColumn {
  const size = { length: 16_777_216, byteLength: 16_777_216 }
  return { name, type: 'text', nullable: true, ...size, precision: null, scale: null }
}
