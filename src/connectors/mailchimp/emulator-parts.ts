import { createHash } from 'node:crypto'
import { listOf, member } from '../answer.ts'
import type { Json, Ms } from '../connector.ts'
import type { Answer, Seen } from '../sandbox/sandbox.ts'
import type { Row, Rows } from '../sandbox/store.ts'

export interface MailchimpOptions {
  /** The API key or OAuth token that is good. */
  readonly apiKey: string
  /** Audiences by id, with their merge fields. */
  readonly lists: ReadonlyMap<string, readonly MergeField[]>
  /** Names of static segments that every audience has. */
  readonly segments?: readonly string[]
  /** Interests of every audience by id, all in one group. */
  readonly interests?: Readonly<Record<string, string>>
  /** Marketing permissions of every audience by id. */
  readonly permissions?: Readonly<Record<string, string>>
  /** What the user of the key is in the account; default: the owner. */
  readonly role?: 'owner' | 'admin' | 'manager' | 'author' | 'viewer'
  /** The account was closed, or is looked into; or what is broken at Mailchimp. */
  readonly trouble?: 'disabled' | 'restricted' | 'down' | 'maintenance' | 'gateway'
  /** Merge fields that an audience may have. Default: 80. */
  readonly mostFields?: number
  /** Requests of one second by `now` after which none is let in, and no reason given. Default: any number. */
  readonly mostASecond?: number
  readonly now?: () => Ms
  /** Contacts that a request may change before its time is up, though the work is done. Default: any number. */
  readonly patience?: number
  /** Audiences of the account that one address may join. Default: any number. */
  readonly mostAudiences?: number
  /** Contacts of whom the answer to a batch says nothing, by lower-cased address. */
  readonly leavesOut?: ReadonlySet<string>
}

export interface MergeField {
  readonly tag: string
  readonly required?: boolean
  /** Default: any text or number. */
  readonly type?: string
  /** Of a radio or dropdown. */
  readonly choices?: readonly string[]
  /** Of a phone. */
  readonly phoneFormat?: 'US' | 'International'
}

export interface Call {
  readonly request: Seen
  readonly body: Json
  readonly rows: Rows
  readonly options: MailchimpOptions
}

/** A call about one audience that exists. */
export interface ListCall extends Call {
  readonly list: string
  readonly known: readonly MergeField[]
}

export const MOST_PAGE = 1_000

/** The items of one page: `count` (10 unless told, at most 1,000) from `offset` on; undefined = they are wrong. */
export function pageOf<T>(request: Seen, all: readonly T[]): readonly T[] | undefined {
  const count = Number(request.query.get('count') ?? 10)
  const offset = Number(request.query.get('offset') ?? 0)
  return count <= MOST_PAGE && offset >= 0 ? all.slice(offset, offset + count) : undefined
}

export function listKey(list: string): string {
  return `list ${list}`
}

export function hashOf(email: string): string {
  return createHash('md5').update(email.toLowerCase()).digest('hex')
}

export function presentOf({ rows, list }: ListCall, hash: string): Row | undefined {
  const row = rows.get(listKey(list), hash)
  return row?.status === 'archived' ? undefined : row
}

/** The number of a tag, which is a static segment of that name. */
export function segmentId(name: string): number {
  return Number.parseInt(hashOf(name).slice(0, 7), 16)
}

/** A contact as most answers show it. */
export function shown(row: Row, hash: string, list: string): Json {
  const tags = listOf(row, 'tags').map((name) => ({ id: segmentId(String(name)), name }))
  return { id: hash, email_address: row.email_address ?? '', status: row.status ?? '', list_id: list, tags }
}

/** A contact as a look-up shows it: with every merge field of the audience, empty text for those without a value. */
export function whole(row: Row, hash: string, { list, known, options }: ListCall): Json {
  const values = (row.merge_fields ?? {}) as Row
  const fields = Object.fromEntries(known.map(({ tag }) => [tag, values[tag] ?? '']))
  const interests = Object.fromEntries(
    Object.keys(options.interests ?? {}).map((id) => [id, member(row.interests, id) ?? false]),
  )
  const permissions = Object.entries(options.permissions ?? {}).map(([id, text]) => ({
    marketing_permission_id: id,
    text,
    enabled: member(row.permissions, id) ?? false,
  }))
  return {
    ...(shown(row, hash, list) as Row),
    ...((row.contact ?? {}) as Row),
    merge_fields: fields,
    interests,
    marketing_permissions: permissions,
  }
}

export function notFound(): Answer {
  return problem(404, 'Resource Not Found', 'The requested resource could not be found.')
}

export function notAllowed(detail = 'The requested method and resource are not compatible.'): Answer {
  return problem(405, 'Method Not Allowed', detail)
}

export function invalid(detail: string, field?: string, message = ''): Answer {
  return problem(400, 'Invalid Resource', detail, field === undefined ? [] : [{ field, message }])
}

export function problem(status: number, title: string, detail: string, errors: readonly Json[] = []): Answer {
  const type = 'https://mailchimp.com/developer/marketing/docs/errors/'
  return { status, body: { type, title, status, detail, instance: '00000000-0000-0000-0000-000000000000', errors } }
}
