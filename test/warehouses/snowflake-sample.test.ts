import { onTestFinished, test } from 'vitest'
import { ALL } from '../support/all.ts'
import { expectSame, onDuckdb, storyOf } from '../support/sample-story.ts'
import { fillTables } from '../support/sample-tables.ts'
import { connectTo, snowflakeAccount } from '../support/snowflake.ts'

// It takes most of a minute: `npm run test:all` runs it.
test.runIf(ALL)(
  'the sample does on Snowflake, emulated on DuckDB, row by row, what it does on DuckDB',
  {
    timeout: 600_000,
  },
  async () => {
    const { emulator, options, keyFile } = await snowflakeAccount()
    onTestFinished(() => emulator.stop())
    const owner = await connectTo(options)
    await fillTables(owner)
    await owner.close()
    const there = await storyOf({
      target: `{ type: snowflake, account: acme-test, user: OWNER, private_key_path: ${keyFile}, database: ANALYTICS, access_url: "${emulator.url}" }`,
      open: () => connectTo(options),
    })
    expectSame(there, await storyOf(onDuckdb))
  },
)
