import type { ConnectionOptions } from 'snowflake-sdk'
import { failure } from '../error.ts'
import { A_WHILE, type Pause } from './pause.ts'
import { snowflakeDialect } from './snowflake-dialect.ts'
import { type Line, loadDriver, logIn } from './snowflake-driver.ts'
import { loginFailure } from './snowflake-failures.ts'
import { snowflakeGrants } from './snowflake-grants.ts'
import { type Login, loginOf } from './snowflake-login.ts'
import { type SnowflakeOptions, snowflakeOptions } from './snowflake-options.ts'
import { SnowflakeSession } from './snowflake-session.ts'
import type { Access, Session, Warehouse } from './warehouse.ts'

/** How often things are tried, and what is waited for between. */
export interface Patience {
  /** How often the driver asks again, each time after a longer while, where nobody answers a login. */
  readonly logins: number
  /** Before a statement is tried again because too many others waited for the same table. */
  readonly pause: Pause
}

const PATIENT: Patience = { logins: 7, pause: A_WHILE }

/** Snowflake. The driver is loaded by the first `connect`. */
export const snowflake: Warehouse<SnowflakeOptions> & {
  connect(options: SnowflakeOptions, access: Access, patience?: Patience): Promise<Session>
} = {
  type: 'snowflake',
  options: snowflakeOptions,
  dialect: snowflakeDialect,
  grants: (wanted) => snowflakeGrants(wanted, snowflakeDialect),
  isOwnDatabase: ({ database }, name) => database?.toUpperCase() === name.toUpperCase(),
  async connect(given: SnowflakeOptions, { directory }: Access, { logins, pause }: Patience = PATIENT) {
    const login = await loginOf(given, { directory, env: process.env })
    const driver = await loadDriver()
    const options = { ...login.driver, sfRetryMaxLoginRetries: logins }
    const open = () => prepared(driver, { ...login, driver: options }, given)
    const line = await open()
    const first = await orEnd(line, () => check(line, options))
    return new SnowflakeSession(first, open, { most: given.connections, blocks: given.blocks === 'on', pause })
  },
}

async function prepared(
  driver: typeof import('snowflake-sdk'),
  { driver: options, fingerprint }: Login,
  given: SnowflakeOptions,
): Promise<Line> {
  const line = await logIn(driver, options, given.query_tag).catch((error: unknown) => {
    throw loginFailure(placeOf(options), fingerprint, error)
  })
  return await orEnd(line, () => line.run({ name: 'set session', text: settings(given), values: [] }))
}

function placeOf({ database, account }: ConnectionOptions): string {
  return `The database "${database}" of the account "${account}"`
}

/** The session after some work with it, which ends it where it fails. */
async function orEnd(line: Line, work: () => Promise<unknown>): Promise<Line> {
  try {
    await work()
    return line
  } catch (error) {
    await line.end()
    throw error
  }
}

/** What a session keeps. Numbers and words of ours only. */
function settings({ timeout }: SnowflakeOptions): string {
  const all = [
    `TIMEZONE = 'UTC'`,
    'WEEK_START = 1',
    'QUOTED_IDENTIFIERS_IGNORE_CASE = false',
    'ROWS_PER_RESULTSET = 0',
    'AUTOCOMMIT = true',
    `BINARY_OUTPUT_FORMAT = 'HEX'`,
    `TIMESTAMP_LTZ_OUTPUT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM'`,
    `TIMESTAMP_TZ_OUTPUT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM'`,
    `TIMESTAMP_NTZ_OUTPUT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.FF9'`,
    `DATE_OUTPUT_FORMAT = 'YYYY-MM-DD'`,
    ...(timeout === undefined ? [] : [`STATEMENT_TIMEOUT_IN_SECONDS = ${timeout}`]),
  ]
  return `alter session set ${all.join(' ')}`
}

/** Snowflake lets in whoever names a database that is not there, or that the role may not use. */
async function check(line: Line, options: ConnectionOptions): Promise<void> {
  const text = 'select current_database() as "DATABASE", current_role() as "ROLE"'
  const { rows } = await line.run({ name: 'look at session', text, values: [] })
  for await (const [database, found] of rows())
    if (database === null)
      throw failure(
        'warehouse',
        'warehouse/connection',
        `${placeOf(options)} is not there, or the role "${String(found ?? options.role)}" may not use it.`,
        'Check `database:`, and `grant usage on database … to role …`.',
      )
}
