import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { snowflake } from '../../src/warehouses/snowflake.ts'
import { type SnowflakeOptions, snowflakeOptions } from '../../src/warehouses/snowflake-options.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { type SnowflakeEmulator, startSnowflake } from '../emulators/snowflake.ts'
import type { User } from '../emulators/snowflake-account.ts'
import { ADMIN } from '../emulators/snowflake-rights.ts'

/** A key pair, and the private half as a driver is given it. */
export function keyPair(): { readonly publicKey: KeyObject; readonly pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { publicKey, pem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

/** An emulated account with one user who may do everything, and how that user gets in. */
export async function snowflakeAccount(
  users: Readonly<Record<string, User>> = {},
): Promise<{ readonly emulator: SnowflakeEmulator; readonly options: SnowflakeOptions; readonly keyFile: string }> {
  const { publicKey, pem } = keyPair()
  const keyFile = join(await mkdtemp(join(inject('runFolder'), 'key-')), 'key.p8')
  await writeFile(keyFile, pem)
  const emulator = await startSnowflake({
    account: 'acme-test',
    database: 'ANALYTICS',
    users: new Map([['OWNER', { publicKey, roles: [ADMIN], warehouse: 'CDP_XS' }], ...Object.entries(users)]),
    warehouses: new Map([['CDP_XS', {}]]),
    lasts: () => 0,
  })
  const options = snowflakeOptions.parse({
    account: 'acme-test',
    user: 'OWNER',
    private_key: pem,
    database: 'ANALYTICS',
    access_url: emulator.url,
  })
  return { emulator, options, keyFile }
}

/** Opens a session that waits for no clock: `pause` stands for the while between attempts. */
export function connectTo(
  options: SnowflakeOptions,
  pause: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Session> {
  return snowflake.connect(options, { directory: process.cwd(), mode: 'write' }, { logins: 0, pause })
}
