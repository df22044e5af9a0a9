import { listOf, member, notOfRows, textOf } from '../answer.ts'
import { DestinationError, type Io, type Json } from '../connector.ts'
import { notApplied } from '../token.ts'
import type { Graph } from './graph.ts'
import { VALUE } from './users.ts'

/** The place of a sync: an audience by its id, or by a name that the account gives to one audience only. */
export interface Place {
  readonly audience?: string | undefined
  readonly audience_name?: string | undefined
  readonly create: boolean
  readonly description?: string | undefined
  readonly customer_file_source: string
}

type Columns = Io['columns']

/** The id of the audience, once found or made; a failure is not remembered. */
export function audienceOf(graph: Graph, io: Pick<Io, 'columns'>): (into: Place) => Promise<string> {
  let known: Promise<string> | undefined
  return (into) => {
    if (into.audience !== undefined) return Promise.resolve(into.audience)
    known ??= found(graph, into, io).catch((error: unknown) => {
      known = undefined
      return notApplied(notOfRows(error))
    })
    return known
  }
}

async function found(graph: Graph, into: Place, io: Pick<Io, 'columns'>): Promise<string> {
  const id = await named(graph, into)
  if (id !== undefined) return id
  if (!into.create) throw noAudience(into)
  const { audience_name: name = '', description = '', customer_file_source } = into
  const valued = io.columns.fields.includes(VALUE) ? { is_value_based: true } : {}
  const made = await graph.write('POST', `/${graph.account}/customaudiences`, {
    name,
    subtype: 'CUSTOM',
    description,
    customer_file_source,
    ...valued,
  })
  return textOf(made, 'id')
}

/** The id of the audience of that name; undefined where there is none. Two of one name are an error. */
async function named(graph: Graph, into: Place): Promise<string | undefined> {
  const ids: string[] = []
  let after: string | undefined
  do {
    const cursor = after === undefined ? {} : { after }
    // More than twenty at a time may be more than Meta answers (code 1), its page says.
    const query = { fields: 'id,name,subtype', limit: '20', ...cursor }
    const page = await graph.read(`/${graph.account}/customaudiences`, query)
    for (const one of listOf(page, 'data')) if (textOf(one, 'name') === into.audience_name) ids.push(textOf(one, 'id'))
    const paging = member(page, 'paging')
    after = textOf(paging, 'next') === '' ? undefined : textOf(member(paging, 'cursors'), 'after')
  } while (after !== undefined && after !== '')
  if (ids.length > 1)
    throw new DestinationError('config', 'same_name', `${ids.length} audiences have the name "${into.audience_name}".`)
  return ids[0]
}

function noAudience(into: Place): DestinationError {
  const named = into.audience === undefined ? `of the name "${into.audience_name}"` : `with the id "${into.audience}"`
  return new DestinationError(
    'config',
    'no_audience',
    `The ad account has no audience ${named} that the token may see.`,
  )
}

/** Looks at account and audience; changes nothing. Throws what would keep people from being added. */
export async function checkAudience(graph: Graph, into: Place, io: Pick<Io, 'columns' | 'note'>): Promise<void> {
  const account = await graph.read(`/${graph.account}`, { fields: 'id,account_status,tos_accepted' })
  judgeAccount(account, io)
  const id = into.audience ?? (await named(graph, into))
  if (id === undefined && into.create) return
  if (id === undefined) throw noAudience(into)
  const audience = await lookAt(graph, id, into)
  judge(audience, io.columns, into)
  tellAll(audience, io)
}

/** https://developers.facebook.com/docs/marketing-api/reference/ad-account#fields: 1 is active. */
const CLOSED = new Map<Json | undefined, string>([
  [2, 'disabled'],
  [101, 'closed'],
])

function judgeAccount(account: Json, { note }: Pick<Io, 'note'>): void {
  const status = member(account, 'account_status')
  const closed = CLOSED.get(status)
  if (closed !== undefined)
    throw new DestinationError(
      'config',
      'account_closed',
      `The ad account is ${closed}; see Account quality in Business settings.`,
    )
  if (typeof status === 'number' && status !== 1)
    note?.(`The ad account is not active (status ${status}): people are added, but no ads may run.`)
  if (member(member(account, 'tos_accepted'), 'custom_audience_tos') === 0)
    throw new DestinationError(
      'config',
      'terms',
      'The custom audience terms have not been accepted for the ad account; open Audiences in Ads Manager and accept them.',
    )
}

const STATE = 'id,name,subtype,is_value_based,operation_status,delivery_status'

/**
 * Tells once what Meta says of an audience, after people were added. Nothing of it is about a row, so nothing is thrown;
 * where nobody listens nothing is asked.
 */
export function tellState(graph: Graph, io: Pick<Io, 'note'>): (id: string) => Promise<void> {
  let told = io.note === undefined
  return async (id) => {
    if (told) return
    told = true
    const audience = await graph.read(`/${id}`, { fields: STATE }).catch(() => null)
    tellAll(audience, io)
  }
}

/** By `operation_status` and `delivery_status`; what is usual says nothing. */
const SAID = new Map<Json | undefined, string>([
  [411, 'Meta finds few of the people of the audience among those whom it knows.'],
  [412, 'Meta counts many of the people of the audience as invalid.'],
  [500, 'Meta reports an error of the audience; see Audience Manager.'],
])
const TOO_SMALL = 300

function tellAll(audience: Json, { note }: Pick<Io, 'note'>): void {
  const said = SAID.get(member(member(audience, 'operation_status'), 'code'))
  if (said !== undefined) note?.(said)
  if (member(member(audience, 'delivery_status'), 'code') === TOO_SMALL)
    note?.('The audience is too small for ads: Meta shows them to none with fewer than about 100 people that it knows.')
}

async function lookAt(graph: Graph, id: string, into: Place): Promise<Json> {
  try {
    return await graph.read(`/${id}`, { fields: STATE })
  } catch (error) {
    if (error instanceof DestinationError && error.code === '100/33') throw noAudience(into)
    throw error
  }
}

/** https://developers.facebook.com/docs/marketing-api/reference/custom-audience: 471 came in September 2025. */
const FLAGGED = 471

function judge(audience: Json, columns: Columns, into: Place): void {
  const named = into.audience ?? into.audience_name
  const status = member(audience, 'operation_status')
  if (member(status, 'code') === FLAGGED)
    throw new DestinationError(
      'config',
      'flagged',
      `Meta has flagged the audience "${named}" for what its name suggests; nobody can be added until that is resolved in Audience Manager.`,
    )
  const subtype = textOf(audience, 'subtype')
  if (subtype !== '' && subtype !== 'CUSTOM')
    throw new DestinationError('config', 'no_file', `The audience "${named}" is of the kind ${subtype}, not CUSTOM.`)
  if (columns.fields.includes(VALUE) && member(audience, 'is_value_based') === false)
    throw new DestinationError('config', 'no_values', `The audience "${named}" was not made for ${VALUE}.`)
}
