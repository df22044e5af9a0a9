import { tryJson } from '../answer.ts'
import type { Ms } from '../connector.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import { refusal, usedUp } from './emulator-access.ts'
import { accountRoute } from './emulator-account.ts'
import { type Call, failed, type MetaAudience, type MetaOptions, missing } from './emulator-answers.ts'
import { audienceRoute, endSessions, find } from './emulator-audience.ts'
import { PayloadError } from './emulator-users.ts'

const HOUR: Ms = 3_600_000

/**
 * A Meta ad account: audiences that hold exactly the hashes they were sent, sessions of replacements, rolling quotas, and
 * the errors that follow from its state.
 */
export function metaVendor(options: MetaOptions): Vendor {
  const starts: Ms[] = []
  return {
    answer: (request, rows) => {
      const { now } = options
      endSessions(rows, now())
      const refused = refusal(request, options)
      if (refused) return refused
      while (starts[0] !== undefined && starts[0] <= now() - HOUR) starts.shift()
      const over = usedUp(starts.length, options)
      if (over === undefined) starts.push(now())
      const answer = over ?? guarded({ request, rows, options, body: tryJson(request.body) ?? {} })
      const regain = over === undefined ? 0 : Math.ceil(((starts[0] ?? 0) + HOUR - now()) / 60_000)
      const headers = { 'x-business-use-case-usage': usage(starts.length, options.callsPerHour, regain) }
      return { ...answer, headers }
    },
    writes: (request) => request.method !== 'GET',
    contents: (rows) =>
      rows
        .collections()
        .filter((name) => name.startsWith('users '))
        .map((name) => ({
          place: name.replace('users', 'audience'),
          rows: [...rows.all(name)].map(([, row]) => row),
        })),
  }
}

function usage(used: number, most = 190_000, regain: number): string {
  const counts = { call_count: Math.min(100, Math.floor((used / most) * 100)), total_cputime: 1, total_time: 1 }
  return JSON.stringify({ '901': [{ type: 'custom_audience', ...counts, estimated_time_to_regain_access: regain }] })
}

function guarded(call: Call): Answer {
  try {
    return route(call)
  } catch (error) {
    if (error instanceof PayloadError) return failed(error.code, `(#${error.code}) ${error.message}`)
    throw error
  }
}

function route(call: Call): Answer {
  const [, node = '', edge = ''] = /^\/v\d+\.\d+\/(act_\d+|\d+)(\/.*)?$/.exec(call.request.path) ?? []
  if (node.startsWith('act_')) return node === `act_${call.options.account}` ? accountRoute(call, edge) : missing(node)
  const audience = find(call, node)
  return audience === undefined ? missing(node) : audienceRoute(call, { id: node, edge, audience })
}

/** What stands in for one ad account. */
export function metaStand(opened: unknown): Stand {
  const account = opened as { readonly access_token: string; readonly ad_account: string; readonly app_secret?: string }
  const digits = account.ad_account.replace(/^act_/, '')
  return {
    identity: `meta ${digits} ${account.access_token}`,
    isHost: (url) => url.hostname === 'graph.facebook.com',
    claims: (request) => request.headers?.authorization === `Bearer ${account.access_token}`,
    vendor: (places, now) => {
      const audiences = new Map<string, MetaAudience>()
      for (const { into, columns } of places) {
        const { audience, audience_name, create } = into as Declared
        const valueBased = columns.fields.includes('LOOKALIKE_VALUE')
        if (audience !== undefined) audiences.set(audience, { name: `Audience ${audience}`, valueBased })
        else if (!create) audiences.set(String(70_000 + audiences.size), { name: audience_name ?? '', valueBased })
      }
      return metaVendor({ token: account.access_token, appSecret: account.app_secret, account: digits, audiences, now })
    },
  }
}

interface Declared {
  readonly audience?: string
  readonly audience_name?: string
  readonly create?: boolean
}
