import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../src/connectors/connector.ts'
import { readCsv } from '../../src/connectors/csv.ts'
import { type Answer, ask } from './database.ts'

/** Rows by key, what is null left out, numbers as numbers. */
export type Rows = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Rows of every sync of the sample project, by its name. */
export type Audiences = Readonly<Record<string, Rows>>

const WHO = 'profile_id not in (select profile_id from cdp.segment_employees)'
const AT = (column: string) => `strftime(${column}, '%Y-%m-%dT%H:%M:%SZ')`

/** What each vendor must hold, asked of the published views: key first. */
const QUERIES: Readonly<Record<string, string>> = {
  vips_to_crm: `
    select profile_id, coalesce(last_name, 'unknown') as LastName, first_name as FirstName, email as Email,
      phone as MobilePhone, postal_code as MailingPostalCode, cast(lifetime_value as double) as Lifetime_Value__c,
      ${AT('last_order_at')} as Last_Order_At__c, 'Web shop' as LeadSource
    from cdp.segment_vips where ${WHO}`,
  lapsed_vips_file: `
    select profile_id, first_name, last_name, phone, cast(lifetime_value as double) as lifetime_value,
      ${AT('last_order_at')} as last_order_at
    from cdp.segment_lapsed_vips where ${WHO}`,
  customer_changes: `
    select profile_id, email, country, value_band, top_category, cast(average_basket as double) as average_basket
    from cdp.customer where (order_count > 0 or last_name is not null) and ${WHO}`,
  win_back_to_helpdesk: `
    select profile_id, 'Bonjour ' || coalesce(first_name, '') as greeting, email, ${AT('last_order_at')} as last_order_at,
      top_category as likes
    from cdp.segment_win_back where ${WHO}`,
  newsletter_readers_to_list: `
    select email, first_name as FNAME, last_name as LNAME, cast(lifetime_value as double) as LTV, top_category as TOPCAT
    from cdp.segment_newsletter_readers where ${WHO}`,
  abandoned_carts_to_list: `select email, 'yes' as CART from cdp.segment_abandoned_carts where ${WHO}`,
}

export async function expectedAudiences(directory: string): Promise<Audiences> {
  const audiences: Record<string, Rows> = {}
  for (const [sync, query] of Object.entries(QUERIES)) {
    const rows = await ask(query, join(directory, '.cdp/warehouse.duckdb'))
    audiences[sync] = keyed(rows.map((row) => [String(Object.values(row)[0]), without(row, Object.keys(row)[0])]))
  }
  return audiences
}

/** What the emulated vendors hold, read from what they wrote down: `texts` as `journals` returns them. */
export function heldAudiences(texts: ReadonlyMap<string, string>): Audiences {
  const members = replayed(texts.get('local/newsletter.ndjson')).filter(({ status }) => status === 'subscribed')
  const fields = (row: Answer) => row.merge_fields as Answer
  return {
    vips_to_crm: keyed(
      replayed(texts.get('local/crm.ndjson')).map((row) => [String(row.Ext_Id__c), without(row, 'Ext_Id__c')]),
    ),
    lapsed_vips_file: keyed(
      csvRows(texts.get('local/files/exports/lapsed_vips.csv')).map((row) => [
        String(row.profile_id),
        { ...without(row, 'profile_id'), lifetime_value: Number(row.lifetime_value) },
      ]),
    ),
    customer_changes: changed(texts),
    win_back_to_helpdesk: keyed(
      replayed(texts.get('local/helpdesk.ndjson'))
        .filter((row) => row.key !== undefined)
        .map((row) => [String(row.key), row.fields as Answer]),
    ),
    newsletter_readers_to_list: keyed(members.map((row) => [String(row.email_address), without(fields(row), 'CART')])),
    abandoned_carts_to_list: keyed(
      members
        .filter((row) => fields(row).CART !== undefined)
        .map((row) => [String(row.email_address), { CART: fields(row).CART }]),
    ),
  }
}

/** Keys by sync that differ between two states, each with what is to be done about it. */
export function differences(
  before: Audiences,
  after: Audiences,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const found: Record<string, Record<string, string>> = {}
  for (const sync of Object.keys(QUERIES)) {
    const [old = {}, now = {}] = [before[sync], after[sync]]
    const entries = [...new Set([...Object.keys(old), ...Object.keys(now)])].flatMap((key) => {
      if (now[key] === undefined) return [[key, 'remove']]
      if (old[key] === undefined) return [[key, 'create']]
      return JSON.stringify(sorted(old[key])) === JSON.stringify(sorted(now[key])) ? [] : [[key, 'update']]
    })
    if (entries.length > 0) found[sync] = Object.fromEntries(entries)
  }
  return found
}

/** Every row that a vendor was told to change between two readings, in its own words: journals only grow. */
export function touched(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly Answer[] {
  return [...after].flatMap(([path, text]) => {
    const old = before.get(path) ?? ''
    if (path.endsWith('.csv') || path.endsWith('.json')) return []
    if (!text.startsWith(old)) throw new Error(`${path} was rewritten`)
    const lines = text.slice(old.length).split('\n').filter(Boolean)
    const rows = lines.flatMap((line): readonly Answer[] => {
      const value = JSON.parse(line) as Answer | readonly (readonly [string, string, Answer | null])[]
      if (!Array.isArray(value)) return [value as Answer]
      return value.filter(([place]) => place !== 'idempotency keys').map(([place, id, row]) => row ?? { place, id })
    })
    return rows.map((row) => ({ path, ...row }))
  })
}

/** Replaces text in one row of a data file. Throws where the row or the text is not there. */
export async function amend(
  directory: string,
  file: string,
  key: string,
  before: string,
  after: string,
): Promise<void> {
  const path = join(directory, 'examples/data', file)
  const lines = (await readFile(path, 'utf8')).split('\n')
  const at = lines.findIndex((line) => line.startsWith(`${key},`))
  if (lines[at]?.includes(before) !== true) throw new Error(`${file} has no ${before} at ${key}`)
  lines[at] = lines[at].replace(before, after)
  await writeFile(path, lines.join('\n'))
}

/** The text of every file below a folder that holds one. */
export async function compiledFiles(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = await readdir(folder, { recursive: true })
  const names = found.filter((name) => name.endsWith('.sql')).sort()
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}

/** Rows of a journal as its last words on each place and id leave them. */
function replayed(journal = ''): readonly Answer[] {
  const rows = new Map<string, Answer>()
  for (const line of journal.split('\n').filter(Boolean))
    for (const [place, id, row] of JSON.parse(line) as readonly (readonly [string, string, Answer | null])[])
      if (row === null) rows.delete(`${place} ${id}`)
      else if (place !== 'idempotency keys') rows.set(`${place} ${id}`, row)
  return [...rows.values()]
}

function csvRows(text = ''): readonly Answer[] {
  const [header = [], ...rows] = readCsv(text)
  return rows.map((row) => Object.fromEntries(header.map((name, index) => [String(name), row[index] ?? null])))
}

/** The change files in the order of their names, which is that of the runs. */
function changed(texts: ReadonlyMap<string, string>): Rows {
  const rows: Record<string, Readonly<Record<string, unknown>>> = {}
  const files = [...texts.keys()].filter((path) => path.startsWith('local/files/exports/customers.')).sort()
  for (const line of files.flatMap((path) => texts.get(path)?.split('\n').filter(Boolean) ?? [])) {
    const { id, op, ...fields } = JSON.parse(line) as {
      readonly id: string
      readonly op: string
      readonly [field: string]: Json
    }
    if (op === 'remove') delete rows[id]
    else rows[id] = without({ ...rows[id], ...fields }, undefined)
  }
  return rows
}

function keyed(rows: readonly (readonly [key: string, row: Answer])[]): Rows {
  const seen: Record<string, Readonly<Record<string, unknown>>> = {}
  for (const [key, row] of rows) seen[key in seen ? `${key} again` : key] = without(row, undefined)
  return seen
}

function without(row: Answer, name: string | undefined): Answer {
  return Object.fromEntries(Object.entries(row).filter(([key, value]) => key !== name && value !== null))
}

function sorted(row: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))
}
