import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'

export interface HubspotOptions {
  /** A private app's token. */
  readonly token?: string | undefined
  /** An OAuth app, whose access tokens live 30 minutes. */
  readonly oauth?: { readonly clientId: string; readonly clientSecret: string; readonly refreshToken: string }
  /** What the app may do; undefined = everything. */
  readonly scopes?: readonly string[]
  /** Objects by name, with their properties. */
  readonly objects: ReadonlyMap<string, readonly Property[]>
  /** Lists that are there from the start. */
  readonly lists?: readonly {
    readonly id: string
    readonly name: string
    readonly type?: 'DYNAMIC'
    readonly object?: string
  }[]
  /** Calls in 10 s and in a day; default: those of a free account. And in one second, where that is limited too. */
  readonly calls?: { readonly window: number; readonly day: number; readonly second?: number }
  /** What happens to the account at certain times. */
  readonly times?: readonly Time[]
  readonly now: () => Ms
  /** Is this a batch that is lost in silence: a 2xx with neither results nor errors? */
  readonly loses?: (request: Seen) => boolean
  /** What goes wrong inside HubSpot with one record of a batch, known by its properties. */
  readonly stumbles?: (properties: Row) => Stumble | undefined
  /** The largest body that what stands before HubSpot lets through. Default: any. */
  readonly mostBytes?: number
}

/** An error that is of no record's making; unnamed = the answer does not tell which record it struck. */
export interface Stumble {
  readonly category: string
  readonly unnamed?: true
}

/** From then until then, the end not included. */
export interface Time {
  readonly from: Ms
  /** Infinity = nobody can say. */
  readonly until: Ms
  /** Locked: too many write at once. Moving: to another data centre. A status: what stands before HubSpot answers so. */
  readonly what: 'locked' | 'moving' | 429 | 502 | 503 | 504 | 522 | 523 | 524
  /** The wait that is asked for, where it is. */
  readonly asks?: Ms
}

/** A call that was let in. */
export interface Call {
  readonly request: Seen
  readonly body: Json
  readonly rows: Rows
  readonly options: HubspotOptions
}

export interface Property {
  readonly name: string
  readonly unique?: boolean
  readonly readOnly?: boolean
  /** Default: text, which takes everything. */
  readonly type?: 'date' | 'datetime' | 'number' | 'bool'
}

/** What a collection of records is called, before the name of its object. */
export const RECORDS = 'records '

/** What a collection of members is called, before the id of its list. */
export const MEMBERS = 'list '

/** The collections that hold members of lists. */
export function membershipsOf(rows: Rows): readonly string[] {
  return rows.collections().filter((name) => name.startsWith(MEMBERS))
}

/** The id of an object type. */
export function typeIdOf(object: string): string {
  if (object === 'contacts') return '0-1'
  return object === 'companies' ? '0-2' : '2-3453932'
}

/** An error in HubSpot's form. */
export function failed(
  status: number,
  category: string,
  message: string,
  more: Readonly<Record<string, Json>> = {},
): Answer {
  const correlationId = '00000000-0000-0000-0000-000000000000'
  return { status, body: { status: 'error', message, correlationId, category, ...more } }
}

/** The answer of an account that is not as usual at that time. */
export function troubled({ method, path, body }: Seen, options: HubspotOptions): Answer | undefined {
  const { times = [], mostBytes = Number.POSITIVE_INFINITY, now } = options
  if (Buffer.byteLength(body) > mostBytes) return { status: 413, body: '<html><body>Payload too large</body></html>' }
  const time = times.find(({ from, until }) => from <= now() && now() < until)
  const isRead = method === 'GET' || path.endsWith('/batch/read')
  if (time === undefined) return undefined
  switch (time.what) {
    case 'locked':
      if (isRead) return undefined
      return { ...failed(423, 'LOCKED', 'The resource is currently locked.'), ...asking(time.asks) }
    case 'moving': {
      const left = time.until - now()
      const until = Number.isFinite(left) ? left : undefined
      return { ...failed(477, 'MIGRATION_IN_PROGRESS', 'The account is being moved.'), ...asking(until) }
    }
    default:
      return { status: time.what, body: '<html><body>Bad gateway</body></html>', ...asking(time.asks) }
  }
}

function asking(wait: Ms | undefined): Pick<Answer, 'headers'> {
  return wait === undefined ? {} : { headers: { 'retry-after': String(Math.ceil(wait / 1000)) } }
}
