import { createHash, generateKeyPairSync } from 'node:crypto'
import type { Change, Io, Mode, Receipt } from '../../src/connectors/connector.ts'
import { googleVendor } from '../../src/connectors/google/emulator.ts'
import type { GoogleOptions } from '../../src/connectors/google/emulator-answers.ts'
import { google } from '../../src/connectors/google/index.ts'
import { NOW, openBench } from './vendor.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
export const KEY = JSON.stringify({
  client_email: 'cdp@acme.iam.gserviceaccount.com',
  private_key_id: 'k1',
  private_key: PEM,
})
export const ACCOUNT = {
  service_account: KEY,
  operating_account: '444-555-6666',
  login_account: '111-222-3333',
  account_type: 'GOOGLE_ADS' as const,
  phone_country: 'FR',
}
export const INTO = {
  list: '7090784486',
  create: false,
  consent: {},
  hashed: [] as string[],
  malformed: 'refuse' as const,
  replace: false,
}
export const SLOT = { run: 'r', window: 0, batch: 0 }
export const INGEST = 'POST /v1/audienceMembers:ingest'
export const REMOVE = 'POST /v1/audienceMembers:remove'

/** An account with one list. */
export function vendor(more: Partial<GoogleOptions> = {}) {
  return googleVendor({
    credentials: ACCOUNT,
    operatingAccount: ACCOUNT.operating_account,
    loginAccount: ACCOUNT.login_account,
    lists: new Map([[INTO.list, {}]]),
    now: () => NOW,
    ...more,
  })
}

export const hash = (text: string) => createHash('sha256').update(text).digest('hex')

export interface Opening {
  readonly options?: Partial<GoogleOptions>
  readonly into?: Partial<Omit<typeof INTO, 'malformed' | 'consent' | 'list'>> & {
    readonly list?: string | undefined
    readonly list_name?: string
    readonly description?: string
    readonly membership_days?: number
    readonly mobile_app?: { readonly id: string; readonly system: 'ios' | 'android' }
    readonly consent?: {
      readonly ad_user_data?: 'granted' | 'denied'
      readonly ad_personalization?: 'granted' | 'denied'
    }
    readonly malformed?: 'refuse' | 'skip'
    readonly terms?: 'accepted'
  }
  readonly account?: object
  readonly columns?: Io['columns']
  readonly mode?: Mode
}

export const PEOPLE: Io['columns'] = { key: ['profile_id'], fields: ['EMAIL', 'PHONE', 'AD_USER_DATA'] }

export async function open({ options, into, account, columns = PEOPLE, mode = 'mirror' }: Opening = {}) {
  const bench = await openBench(vendor(options), { columns, mode })
  const notes: string[] = []
  const note = (sentence: string) => void notes.push(sentence)
  const io: Io = { ...bench.io, now: options?.now ?? bench.io.now, note }
  const channel = google.open({ ...ACCOUNT, ...account }, io)
  const place = { ...INTO, ...into }
  const send = (...batch: readonly Change[]) => channel.send(batch, place, SLOT)
  const held = () => {
    const rows = bench.emulator.contents().flatMap((one) => one.rows)
    return rows.map((row) => JSON.stringify(row)).sort()
  }
  const asked = () => bench.seen.filter((one) => one.path !== '/token')
  const lines = () => asked().map((one) => `${one.method} ${one.path}`)
  const bodies = () => asked().map((one) => (one.body === '' ? undefined : JSON.parse(one.body)))
  return { bench, io, channel, place, send, held, lines, bodies, notes }
}

export const idOf = (id: string) => ({ profile_id: id })
export const emails = (...texts: readonly string[]) =>
  texts.map((text) => JSON.stringify({ emailAddress: hash(text) })).sort()

/** The job of somebody who was accepted. */
export function jobOf(receipt: Receipt | undefined): string {
  if (receipt?.outcome !== 'accepted') throw new Error(`not accepted but ${JSON.stringify(receipt)}`)
  return receipt.job
}
