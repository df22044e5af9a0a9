import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CdpError } from '../../src/error.ts'
import { loginOf } from '../../src/warehouses/snowflake-login.ts'
import { snowflakeOptions } from '../../src/warehouses/snowflake-options.ts'
import { emptyFolder } from '../support/cli.ts'

const PASSPHRASE = 'canary-passphrase'
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ENCRYPTED = String(
  privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE }),
)

/** A home with this connections.toml, and a key in it that needs its passphrase. */
async function home(toml: string) {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  await mkdir(join(directory, 'keys'))
  await writeFile(join(directory, 'keys/cdp.p8'), ENCRYPTED)
  await writeFile(join(directory, 'connections.toml'), toml)
  const login = (given: Readonly<Record<string, unknown>>) =>
    loginOf(snowflakeOptions.parse(given), { directory, env: { SNOWFLAKE_HOME: directory } })
  const refusal = async (given: Readonly<Record<string, unknown>>) => {
    const error = await login(given).catch((thrown: unknown) => thrown)
    if (!(error instanceof CdpError)) throw new Error('nothing was refused')
    const [told] = error.diagnostics
    return { who: error.who, message: told?.message.replace(directory, '…'), fix: told?.fix }
  }
  return { login, refusal }
}

const SECTION = `
[cdp]
account = "acme-analytics"
user = "CDP"
authenticator = "SNOWFLAKE_JWT"
private_key_file = "keys/cdp.p8"
private_key_file_pwd = "${PASSPHRASE}"
role = "CDP_ROLE"
warehouse = "CDP_XS"
database = "ANALYTICS"
schema = "PUBLIC"

[person]
account = "acme-analytics"
user = "jane"
database = "ANALYTICS"
authenticator = "externalbrowser"
`

describe('a section of connections.toml', () => {
  test('says who logs in and by which key, which its passphrase opens', async () => {
    const { login } = await home(SECTION)
    const { driver, fingerprint } = await login({ connection: 'cdp' })
    expect(driver).toMatchObject({
      account: 'acme-analytics',
      username: 'CDP',
      database: 'ANALYTICS',
      role: 'CDP_ROLE',
      warehouse: 'CDP_XS',
      authenticator: 'SNOWFLAKE_JWT',
    })
    const given = createPublicKey(createPrivateKey(String(driver.privateKey)))
    expect(given.export({ type: 'spki', format: 'pem' })).toBe(publicKey.export({ type: 'spki', format: 'pem' }))
    expect(fingerprint).toMatch(/^SHA256:/)
    expect((await login({ connection: 'person' })).driver).toMatchObject({ authenticator: 'EXTERNALBROWSER' })
  })

  test('gives way to what stands beside it', async () => {
    const { login } = await home(SECTION)
    const { driver } = await login({ connection: 'cdp', role: 'OTHER', authenticator: 'access_token', token: 'pat-1' })
    expect(driver).toMatchObject({ role: 'OTHER', authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat-1' })
  })

  test.each<[string, string, Readonly<Record<string, unknown>>, string]>([
    ['is not there', SECTION, { connection: 'prod' }, '"…/connections.toml" has no connection "prod".'],
    ['cannot be read', '[cdp', { connection: 'cdp' }, '"…/connections.toml" cannot be read: '],
    ['says too little', '[cdp]\naccount = "a"', { connection: 'cdp' }, 'says no account, user or database.'],
    [
      'wants a proof that is not supported',
      SECTION.replace('SNOWFLAKE_JWT', 'username_password_mfa'),
      { connection: 'cdp' },
      'The authenticator "username_password_mfa" of the connection "cdp" is not supported.',
    ],
    [
      'has the wrong passphrase',
      SECTION.replace(`pwd = "${PASSPHRASE}"`, 'pwd = "canary-wrong"'),
      { connection: 'cdp' },
      'The private key "keys/cdp.p8" cannot be read: ',
    ],
    [
      'has no passphrase',
      SECTION.replace(`private_key_file_pwd = "${PASSPHRASE}"`, ''),
      { connection: 'cdp' },
      'The private key "keys/cdp.p8" cannot be read: ',
    ],
  ])('that %s is a mistake of the project, told without a secret', async (_, toml, given, message) => {
    const { refusal } = await home(toml)
    const told = await refusal(given)
    expect(told.who).toBe('project')
    expect(told.message).toContain(message)
    expect(JSON.stringify(told)).not.toContain('canary')
  })
})

describe('without a file', () => {
  const WHO = { account: 'acme', user: 'CDP', database: 'ANALYTICS' }
  test.each([
    [{ token: 'pat-1' }, { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat-1' }],
    [{ password: 'word' }, { authenticator: 'SNOWFLAKE', password: 'word' }],
    [
      { authenticator: 'oauth', token: 'o-1' },
      { authenticator: 'OAUTH', token: 'o-1' },
    ],
    [{ private_key: ENCRYPTED, private_key_passphrase: PASSPHRASE }, { authenticator: 'SNOWFLAKE_JWT' }],
  ])('the proof is the one that is given: %j', async (given, expected) => {
    const { login } = await home('')
    expect((await login({ ...WHO, ...given })).driver).toMatchObject(expected)
  })

  test('nothing given is a mistake that says what could be', async () => {
    const { refusal } = await home('')
    expect(await refusal(WHO)).toMatchObject({
      who: 'project',
      message: 'Nothing proves who the user is.',
      fix: 'Give `private_key_path:`; or `token:`, or `password:`.',
    })
  })
})
