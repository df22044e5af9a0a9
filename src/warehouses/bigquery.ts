import { isAbsolute, join } from 'node:path'
import type { BigQuery, BigQueryOptions } from '@google-cloud/bigquery'
import { z } from 'zod'
import { failure } from '../error.ts'
import { bigqueryDialect } from './bigquery-dialect.ts'
import { fixOf, saidBy } from './bigquery-error.ts'
import { bigqueryGrants } from './bigquery-grants.ts'
import { Jobs, labelOf } from './bigquery-job.ts'
import { BigquerySession } from './bigquery-session.ts'
import type { Pause } from './pause.ts'
import type { Access, Session, Warehouse } from './warehouse.ts'

const options = z.strictObject({
  project: z.string().min(1).describe('The project that holds the datasets and pays for the jobs.'),
  location: z
    .string()
    .min(1)
    .optional()
    .describe('Where the datasets are, such as "EU"; default: where the service finds them.'),
  key_file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Key of a service account, a JSON file, from the project folder; default: application default credentials.',
    ),
  api_endpoint: z
    .url()
    .optional()
    .describe('Another address of the service, such as that of an emulator: it is sent no credentials.'),
  maximum_bytes_billed: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .describe('A statement that would be billed for more bytes fails before it costs anything.'),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().regex(/^[a-z0-9_-]{0,63}$/))
    .optional()
    .describe('Labels of every job, beside "tool" and "step"; they are shown on the bill.'),
  job_timeout: z.coerce.number().int().positive().optional().describe('Most seconds that one job may take.'),
})

export type BigqueryOptions = z.infer<typeof options>

/** BigQuery. The client is loaded by the first `connect`; it is not installed with the tool. */
export const bigquery: Warehouse<BigqueryOptions> & {
  connect(options: BigqueryOptions, access: Access, pause?: Pause): Promise<Session>
} = {
  type: 'bigquery',
  options,
  dialect: bigqueryDialect,
  grants: (wanted) => bigqueryGrants(wanted, bigqueryDialect),
  isOwnDatabase: ({ project }, name) => project === name,
  async connect(given: BigqueryOptions, access: Access, pause?: Pause) {
    const settings = {
      location: given.location,
      labels: { ...given.labels, tool: labelOf('cdp') },
      maximumBytesBilled: given.maximum_bytes_billed === undefined ? undefined : String(given.maximum_bytes_billed),
      jobTimeoutMs: given.job_timeout === undefined ? undefined : String(given.job_timeout * 1_000),
    }
    const client = await open(given, access)
    await check(new Jobs(client, settings), given)
    return new BigquerySession(client, settings, pause)
  },
}

async function open(given: BigqueryOptions, { directory }: Access): Promise<BigQuery> {
  const driver = await import('@google-cloud/bigquery').catch((error: unknown) => {
    throw failure(
      'project',
      'warehouse/connection',
      'The client of BigQuery, "@google-cloud/bigquery", is not installed.',
      'Run: npm install @google-cloud/bigquery@8',
      error,
    )
  })
  const { key_file: key, api_endpoint: apiEndpoint, location, project: projectId } = given
  // Of an address of one's own the client asks for no credentials, but looks for the machine's.
  const nobody = apiEndpoint === undefined || key !== undefined ? undefined : await import('google-auth-library')
  const known: BigQueryOptions = {
    projectId,
    ...(nobody && { authClient: new nobody.PassThroughClient() }),
    ...(location && { location }),
    ...(key && { keyFilename: isAbsolute(key) ? key : join(directory, key) }),
    ...(apiEndpoint && { apiEndpoint }),
  }
  return new driver.BigQuery(known)
}

/** Is the project there, and may the account run jobs in it? Nothing is read, and nothing is billed. */
async function check(jobs: Jobs, { project }: BigqueryOptions): Promise<void> {
  await jobs.dry({ query: 'select 1' }).catch((error: unknown) => {
    const { message } = saidBy(error)
    throw failure(
      'warehouse',
      'warehouse/connection',
      `The project "${project}" cannot be used: ${message}`,
      fixOf(error),
      error,
    )
  })
}
