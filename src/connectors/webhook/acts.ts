import { type Body, readBody } from '../body.ts'
import { type Change, DestinationError, type HttpRequest, type Io } from '../connector.ts'
import type { Account, Statuses } from './options.ts'
import { type Address, readAddress } from './url.ts'

/** How rows of one kind are sent. */
export interface Sending {
  readonly method: HttpRequest['method']
  readonly address: Address
  /** Undefined = no body. */
  readonly body: Body | undefined
  /** One row a request: the templates see it without a list, too. */
  readonly isOfRow: boolean
  readonly okOn: Statuses
}

type Op = Change['op']

/** The most rows of a request of that kind. */
export function rowsOf(account: Account, op: Op): number {
  const act = account[op]
  return namesRow(act?.url ?? account.url) ? 1 : (act?.batch ?? account.batch)
}

/** Do new rows go another way than known ones? Then they do not share a request. */
export function isApart(account: Account): boolean {
  return account.create !== undefined || account.update !== undefined
}

/** Reads templates and addresses of one kind. Throws DestinationError `config`. */
export async function readSending(account: Account, op: Op, io: Pick<Io, 'columns'>): Promise<Sending> {
  const act = account[op]
  const method = act?.method ?? account.method
  const template = act?.body ?? (method === 'DELETE' ? undefined : account.body)
  const written = act?.url ?? account.url
  const address = readAddress(written, io.columns)
  if (originOf(written) !== originOf(account.url))
    throw new DestinationError('config', 'other_host', `The address of "${op}" is at another host than "url".`)
  const isPlain = template === undefined
  return {
    method,
    address,
    body: isPlain ? (method === 'DELETE' ? undefined : plainBody) : await readBody(template, contentTypeOf(account)),
    isOfRow: rowsOf(account, op) === 1,
    okOn: act?.ok_on ?? account.ok_on ?? [],
  }
}

/** What we send where no template says otherwise. */
const plainBody: Body = ({ sync = '', changes = [] }) => JSON.stringify({ sync, changes })

/** The media type of the bodies. */
export function contentTypeOf({ headers = {} }: Pick<Account, 'headers'>): string {
  const given = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')
  return given?.[1] ?? 'application/json'
}

/** The origin of an address, its template's holes left out; the address itself where it is none. */
export function originOf(url: string): string {
  const plain = url.replace(/\{\{.*?\}\}/g, 'x')
  return URL.canParse(plain) ? new URL(plain).origin : url
}

function namesRow(url: string): boolean {
  return /\{\{\s*(key|id|fields)\b/.test(url)
}
