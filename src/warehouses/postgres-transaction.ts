import type { Client } from 'pg'
import { failed, run } from './postgres-statement.ts'

/** Does work in a transaction of its own. */
export type Transaction = <T>(how: string, work: (connection: Client) => Promise<T>) => Promise<T>

/** How a transaction begins: its modes, and what sets it up. */
export interface Beginning {
  readonly how: string
  /** Assignments, parted by semicolons; undefined where the connection is set up already. */
  readonly settings?: string | undefined
}

/** How a transaction sees tables: as they were at its first statement. */
export const SNAPSHOT = 'isolation level repeatable read read only'

export async function transaction<T>(connection: Client, beginning: Beginning, work: () => Promise<T>): Promise<T> {
  await begin(connection, beginning)
  try {
    const done = await work()
    await say(connection, 'commit')
    return done
  } catch (error) {
    // A connection that is gone has nothing to roll back.
    await say(connection, 'rollback').catch(() => {})
    throw error
  }
}

/** Begins and sets up in one round trip: of the two protocols the plain one takes several statements. */
export async function begin(connection: Client, { how, settings }: Beginning): Promise<void> {
  const text = `begin transaction ${how}`.trimEnd()
  if (settings === undefined) return say(connection, text)
  await connection.query(`${text}; ${settings}`).catch((error: unknown) => {
    throw failed(text, text, error)
  })
}

export async function say(connection: Client, text: string): Promise<void> {
  await run(connection, { name: text, text, values: [] })
}
