import { ANALYSED } from '../zetasql/place.ts'
import { ALL } from './all.ts'
import type { Place } from './engines.ts'
import { connectTo, snowflakeAccount } from './snowflake.ts'

const SNOWFLAKE: Place = {
  type: 'snowflake',
  title: 'Snowflake, emulated on DuckDB,',
  async start() {
    const { emulator, options, keyFile } = await snowflakeAccount()
    const { account, user, database } = options
    return {
      target: `{ type: snowflake, account: ${account}, user: ${user}, private_key_path: ${keyFile}, database: ${database}, access_url: "${emulator.url}" }`,
      open: () => connectTo(options),
      stop: () => emulator.stop(),
    }
  },
}

/** The warehouses that are emulated: Snowflake with `npm run test:all`, BigQuery where its analyser is installed. */
export const EMULATED: readonly Place[] = [...ANALYSED, ...(ALL ? [SNOWFLAKE] : [])]
