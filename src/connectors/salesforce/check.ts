import { jsonOf, listOf, member, textOf } from '../answer.ts'
import { assignment } from '../assignment.ts'
import { DestinationError, type Io, type Json, type LeaveAction } from '../connector.ts'
import { type CampaignInto, type Into, isCampaign } from './into.ts'
import type { Org } from './org.ts'
import { recordsOf, soqlText } from './query.ts'
import { targetOf } from './target.ts'

/** Throws DestinationError `config` naming the object, field, permission, campaign or status that is missing. */
export async function check(org: Org, into: Into, io: Pick<Io, 'columns' | 'mode' | 'acts'>): Promise<void> {
  const { name } = targetOf(into, io.columns.key)
  const object = await describe(org, into.object)
  checkRights(object, io.mode)
  const own = io.columns.fields.filter((field) => !field.includes('.'))
  const person = isCampaign(into) ? await describe(org, into.member) : object
  checkFields(object, isCampaign(into) ? own : [name, ...own], io.mode)
  if (isCampaign(into)) checkFields(person, [name], undefined)
  checkKey(person, name)
  for (const field of io.columns.fields.filter((one) => one.includes('.'))) await checkParent(org, object, field)
  for (const act of io.acts ?? []) checkAct(object, act)
  if (isCampaign(into)) await checkCampaign(org, into, io.acts ?? [])
}

interface Described {
  readonly name: string
  readonly said: Json
  /** By lower-cased name. */
  readonly fields: ReadonlyMap<string, Json>
}

async function describe(org: Org, name: string): Promise<Described> {
  const answer = await org.request('GET', `/sobjects/${name}/describe`)
  if (answer.status === 404)
    throw config(
      'no_object',
      `The org has no object "${name}" that the app may see: "Read" on it is the least it needs.`,
    )
  const said = jsonOf(org.checked(answer))
  return { name, said, fields: new Map(listOf(said, 'fields').map((one) => [textOf(one, 'name').toLowerCase(), one])) }
}

/** Left out by an org that does not tell = allowed. */
function isDenied(said: Json | undefined, right: 'createable' | 'updateable' | 'deletable'): boolean {
  return member(said, right) === false
}

function checkRights({ name, said }: Described, mode: Io['mode']): void {
  const rights = { createable: mode === 'update' ? '' : 'Create', updateable: 'Edit' }
  for (const [right, permission] of Object.entries(rights) as ['createable' | 'updateable', string][])
    if (permission !== '' && isDenied(said, right))
      throw config('no_permission', `The app's user lacks the object permission "${permission}" on "${name}".`)
}

/** Can be done what is done to rows that leave? */
function checkAct(object: Described, { verb, argument = '' }: LeaveAction): void {
  if (verb === 'delete') {
    if (isDenied(object.said, 'deletable'))
      throw config('no_permission', `The app's user lacks the object permission "Delete" on "${object.name}".`)
    return
  }
  const name = verb === 'set' ? assignment(argument)[0] : argument
  checkFields(object, [name], 'update')
  const type = textOf(object.fields.get(name.toLowerCase()), 'type')
  if (verb === 'opt_out' && type !== '' && type !== 'boolean')
    throw config('no_checkbox', `"${name}" of "${object.name}" is no checkbox, as \`opt_out\` needs it.`)
}

/** Without a mode the fields are read only. */
function checkFields({ name, fields }: Described, names: readonly string[], mode: Io['mode'] | undefined): void {
  const missing = names.filter((one) => !fields.has(one.toLowerCase()))
  if (missing.length > 0)
    throw config(
      'no_field',
      `"${name}" has no field ${quoted(missing)}. Field-level security hides fields that the app's user may not see.`,
    )
  if (mode === undefined) return
  const fixed = names.filter((one) => isFixed(fields.get(one.toLowerCase()), mode))
  if (fixed.length > 0)
    throw config(
      'read_only',
      `The app may not write ${quoted(fixed)} of "${name}": field-level security must allow "Edit", and formulas cannot be written.`,
    )
}

/** A field that can be written once only serves no sync that also updates, unless rows are told apart later. */
function isFixed(field: Json | undefined, mode: Io['mode']): boolean {
  if (mode === 'update') return isDenied(field, 'updateable')
  return isDenied(field, 'updateable') && member(field, 'createable') !== true
}

function checkKey({ name, fields }: Described, key: string): void {
  const field = fields.get(key.toLowerCase())
  if (member(field, 'externalId') !== true && member(field, 'idLookup') !== true)
    throw config('no_external_id', `"${key}" of "${name}" is not an external id.`)
}

/** `Account.Ext_Id__c`: a relationship of the object, and an external id of the parent. */
async function checkParent(org: Org, { name, fields }: Described, path: string): Promise<void> {
  const [relationship = '', key = ''] = path.split('.')
  const lookUp = [...fields.values()].find(
    (one) => textOf(one, 'relationshipName').toLowerCase() === relationship.toLowerCase(),
  )
  const parents = listOf(lookUp, 'referenceTo').filter((one) => typeof one === 'string' && /^\w+$/.test(one))
  const [parent] = parents
  if (typeof parent !== 'string')
    throw config('no_relationship', `"${name}" has no relationship "${relationship}", as "${path}" needs it.`)
  // An owner is a user or a queue, and the column does not say which.
  if (parents.length > 1) return
  const described = await describe(org, parent)
  checkFields(described, [key], undefined)
  checkKey(described, key)
}

async function checkCampaign(org: Org, into: CampaignInto, acts: readonly LeaveAction[]): Promise<void> {
  const id = soqlText(into.campaign)
  const campaigns = await all(org, `SELECT Id FROM Campaign WHERE Id IN (${id})`)
  if (campaigns.length === 0)
    throw config('no_campaign', `The org has no campaign "${into.campaign}" that the app may see.`)
  const set = acts.flatMap(({ verb, argument = '' }) => (verb === 'set' ? [assignment(argument)] : []))
  const named = [into.status, ...set.map(([field, value]) => (field === 'Status' ? value : undefined))]
  const wanted = named.filter((one) => one !== undefined)
  if (wanted.length === 0) return
  const statuses = await all(org, `SELECT Label FROM CampaignMemberStatus WHERE CampaignId IN (${id})`)
  const labels = statuses.map((one) => textOf(one, 'Label'))
  const missing = wanted.filter((one) => !labels.includes(one))
  if (missing.length > 0)
    throw config('no_status', `The campaign has no member status ${quoted(missing)}. It has ${quoted(labels)}.`)
}

async function all(org: Org, query: string): Promise<readonly Json[]> {
  const records: Json[] = []
  for await (const record of recordsOf(org, query)) records.push(record)
  return records
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}

function config(code: string, message: string): DestinationError {
  return new DestinationError('config', code, message)
}
