import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ConnectionOptions } from 'snowflake-sdk'
import { type CdpError, failure } from '../error.ts'
import type { SnowflakeOptions } from './snowflake-options.ts'

/** What the driver is told to log in, and what may be said of it. */
export interface Login {
  readonly driver: ConnectionOptions
  /** `SHA256:…` of the public key, as `desc user` shows it. */
  readonly fingerprint: string | undefined
}

/** Where this process looks for what the options leave open. */
export interface Surroundings {
  readonly directory: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The login that options ask for. Throws CdpError `warehouse/connection` of the project where something is missing. */
export async function loginOf(given: SnowflakeOptions, around: Surroundings): Promise<Login> {
  const options = { ...(given.connection === undefined ? {} : await fromFile(given.connection, around)), ...given }
  const { account, user, database } = options
  if (account === undefined || user === undefined || database === undefined)
    throw mistake(`The connection "${given.connection}" of connections.toml says no account, user or database.`)
  const how = options.authenticator ?? likely(options)
  const key = how === 'key_pair' ? privateKey(options, around) : undefined
  return {
    driver: {
      account,
      username: user,
      database,
      ...proof(how, options, key),
      ...(options.role !== undefined && { role: options.role }),
      ...(options.warehouse !== undefined && { warehouse: options.warehouse }),
      ...(options.access_url !== undefined && { accessUrl: options.access_url }),
      application: 'cdp',
      clientSessionKeepAlive: options.keep_alive,
    },
    fingerprint: key && fingerprint(key),
  }
}

type How = NonNullable<SnowflakeOptions['authenticator']>

function likely({ private_key, private_key_path, token, password }: Partial<SnowflakeOptions>): How {
  if (private_key !== undefined || private_key_path !== undefined) return 'key_pair'
  if (token !== undefined) return 'access_token'
  return password === undefined ? 'key_pair' : 'password'
}

function proof(how: How, options: Partial<SnowflakeOptions>, key: KeyObject | undefined): ConnectionOptions {
  const needed = (name: 'token' | 'password'): string => {
    const value = options[name]
    if (value === undefined) throw mistake(`The authenticator "${how}" needs \`${name}:\`.`)
    return value
  }
  switch (how) {
    case 'key_pair':
      return {
        authenticator: 'SNOWFLAKE_JWT',
        privateKey: String(key?.export({ type: 'pkcs8', format: 'pem' })),
      }
    case 'password':
      return { authenticator: 'SNOWFLAKE', password: needed('password') }
    case 'oauth':
      return { authenticator: 'OAUTH', token: needed('token') }
    case 'access_token':
      return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: needed('token') }
    case 'external_browser':
      return { authenticator: 'EXTERNALBROWSER' }
  }
}

function privateKey(options: Partial<SnowflakeOptions>, { directory }: Surroundings): KeyObject {
  const { private_key: text, private_key_path: path, private_key_passphrase: passphrase } = options
  if (text === undefined && path === undefined)
    throw mistake('Nothing proves who the user is.', 'Give `private_key_path:`; or `token:`, or `password:`.')
  const where = text === undefined ? `The private key "${path}"` : 'The private key'
  try {
    const pem = text ?? readFileSync(resolve(directory, (path ?? '').replace(/^~(?=\/)/, homedir())), 'utf8')
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase !== undefined && { passphrase }) })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw mistake(
      `${where} cannot be read: ${words}`,
      'It is a file in PEM; an encrypted one needs `private_key_passphrase:`.',
      error,
    )
  }
}

function fingerprint(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`
}

/** The options of a section of connections.toml. */
async function fromFile(name: string, { env }: Surroundings): Promise<Partial<SnowflakeOptions>> {
  const file = join(env.SNOWFLAKE_HOME ?? join(homedir(), '.snowflake'), 'connections.toml')
  const section = (await sectionsOf(file))[name]
  if (typeof section !== 'object' || section === null)
    throw mistake(`"${file}" has no connection "${name}".`, `Write a section [${name}] there.`)
  const found: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(section)) {
    const known = NAMES.get(key)
    if (known !== undefined) found[known] = known === 'authenticator' ? howOf(String(value), name) : value
  }
  return found
}

function howOf(said: string, name: string): How {
  const how = HOW.get(said.toUpperCase())
  if (how !== undefined) return how
  const fix = `Known are ${[...HOW.keys()].join(', ')}; \`authenticator:\` beside \`connection:\` comes before the file.`
  throw mistake(`The authenticator "${said}" of the connection "${name}" is not supported.`, fix)
}

async function sectionsOf(file: string): Promise<Readonly<Record<string, unknown>>> {
  const { parse } = await import('smol-toml')
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw mistake(`"${file}" cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The names of the file, as Snowflake's own tools write them, and ours. */
const NAMES: ReadonlyMap<string, keyof SnowflakeOptions> = new Map([
  ...(['account', 'user', 'password', 'token', 'role', 'warehouse', 'database', 'authenticator'] as const).map(
    (name) => [name, name] as const,
  ),
  ['private_key_path', 'private_key_path'],
  ['private_key_file', 'private_key_path'],
  ['private_key_raw', 'private_key'],
  ['private_key_passphrase', 'private_key_passphrase'],
  ['private_key_file_pwd', 'private_key_passphrase'],
])

const HOW: ReadonlyMap<string, How> = new Map([
  ['SNOWFLAKE_JWT', 'key_pair'],
  ['SNOWFLAKE', 'password'],
  ['OAUTH', 'oauth'],
  ['PROGRAMMATIC_ACCESS_TOKEN', 'access_token'],
  ['EXTERNALBROWSER', 'external_browser'],
])

function mistake(message: string, fix?: string, cause?: unknown): CdpError {
  return failure('project', 'warehouse/connection', message, fix, cause)
}
