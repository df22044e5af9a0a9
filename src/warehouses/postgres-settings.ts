import type { Client } from 'pg'
import type { Access } from './warehouse.ts'

/** How long things may take. */
export interface PostgresTiming {
  /**
   * Milliseconds after which the server ends a transaction in which nobody says anything: a process that was frozen in
   * the middle of one must not keep others out for ever.
   */
  readonly idle: number
}

/** On what our statements count: names and texts of ours only, nothing of a user's stands here. */
function settingsOf({ idle }: PostgresTiming): Readonly<Record<string, string>> {
  return {
    timezone: `'UTC'`,
    datestyle: `'ISO, YMD'`,
    extra_float_digits: '1',
    client_min_messages: 'warning',
    idle_in_transaction_session_timeout: String(Math.round(idle)),
  }
}

/** What sets up a connection that is ours alone, for as long as it lasts. */
export function ofSession({ mode }: Access, timing: PostgresTiming): string {
  return assigned('set', {
    ...settingsOf(timing),
    ...(mode !== 'write' && { default_transaction_read_only: 'on' }),
  })
}

/** What sets up one transaction, and ends with it: behind a pooler the next may be on a connection of somebody else. */
export function ofTransaction({ mode }: Access, timing: PostgresTiming): string {
  return assigned('set local', { ...settingsOf(timing), ...(mode !== 'write' && { transaction_read_only: 'on' }) })
}

/**
 * Is there a pooler between? It hands out keys for cancelling of its own, whose process is not that of the server which
 * answers (PgBouncer, PgCat, Supavisor).
 */
export function isPooled(connection: Client, serverProcess: number): boolean {
  // The driver does not declare it: https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/client.js
  const { processID } = connection as unknown as { processID: number | null }
  return processID !== serverProcess
}

function assigned(how: 'set' | 'set local', settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${how} ${name} = ${value}`)
    .join('; ')
}
