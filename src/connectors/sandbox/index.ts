import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DestinationError, type HttpRequest } from '../connector.ts'
import { openFiles } from '../files.ts'
import { createFetch } from '../http.ts'
import { homeOf, type OrgAccount } from '../salesforce-org.ts'
import { type Emulator, openEmulator, type Vendor } from './emulator.ts'
import { folderContents } from './folder.ts'
import { mailchimpVendor } from './mailchimp.ts'
import { salesforceVendor } from './salesforce.ts'
import type { Sandbox, SandboxDestination, SandboxOptions } from './sandbox.ts'
import { webhookVendor } from './webhook.ts'

/** Starts the emulators that the destinations need. Destinations that share an account share its emulator. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const fresh = await enter(options.directory)
  for (const destination of options.destinations) await follow(options.directory, destination)
  const opened = await openAll(options)
  const http = createFetch()
  const filesRoot = (destination: string) => join(options.directory, 'files', destination)
  return {
    fresh,
    fetch: async (request, { signal }) => http(mapped(request, opened), { allowPrivate: true, signal }),
    files: (destination) => openFiles(filesRoot(destination)),
    contents: async () => {
      const all = []
      for (const { name } of options.destinations) {
        const emulator = opened.find((one) => one.destinations.includes(name))?.emulator
        all.push({ destination: name, holdings: emulator?.contents() ?? (await folderContents(filesRoot(name))) })
      }
      return all
    },
    counters: () =>
      new Map(opened.flatMap((one) => one.destinations.map((name) => [name, one.emulator.counters()] as const))),
    accept: () => writeFile(join(options.directory, MARK), '{"version":1}\n'),
    reset: async () => {
      for (const { emulator } of opened) await emulator.reset()
      await rm(join(options.directory, 'files'), { recursive: true, force: true })
    },
    close: async () => {
      await http.close()
      for (const { emulator } of opened) await emulator.close()
    },
  }
}

const MARK = 'sandbox.json'

/** Makes the folder and tells whether it was new. The mark is what says so, for journals may be empty. */
async function enter(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true })
  const names = await readdir(directory)
  if (names.includes(MARK)) return false
  // Journals without the mark were left by a sandbox that was half deleted, or that no ledger was ever matched with.
  for (const name of names.filter((one) => one.endsWith('.ndjson'))) await rm(join(directory, name))
  await rm(join(directory, 'files'), { recursive: true, force: true })
  return true
}

/** What is remembered of a destination under its former name is that of the new one, unless that has something already. */
async function follow(directory: string, { name, was }: SandboxDestination): Promise<void> {
  if (was === undefined) return
  const places = [
    [`${was}.ndjson`, `${name}.ndjson`],
    [join('files', was), join('files', name)],
  ] as const
  for (const [before, now] of places)
    if (existsSync(join(directory, before)) && !existsSync(join(directory, now)))
      await rename(join(directory, before), join(directory, now))
}

/** One account at one vendor. */
interface Opened {
  readonly destinations: readonly string[]
  readonly stand: Stand
  readonly emulator: Emulator
}

/** How requests for one account are known, and what answers them. */
interface Stand {
  /** Equal for destinations that share an account. */
  readonly identity: string
  isHost(url: URL): boolean
  /** Of several accounts at one host: does the request belong to this one? */
  claims(request: HttpRequest, url: URL): boolean
  vendor(places: readonly SandboxDestination['places'][number][]): Vendor
}

async function openAll(options: SandboxOptions): Promise<readonly Opened[]> {
  const stands = new Map<string, { stand: Stand; of: SandboxDestination[] }>()
  for (const destination of options.destinations) {
    const stand = STANDS[destination.type]?.(destination.account)
    if (!stand) continue
    const shared = stands.get(stand.identity) ?? { stand, of: [] }
    stands.set(stand.identity, shared)
    shared.of.push(destination)
  }
  return Promise.all(
    [...stands.values()].map(async ({ stand, of }) => {
      const name = of[0]?.name ?? ''
      const emulator = await openEmulator(stand.vendor(of.flatMap((one) => one.places)), {
        journal: join(options.directory, `${name}.ndjson`),
        fault: (request) => options.fault?.(name, request),
        observe: (point, request) => options.observe?.(name, point, request),
      })
      return { destinations: of.map((one) => one.name), stand, emulator }
    }),
  )
}

function mapped(request: HttpRequest, opened: readonly Opened[]): HttpRequest {
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined
  const here = url === undefined ? [] : opened.filter(({ stand }) => stand.isHost(url))
  const chosen = url && (here.find(({ stand }) => stand.claims(request, url)) ?? here[0])
  if (!url || !chosen)
    throw new DestinationError(
      'config',
      'not_emulated',
      `The sandbox has no stand-in for the host "${url?.host ?? ''}".`,
    )
  return { ...request, url: `${chosen.emulator.origin}${url.pathname}${url.search}` }
}

const STANDS: Readonly<Record<string, (account: unknown) => Stand>> = {
  mailchimp: mailchimpStand,
  salesforce: salesforceStand,
  webhook: webhookStand,
}

function mailchimpStand(opened: unknown): Stand {
  const account = opened as { readonly api_key: string }
  return {
    identity: `mailchimp ${account.api_key}`,
    isHost: (url) => url.hostname.endsWith('.api.mailchimp.com'),
    claims: (request) => request.headers?.authorization === `Bearer ${account.api_key}`,
    vendor: (places) => {
      const lists = new Map<string, { tag: string }[]>()
      for (const { into, columns } of places) {
        const { list } = into as { readonly list: string }
        const fields = lists.get(list) ?? []
        lists.set(list, [...fields, ...columns.fields.map((tag) => ({ tag }))])
      }
      return mailchimpVendor({ apiKey: account.api_key, lists })
    },
  }
}

function salesforceStand(opened: unknown): Stand {
  const account = opened as OrgAccount
  const origin = homeOf(account)
  return {
    identity: `salesforce ${origin}`,
    isHost: (url) => url.origin === origin,
    claims: (_, url) => url.pathname.startsWith('/services/'),
    vendor: (places) => {
      const fields = new Map<string, string[]>()
      for (const { into, columns } of places) {
        const { object } = into as { readonly object: string }
        fields.set(object, [...(fields.get(object) ?? []), ...columns.key, ...columns.fields])
      }
      return salesforceVendor({ origin, clientId: account.client_id, clientSecret: account.client_secret, fields })
    },
  }
}

interface WebhookAccount {
  readonly url: string
  readonly method: string
  readonly secret?: string
}

function webhookStand(opened: unknown): Stand {
  const account = opened as WebhookAccount
  const declared = URL.canParse(account.url) ? new URL(account.url) : undefined
  return {
    identity: `webhook ${account.method} ${account.url}`,
    isHost: (url) => url.origin === declared?.origin,
    claims: (request, url) => request.method === account.method && url.pathname === declared?.pathname,
    vendor: () =>
      webhookVendor({
        path: decodeURIComponent(declared?.pathname ?? '/'),
        method: account.method,
        secret: account.secret,
      }),
  }
}
