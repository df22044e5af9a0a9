import { bigquery } from '../../src/warehouses/bigquery.ts'
import { startBigquery } from '../emulators/bigquery.ts'
import type { Place } from '../support/engines.ts'
import { analystOf } from './analyst.ts'
import { MISSING, startZetaSql } from './server.ts'

const BIGQUERY: Place = {
  type: 'bigquery',
  title: 'BigQuery, emulated on DuckDB, with every statement resolved by ZetaSQL,',
  async start() {
    const server = await startZetaSql()
    const emulator = await startBigquery({ analyst: analystOf(server) })
    const { project } = emulator.given
    const options = bigquery.options.parse({ project, api_endpoint: emulator.url })
    return {
      target: `{ type: bigquery, project: ${project}, api_endpoint: "${emulator.url}" }`,
      open: (directory = '/') => bigquery.connect(options, { directory, mode: 'write' }),
      stop: async () => {
        await emulator.close()
        await server.close()
      },
    }
  },
}

/** Nowhere, unless ZetaSQL is installed. */
export const ANALYSED: readonly Place[] = MISSING ? [] : [BIGQUERY]
