import { onTestFinished, test } from 'vitest'
import { bigquery } from '../../src/warehouses/bigquery.ts'
import { startBigquery } from '../emulators/bigquery.ts'
import { ALL } from '../support/all.ts'
import { expectSame, onDuckdb, storyOf } from '../support/sample-story.ts'
import { fillTables } from '../support/sample-tables.ts'
import { analystOf } from '../zetasql/analyst.ts'
import { MISSING, startZetaSql } from '../zetasql/server.ts'

const analysed = MISSING ? '' : '; each statement is resolved by ZetaSQL'

// It takes most of a minute: `npm run test:all` runs it.
test.runIf(ALL)(
  `the sample does on BigQuery, emulated on DuckDB, row by row, what it does on DuckDB${analysed}`,
  {
    timeout: 600_000,
  },
  async () => {
    const server = MISSING ? undefined : await startZetaSql()
    onTestFinished(() => server?.close())
    const emulator = await startBigquery({ ...(server && { analyst: analystOf(server) }) })
    onTestFinished(() => emulator.close())
    const { project } = emulator.given
    const open = () =>
      bigquery.connect(bigquery.options.parse({ project, api_endpoint: emulator.url }), {
        directory: '/',
        mode: 'write',
      })
    const there = await storyOf({
      target: `{ type: bigquery, project: ${project}, api_endpoint: "${emulator.url}" }`,
      open: async (_, isFirst) => {
        const session = await open()
        if (isFirst) await fillTables(session)
        return session
      },
      names: (_, schema) => emulator.tables(schema),
    })
    expectSame(there, await storyOf(onDuckdb))
  },
)
