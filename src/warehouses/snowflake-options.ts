import { z } from 'zod'
import { secret } from '../secret.ts'

/** How a user proves who they are, as it is written in YAML. */
export const AUTHENTICATORS = ['key_pair', 'password', 'oauth', 'access_token', 'external_browser'] as const

const shape = z.strictObject({
  connection: z
    .string()
    .min(1)
    .describe('A section of connections.toml, in SNOWFLAKE_HOME or ~/.snowflake; what stands beside it here wins.')
    .optional(),
  account: z.string().min(1).describe('Account identifier: organization-account.').optional(),
  user: z.string().min(1).describe('User that connects.').optional(),
  authenticator: z
    .enum(AUTHENTICATORS)
    .describe('How the user proves who it is. Default: by what is given of private key, token and password.')
    .optional(),
  private_key_path: z.string().min(1).describe('File of the private key (PEM), from the project folder.').optional(),
  private_key: secret('The private key itself (PEM).').optional(),
  private_key_passphrase: secret('What the private key is encrypted with.').optional(),
  token: secret('OAuth token or programmatic access token.').optional(),
  password: secret('Password of the user.').optional(),
  role: z.string().min(1).describe("Role of the session. Default: the user's own.").optional(),
  warehouse: z.string().min(1).describe("Virtual warehouse that computes. Default: the user's own.").optional(),
  database: z.string().min(1).describe('The database that holds the sources, the models and the state.').optional(),
  query_tag: z.string().min(1).max(1000).default('cdp').describe('What every query is tagged with, for the bill.'),
  keep_alive: z.boolean().default(true).describe('Keep sessions open while nothing is asked.'),
  timeout: z.coerce.number().int().min(1).max(604_800).describe('Most seconds that one statement may take.').optional(),
  connections: z.coerce.number().int().min(2).max(50).default(8).describe('Most sessions at once.'),
  blocks: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      '"off": each statement is a request; else those that belong together are one block of Snowflake Scripting.',
    ),
  access_url: z.url().describe('Address of the service where it is not that of the account: a proxy.').optional(),
})

/** The options of a Snowflake warehouse; without `connection` an account, a user and a database must be said. */
export const snowflakeOptions = shape.superRefine((options, context) => {
  if (options.connection !== undefined) return
  for (const name of ['account', 'user', 'database'] as const)
    if (options[name] === undefined)
      context.addIssue({ code: 'invalid_type', expected: 'string', path: [name], input: undefined })
})

export type SnowflakeOptions = z.infer<typeof shape>
