import { z } from 'zod'
import { secret } from '../../secret.ts'
import { DestinationError } from '../connector.ts'

const options = z.strictObject({
  domain: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'My Domain name, such as "acme" or "acme.my.salesforce.com".' }),
  instance_url: z.string().min(1).optional().meta({ description: 'Whole address of the org, instead of "domain".' }),
  client_id: z.string().min(1).meta({ description: 'Consumer key of the External Client App.' }),
  client_secret: secret('Consumer secret of that app: alone for client credentials, or with a password.').optional(),
  private_key: secret('Private key (PEM) whose certificate the app holds, for the JWT bearer flow.').optional(),
  username: z.string().min(1).optional().meta({ description: 'User to act as, with "private_key" or "password".' }),
  password: secret('Password of that user; the vendor is taking this way to log in out of service.').optional(),
  security_token: secret('Security token of that user, where the org asks for one behind the password.').optional(),
  audience: z.string().min(1).optional().meta({
    description:
      'Whom the JWT is for. Default: https://login.salesforce.com, for a sandbox https://test.salesforce.com.',
  }),
  api_version: z
    .string()
    .regex(/^\d+\.0$/, 'must look like 67.0')
    .default('67.0')
    .meta({ description: 'Version of the REST API.' }),
  daily_calls: z.number().int().positive().optional().meta({
    description: 'API calls that the org allows in 24 hours, for the guard `max_calls`. Default: not known.',
  }),
  max_api_usage: z.number().gt(0).lte(1).default(0.8).meta({
    description: "Share of the org's API calls of 24 hours, used by anybody, at which a run sends no more.",
  }),
})

/** The options of an org, one of three ways to log in among them. */
export const account: z.ZodType<Account> = options
  .refine((one) => (one.domain === undefined) !== (one.instance_url === undefined), {
    message: 'needs either "domain" or "instance_url"',
  })
  .refine((one) => loginsOf(one).length === 1, {
    message:
      'needs exactly one login: "client_secret" (client credentials), "private_key" with "username" (JWT bearer), or "password" with "username" and "client_secret" (legacy)',
  })

export type Account = z.infer<typeof options>

/** How an account logs in. */
export type Login =
  | { readonly kind: 'credentials'; readonly secret: string }
  | { readonly kind: 'jwt'; readonly key: string; readonly username: string }
  | { readonly kind: 'password'; readonly secret: string; readonly username: string; readonly password: string }

type Credentials = Pick<
  Account,
  'client_secret' | 'private_key' | 'username' | 'password' | 'security_token' | 'audience'
>

/** The one way in which the account logs in. Throws DestinationError `config` where it names none or several. */
export function loginOf(one: Credentials): Login {
  const [login, ...more] = loginsOf(one)
  if (login !== undefined && more.length === 0) return login
  throw new DestinationError('config', 'bad_login', 'The account must name exactly one way to log in.')
}

/** Every way that is written in full; what stands beside and belongs to none of them makes it none. */
function loginsOf(one: Credentials): readonly Login[] {
  const { client_secret: secret, private_key: key, username, password, security_token: token } = one
  const belongs = {
    credentials: [username, password, token, key, one.audience],
    jwt: [secret, password, token],
    password: [key, one.audience],
  }
  const alone = (kind: Login['kind']) => belongs[kind].every((other) => other === undefined)
  const logins: Login[] = []
  if (secret !== undefined && alone('credentials')) logins.push({ kind: 'credentials', secret })
  if (key !== undefined && username !== undefined && alone('jwt')) logins.push({ kind: 'jwt', key, username })
  if (secret !== undefined && username !== undefined && password !== undefined && alone('password'))
    logins.push({ kind: 'password', secret, username, password: `${password}${token ?? ''}` })
  return logins
}

/** Texts that no message may show. */
export function secretsOf({ client_secret, private_key, password, security_token }: Credentials): readonly string[] {
  return [client_secret, private_key, password, security_token].filter((one) => one !== undefined)
}

/** The origin of the org, as the account declares it. Throws DestinationError `config`. */
export function homeOf(one: Pick<Account, 'domain' | 'instance_url'>): string {
  const said = one.instance_url ?? one.domain ?? ''
  const host = said.includes('.') ? said : `${said}.my.salesforce.com`
  const url = /^https?:\/\//.test(said) ? said : `https://${host}`
  if (URL.canParse(url)) return new URL(url).origin
  throw new DestinationError('config', 'bad_url', 'Neither "domain" nor "instance_url" names the address of an org.')
}
