import { tryJson } from '../answer.ts'
import type { Vendor } from '../sandbox/emulator.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Stand } from '../sandbox/stand.ts'
import type { Row } from '../sandbox/store.ts'
import { type Credentials, TOKEN_URL } from './auth.ts'
import { login, overQuota, refusal, type Starts, tokenOf } from './emulator-access.ts'
import { type Call, type GoogleList, type GoogleOptions, RequestError, refusalOf, refused } from './emulator-answers.ts'
import { listRoute } from './emulator-lists.ts'
import { accept, settle, statusOf } from './emulator-requests.ts'

/** A project of Google's Data Manager API: lists that hold exactly the identifiers they were sent, requests that settle later. */
export function googleVendor(options: GoogleOptions): Vendor {
  const starts: Starts = new Map()
  return {
    answer: (request, rows) => {
      if (request.path === '/token') return login(request, options)
      settle(rows, options)
      return (
        refusal(request, options) ??
        overQuota(request, starts, options) ??
        guarded({ request, rows, options, body: tryJson(request.body) ?? {} })
      )
    },
    writes: (request) => request.method === 'POST' && request.path !== '/token',
    contents: (rows) => {
      settle(rows, options)
      return rows
        .collections()
        .filter((name) => name.startsWith('list '))
        .map((place) => ({ place, rows: [...rows.all(place)].map(([, row]) => row.identifier as Row) }))
    },
  }
}

function guarded(call: Call): Answer {
  try {
    return route(call)
  } catch (error) {
    if (error instanceof RequestError) return refusalOf(error)
    throw error
  }
}

function route(call: Call): Answer {
  const { method, path, query } = call.request
  if (method === 'GET' && path === '/v1/requestStatus:retrieve') return statusOf(call, query.get('requestId') ?? '')
  const [, account, list = ''] = /^\/v1\/accountTypes\/\w+\/accounts\/(\d+)\/userLists(?:\/(\d+))?$/.exec(path) ?? []
  if (account !== undefined) return listRoute(call, account, list)
  const [, act] = /^\/v1\/audienceMembers:(ingest|remove|removeAll)$/.exec(path) ?? []
  if (method !== 'POST' || act === undefined) return refused(404, 'NOT_FOUND', 'Method not found.')
  return accept(call, act)
}

/** What stands in for one account. */
export function googleStand(opened: unknown): Stand {
  const account = opened as Opened
  const token = tokenOf(account)
  return {
    identity: `google ${account.operating_account} ${token}`,
    isHost: (url) => url.hostname === 'datamanager.googleapis.com' || url.href.startsWith(TOKEN_URL),
    claims: (request) => request.headers?.authorization?.startsWith(`Bearer ${token}`) === true,
    vendor: (places, now) => {
      const lists = new Map<string, GoogleList>()
      for (const { into, columns } of places) {
        const { list, list_name: name, create } = into as Declared
        const keyType = [...columns.key, ...columns.fields].includes('MOBILE_ID') ? 'MOBILE_ID' : 'CONTACT_ID'
        if (list !== undefined) lists.set(list, { keyType })
        else if (!create && name !== undefined) lists.set(String(7_000_000_001 + lists.size), { name, keyType })
      }
      const { operating_account: operatingAccount, login_account: loginAccount, account_type: accountType } = account
      const more = accountType === undefined ? {} : { accountType }
      return googleVendor({ credentials: account, operatingAccount, loginAccount, lists, now, ...more })
    },
  }
}

interface Opened extends Credentials {
  readonly operating_account: string
  readonly login_account?: string
  readonly account_type?: string
}

interface Declared {
  readonly list?: string
  readonly list_name?: string
  readonly create?: boolean
}
