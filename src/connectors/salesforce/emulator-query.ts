import type { Json, Ms } from '../connector.ts'
import type { Answer } from '../sandbox/sandbox.ts'
import type { Row } from '../sandbox/store.ts'
import { hasObject, isField } from './emulator-objects.ts'
import { type Call, failed } from './emulator-org.ts'

/** Records a page, as the vendor has it unless told. */
const PAGE = 2_000

const MOST_OF_QUERY: Ms = 120_000

/**
 * Queries of one form: `SELECT a, b.c FROM Object WHERE` and conditions joined by AND. Each is `x != null`, `x = 'y'` or
 * `x IN ('y', …)`. `rest` names a further page. `/queryAll` also finds what is in the recycle bin.
 */
export function query(call: Call, rest: string | undefined): Answer {
  const [, named, offset = '0'] = /^(.+)-(\d+)$/.exec(rest ?? '') ?? []
  const said = named === undefined ? (call.request.query.get('q') ?? '') : Buffer.from(named, 'base64url').toString()
  const [, selected, object, where = ''] = /^SELECT ([\w., ]+) FROM (\w+) WHERE (.+)$/s.exec(said) ?? []
  const conditions = conditionsOf(where)
  if (selected === undefined || object === undefined || conditions === undefined)
    return failed(400, 'MALFORMED_QUERY', 'unexpected token')
  if (!hasObject(object)) return failed(400, 'INVALID_TYPE', `sObject type '${object}' is not supported.`)
  if ((call.options.org?.queryTakes?.(object) ?? 0) > MOST_OF_QUERY)
    return failed(400, 'QUERY_TIMEOUT', 'Your query request was running for too long.')
  const names = selected.split(', ')
  const fields = [...names, ...conditions.map(({ field }) => field)]
  const unknown = fields.find((name) => name !== 'Id' && !name.includes('.') && !isField(object, name))
  if (unknown !== undefined) return failed(400, 'INVALID_FIELD', `No such column '${unknown}' on entity '${object}'.`)
  const ids = matching(call, object, conditions)
  const page = ids.slice(Number(offset), Number(offset) + PAGE)
  const records = page.map((Id) => ({
    attributes: { type: object },
    ...Object.assign({}, ...names.map((name) => cell(call, object, Id, name))),
  }))
  const end = Number(offset) + page.length
  const next = `${call.request.path.replace(/\/query.*$/, '')}/query/${Buffer.from(said).toString('base64url')}-${end}`
  const done = end === ids.length
  return { status: 200, body: { totalSize: ids.length, done, ...(!done && { nextRecordsUrl: next }), records } }
}

interface Condition {
  readonly field: string
  /** Undefined = any value. */
  readonly values: readonly Json[] | undefined
}

const CONDITION = /^([\w.]+) (?:!= null|= ('(?:\\.|[^'\\])*')|IN \(((?:'(?:\\.|[^'\\])*'|[\d.,-])+)\))(?: AND |$)/s

function conditionsOf(where: string): readonly Condition[] | undefined {
  const conditions: Condition[] = []
  for (let rest = where; rest !== ''; ) {
    const [whole, field, one, many] = CONDITION.exec(rest) ?? []
    if (whole === undefined || field === undefined) return undefined
    const values = one ?? many
    conditions.push({ field, values: values === undefined ? undefined : literals(values) })
    rest = rest.slice(whole.length)
  }
  return conditions
}

function literals(text: string): readonly Json[] {
  return [...text.matchAll(/'((?:\\.|[^'\\])*)'|(-?[\d.]+)/gs)].map(([, quoted, number]) =>
    number === undefined ? unescaped(quoted ?? '') : Number(number),
  )
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, one: string) => (one === 'n' ? '\n' : one === 'r' ? '\r' : one))
}

function matching(call: Call, object: string, conditions: readonly Condition[]): readonly string[] {
  const withDeleted = call.path.startsWith('/queryAll')
  // The deleted are in no index. The narrowest first: a campaign has many members.
  const narrow = withDeleted ? [] : conditions.filter(({ field, values }) => values && field !== 'Id')
  const indexed = narrow.find(({ field }) => field.includes('.')) ?? narrow[0]
  const byId = conditions.find(({ field }) => field === 'Id')
  const ids =
    byId?.values?.map(String) ??
    (indexed && byIndex(call, object, indexed)) ??
    [...recordsOf(call, object)].map(([id]) => id)
  return [...new Set(ids)].filter((id) => {
    const row = rowOf(call, object, id)
    if (row === undefined || (row.IsDeleted === true && !withDeleted)) return false
    return conditions.every(({ field, values }) => {
      const value = valueAt(call, object, id, field)
      return values === undefined ? value !== null : values.some((one) => folded(one) === folded(value))
    })
  })
}

/** What the org has of its campaigns is not stored but declared. */
function recordsOf({ rows, options }: Call, object: string): Iterable<readonly [id: string, row: Row]> {
  const campaigns = [...(options.campaigns ?? [])]
  if (object === 'Campaign') return campaigns.map(([id]) => [id, {}])
  if (object !== 'CampaignMemberStatus') return rows.all(object)
  return campaigns.flatMap(([CampaignId, statuses]) =>
    statuses.map((Label, at): [string, Row] => [`01Y${CampaignId.slice(3, 15)}${at}`, { CampaignId, Label }]),
  )
}

function rowOf(call: Call, object: string, id: string): Row | undefined {
  if (object !== 'Campaign' && object !== 'CampaignMemberStatus') return call.rows.get(object, id)
  return new Map(recordsOf(call, object)).get(id)
}

/** Through an index, also of the parent; undefined where there is none. */
function byIndex(call: Call, object: string, { field, values = [] }: Condition): readonly string[] | undefined {
  if (object === 'CampaignMemberStatus') return undefined
  const [parent = '', of] = field.split('.')
  if (of === undefined) return values.flatMap((value) => call.index.find(call.rows, object, field, value))
  return values.flatMap((value) =>
    call.index
      .find(call.rows, parentObject(parent), of, value)
      .flatMap((id) => call.index.find(call.rows, object, lookUp(parent), id)),
  )
}

function valueAt(call: Call, object: string, id: string, path: string): Json {
  const found = path.split('.').reduce<Json>(
    (value, part) => {
      if (typeof value !== 'object' || value === null) return null
      return (value as Row)[part] ?? null
    },
    cell(call, object, id, path),
  )
  return found
}

/** One selected field of a record; of a parent as an object of its own. */
function cell(call: Call, object: string, id: string, name: string): Row {
  if (name === 'Id') return { Id: id }
  const row = rowOf(call, object, id) ?? {}
  const [parent = '', field] = name.split('.')
  if (field === undefined) return { [name]: row[name] ?? null }
  const key = row[lookUp(parent)]
  const found = typeof key === 'string' ? call.rows.get(parentObject(parent), key) : undefined
  return { [parent]: found === undefined ? null : { [field]: found[field] ?? null } }
}

function parentObject(relationship: string): string {
  return relationship.endsWith('__r') ? `${relationship.slice(0, -1)}c` : relationship
}

function lookUp(relationship: string): string {
  return relationship.endsWith('__r') ? parentObject(relationship) : `${relationship}Id`
}

function folded(value: Json): string {
  return String(value ?? '').toLowerCase()
}
