import type { Readable } from 'node:stream'
import type { Connection, ConnectionOptions, RowStatement } from 'snowflake-sdk'
import { failure } from '../error.ts'
import type { Field } from './snowflake-cells.ts'
import { statementFailure } from './snowflake-failures.ts'
import type { Printed } from './snowflake-statement.ts'

/** Logs in, and gives a session of which no two statements run at once. */
export type LogIn = () => Promise<Line>

/** One session with Snowflake. */
export interface Line {
  /** Runs one statement to its end, and gives its rows while they come. Throws a StatementError. */
  run(printed: Printed): Promise<Result>
  /** What a statement would return, without running it. */
  describe(printed: Printed): Promise<readonly Field[]>
  /** Ends what runs, and the session. */
  end(): Promise<void>
}

/** What came of one statement. */
export interface Result {
  readonly fields: readonly Field[]
  /** Rows that it returned. */
  readonly total: number
  /** Rows that it wrote. */
  readonly written: number
  /** Each row once, in order: numbers and documents as text, times as the driver's own. */
  rows(): AsyncIterable<readonly unknown[]>
}

/** Loads the driver. Throws CdpError `warehouse/connection` with what installs it where it is missing. */
export async function loadDriver(): Promise<typeof import('snowflake-sdk')> {
  // Read when it is loaded: it would probe the machine, and ask the clouds whether it runs there.
  process.env.SNOWFLAKE_DISABLE_MINICORE ??= 'true'
  process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION ??= 'true'
  process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE ??= 'true'
  try {
    const loaded = await import('snowflake-sdk')
    const driver = 'default' in loaded ? (loaded.default as typeof loaded) : loaded
    driver.configure({ logLevel: 'OFF', additionalLogToConsole: false })
    return driver
  } catch (error) {
    const fix = 'Install it beside cdp: `npm install snowflake-sdk`.'
    throw failure('project', 'warehouse/connection', 'The Snowflake driver (snowflake-sdk) is not there.', fix, error)
  }
}

/** A session that is logged in. Throws the driver's own error. */
export async function logIn(
  driver: typeof import('snowflake-sdk'),
  options: ConnectionOptions,
  tag: string,
): Promise<Line> {
  const connection = driver.createConnection({ ...options, rowStreamHighWaterMark: ROWS_AHEAD } as ConnectionOptions)
  // Without a callback it is kept, whatever becomes of it.
  await new Promise<void>((resolve, reject) => {
    connection.connectAsync((error) => (error ? reject(error) : resolve())).catch(reject)
  })
  const running = new Set<RowStatement>()
  return {
    run: async (printed) => {
      const statement = await execute(connection, printed, { tag, running })
      return resultOf(printed, statement, running)
    },
    describe: async (printed) => fieldsOf(await execute(connection, printed, { tag, running, describeOnly: true })),
    end: async () => {
      for (const statement of running) statement.cancel(() => {})
      await new Promise<void>((resolve) => connection.destroy(() => resolve()))
    },
  }
}

/** Rows that are decoded before somebody takes them. */
const ROWS_AHEAD = 1_000

/** Longest text that tags a query. */
const LONGEST_TAG = 2_000

interface How {
  readonly tag: string
  readonly running: Set<RowStatement>
  readonly describeOnly?: boolean
}

function execute(connection: Connection, { name, text, values, run }: Printed, how: How): Promise<RowStatement> {
  const tag = [how.tag, run, name].filter((part) => part !== undefined).join(' · ')
  return new Promise((resolve, reject) => {
    const statement = connection.execute({
      sqlText: text,
      ...(values.length > 0 && { binds: [...values] }),
      ...(how.describeOnly && { describeOnly: true }),
      rowMode: 'array',
      fetchAsString: ['Number', 'JSON'],
      streamResult: true,
      parameters: { QUERY_TAG: tag.slice(0, LONGEST_TAG) },
      complete: (error, done) => {
        how.running.delete(statement)
        if (error) reject(statementFailure(name, text, error))
        else resolve(done as RowStatement)
      },
    }) as RowStatement
    how.running.add(statement)
  })
}

function resultOf({ name, text }: Printed, statement: RowStatement, running: Set<RowStatement>): Result {
  return {
    fields: fieldsOf(statement),
    total: statement.getNumRows(),
    written: Math.max(0, statement.getNumUpdatedRows() ?? 0),
    async *rows() {
      running.add(statement)
      const stream: Readable = statement.streamRows()
      try {
        for await (const row of stream) yield row
      } catch (error) {
        throw statementFailure(name, text, error)
      } finally {
        running.delete(statement)
        stream.destroy()
      }
    },
  }
}

function fieldsOf(statement: RowStatement): readonly Field[] {
  return (statement.getColumns() ?? []).map((column) => ({
    name: column.getName(),
    type: column.getType().toLowerCase(),
    precision: column.getPrecision(),
    scale: column.getScale(),
  }))
}
