import type { KeyObject } from 'node:crypto'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { SnowflakeError } from './snowflake-errors.ts'
import { PRELUDE } from './snowflake-prelude.ts'
import { Rights } from './snowflake-rights.ts'

/** Somebody who may log in. */
export interface User {
  readonly password?: string
  readonly publicKey?: KeyObject
  /** OAuth and programmatic access tokens. */
  readonly tokens?: readonly string[]
  readonly roles: readonly string[]
  readonly warehouse?: string
}

/** What computes. Without quota nothing does. */
export interface VirtualWarehouse {
  readonly isSuspended?: boolean
  /** The monitor whose quota is used up. */
  readonly exhausted?: string
}

/** What an emulated account is made of; tests change it while it runs. */
export interface Setup {
  readonly account: string
  readonly database: string
  readonly users: Map<string, User>
  readonly warehouses: Map<string, VirtualWarehouse>
  /** Seconds that a statement would take, as if they had passed. */
  lasts: (sql: string) => number
}

/** The data and the rules of one account: an emulation on DuckDB, which proves nothing of the real service. */
export interface Account {
  readonly setup: Setup
  readonly rights: Rights
  readonly locks: Locks
  connect(): Promise<DuckDBConnection>
  close(): void
}

export async function openAccount(setup: Setup): Promise<Account> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const first = await instance.connect()
  await first.run(`attach ':memory:' as "${setup.database}"`)
  await first.run(`use "${setup.database}"`)
  for (const statement of PRELUDE) await first.run(statement)
  await first.run('create schema if not exists "PUBLIC"')
  return {
    setup,
    rights: new Rights(setup.database),
    locks: new Locks(),
    connect: async () => {
      const connection = await instance.connect()
      await connection.run(`use "${setup.database}"`)
      await connection.run(`set TimeZone = 'UTC'`)
      return connection
    },
    close: () => {
      first.closeSync()
      instance.closeSync()
    },
  }
}

/** docs: statements that wait for one table; the one after them is refused. */
const MOST_WAITING = 20

function crowded(table: string): SnowflakeError {
  const [, name = table] = table.split('.')
  return new SnowflakeError(
    '000625',
    '57014',
    `Statement '01b43b22' has locked table '${name}' in transaction 1715330074481000000 and this lock has not yet been released.\nYour statement '01b43b23' was aborted because the number of waiters for this lock exceeds the ${MOST_WAITING} statements limit.`,
  )
}

/** Who changes a table keeps others from it until the transaction ends: `update`, `delete` and `merge`, not `insert`. */
export class Locks {
  readonly #held = new Map<string, { readonly by: object; readonly waiting: (() => void)[] }>()

  async hold(table: string, by: object): Promise<void> {
    for (;;) {
      const held = this.#held.get(table)
      if (held === undefined) break
      if (held.by === by) return
      if (held.waiting.length >= MOST_WAITING) throw crowded(table)
      await new Promise<void>((resolve) => held.waiting.push(resolve))
    }
    this.#held.set(table, { by, waiting: [] })
  }

  release(by: object): void {
    for (const [table, held] of [...this.#held]) {
      if (held.by !== by) continue
      this.#held.delete(table)
      for (const go of held.waiting) go()
    }
  }
}
