import { onTestFinished } from 'vitest'
import type { Environment } from '../../src/environment.ts'
import { type BigqueryOptions, bigquery } from '../../src/warehouses/bigquery.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { type BigqueryEmulator, startBigquery } from '../emulators/bigquery.ts'
import { loadAll, shopOn } from './shop-tables.ts'
import { runInSandbox, type SandboxRun } from './small-shop.ts'
import { written } from './written.ts'

/** The small shop in an emulated project of BigQuery of its own. */
export interface BigqueryShop {
  readonly directory: string
  readonly emulator: BigqueryEmulator
  /** Runs GoogleSQL as somebody who may do everything. */
  owner(...statements: readonly string[]): Promise<void>
  run(): Promise<SandboxRun>
}

/** `more`: further options of the target. */
export async function bigqueryShop(more = ''): Promise<BigqueryShop> {
  const emulator = await startBigquery()
  onTestFinished(() => emulator.close())
  const { project } = emulator.given
  const directory = await shopOn(`{ type: bigquery, project: ${project}, api_endpoint: "${emulator.url}"${more} }`)
  const owner = await connectTo(emulator)
  await loadAll(directory, owner)
  return {
    directory,
    emulator,
    owner: (...statements) => owner.script(statements.map(written)).then(() => undefined),
    run: () => runInSandbox(directory, { warehouses: UNPAUSED }),
  }
}

/** A session that waits for nothing before it asks again. */
export function connectTo({ url, given }: BigqueryEmulator, more: Partial<BigqueryOptions> = {}): Promise<Session> {
  const options = bigquery.options.parse({ project: given.project, api_endpoint: url, ...more })
  return bigquery.connect(options, { directory: '/', mode: 'write' }, async () => undefined)
}

const UNPAUSED = new Map([
  [
    'bigquery',
    {
      ...bigquery,
      connect: ((options, access) =>
        bigquery.connect(options, access, async () => undefined)) satisfies typeof bigquery.connect,
    },
  ],
]) as unknown as Environment['warehouses']
