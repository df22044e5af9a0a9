import { createHash } from 'node:crypto'
import type { Change, Io, Mode } from '../../src/connectors/connector.ts'
import { metaVendor } from '../../src/connectors/meta/emulator.ts'
import type { MetaAudience, MetaOptions } from '../../src/connectors/meta/emulator-answers.ts'
import { meta } from '../../src/connectors/meta/index.ts'
import { NOW, openBench } from './vendor.ts'

export const ACCOUNT = {
  access_token: 'EAAcanary0meta0token0EAAcanary',
  ad_account: 'act_1001',
  api_version: 'v25.0',
  phone_country: 'FR',
  calls_per_hour: 5_000,
}
export const INTO = {
  audience: '238501',
  create: false,
  customer_file_source: 'USER_PROVIDED_ONLY' as const,
  hashed: [] as string[],
  malformed: 'refuse' as const,
  replace: false,
}
export const SLOT = { run: 'r', window: 0, batch: 0 }
export const LEAVE = { verb: 'remove' }

/** An ad account with one audience. */
export function vendor(more: Partial<MetaOptions> = {}) {
  const audiences = new Map<string, MetaAudience>([['238501', { name: 'Customers' }]])
  return metaVendor({ token: ACCOUNT.access_token, account: '1001', audiences, now: () => NOW, ...more })
}

export const hash = (text: string) => createHash('sha256').update(text).digest('hex')

export interface Opening {
  readonly options?: Partial<MetaOptions>
  readonly into?: Partial<Omit<typeof INTO, 'audience' | 'malformed'>> & {
    readonly audience?: string | undefined
    readonly audience_name?: string
    readonly malformed?: 'refuse' | 'skip'
    readonly limited_data_use?: { country: number; state: number; as: 'columns' | 'payload' }
  }
  readonly account?: Partial<Omit<typeof ACCOUNT, 'phone_country'>> & {
    readonly app_secret?: string
    readonly phone_country?: string | undefined
  }
  readonly columns?: Io['columns']
  readonly mode?: Mode
  /** Somebody listens to notes, so there are some to be asked for. */
  readonly listens?: true
}

/** Rows are known by our own id, and found by address and phone. */
export const PEOPLE: Io['columns'] = { key: ['profile_id'], fields: ['EMAIL', 'PHONE', 'FN'] }

export async function open({ options, into, account, columns = PEOPLE, mode = 'mirror', listens }: Opening = {}) {
  const bench = await openBench(vendor(options), { columns, mode })
  const notes: string[] = []
  const note = listens && { note: (sentence: string) => void notes.push(sentence) }
  const io: Io = { ...bench.io, now: options?.now ?? bench.io.now, ...note }
  const channel = meta.open({ ...ACCOUNT, ...account }, io)
  const place = { ...INTO, ...into }
  const send = (...batch: readonly Change[]) => channel.send(batch, place, SLOT)
  const held = () => {
    const rows = bench.emulator.contents().flatMap((one) => one.rows)
    return rows.flatMap((row) => Object.entries(row).map(([name, value]) => `${name} ${value}`)).sort()
  }
  const lines = () => bench.seen.map((one) => `${one.method} ${one.path}`)
  const bodies = () => bench.seen.map((one) => (one.body === '' ? undefined : JSON.parse(one.body)))
  return { bench, io, channel, place, send, held, lines, bodies, notes }
}

export const idOf = (id: string) => ({ profile_id: id })
export const ids = (...texts: readonly (readonly [string, string])[]) =>
  texts.map(([name, text]) => `${name} ${hash(text)}`).sort()

/** The nth advertising id of a phone. */
export function madid(n: number): string {
  return `00000000-0000-4000-8000-${(n + 1).toString(16).padStart(12, '0')}`
}
