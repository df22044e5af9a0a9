import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { At, Diagnostic } from '../../src/error.ts'
import { type ProjectRequest, readProject } from '../../src/project/read.ts'
import { registries } from './registries.ts'

/** Files of a project by path. In one of them, the guilty text stands between « and ». */
export type Files = Readonly<Record<string, string | undefined>>

/** A small shop in which everything is right. */
export const SHOP: Files = {
  'cdp.config.yaml': `
name: shop
warehouse: local
warehouses:
  local: { type: duckdb, path: ":memory:" }
vars: { limit: 500 }
`,
  'models/sources.yaml': `
sources:
  contacts:
    table: raw.contacts
    key: contact_id
    updated_at: changed_at
    identifiers: { crm_id: contact_id, email: email }
    columns:
      age: { type: integer }
      name: { type: text, pii: name }
  orders:
    table: raw.orders
    category: transaction
    key: order_id
    at: ordered_at
    identifiers: { email: billing_email }
    columns:
      amount: { type: decimal }
  lines:
    table: raw.lines
    category: transaction
    belongs_to: { orders: order_id }
  prices:
    table: raw.prices
    category: product
    key: sku
`,
  'models/entities.yaml': `
entities:
  customer:
    identifiers:
      crm_id: {}
      email: { max_fanout: 20 }
`,
  'models/traits.yaml': `
traits:
  customer:
    email: { pick: email, from: [contacts, orders.billing_email], by: most_recent }
    name: { pick: name, from: contacts }
    age: { pick: age, from: contacts }
    revenue: { from: orders, sum: amount }
    vip: { expr: "revenue > 1000" }
`,
  'models/segments.yaml': `
segments:
  vips: { where: vip }
  grown_ups: { where: age >= 18 }
`,
  'destinations/post.yaml': `
destinations:
  post: { type: letters, token: "\${env:POST_TOKEN}" }
  wall: { type: board }
syncs:
  vips_to_post:
    to: post
    into: { box: vips }
    audience: vips
    mode: mirror
    key: { address: email }
    fields: { NAME: name }
`,
}

export const ENV = { POST_TOKEN: 'canary-8f3a' }

/** Writes the files (those of the shop unless replaced or undefined), without marks, until the test ends; returns the folder. */
export async function write(files: Files): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cdp-project-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  for (const [path, text] of Object.entries({ ...SHOP, ...files })) {
    if (text === undefined) continue
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text.replaceAll(/[«»]/g, ''))
  }
  return directory
}

/** Reads a project of marked files. */
export async function read(files: Files, request: Partial<ProjectRequest> = {}) {
  return await readProject({ directory: await write(files), env: ENV, registries, ...request })
}

/** What is wrong in a project of marked files. */
export async function diagnose(files: Files, request: Partial<ProjectRequest> = {}): Promise<readonly Diagnostic[]> {
  return (await read(files, request)).diagnostics
}

const diagnosed = new WeakMap<Files, Promise<readonly Diagnostic[]>>()

/** The same of files that several tests look at: they are read once. */
export function diagnoseOnce(files: Files): Promise<readonly Diagnostic[]> {
  const known = diagnosed.get(files) ?? diagnose(files)
  diagnosed.set(files, known)
  return known
}

/** The places between « and », in the order of files and lines. */
export function marks(files: Files): readonly Pick<At, 'file' | 'line' | 'column' | 'length'>[] {
  return Object.entries(files).flatMap(([file, text]) =>
    (text ?? '').split('\n').flatMap((line, index) => {
      const found = [...line.matchAll(/«(.*?)»/g)]
      return found.map((match, before) => ({
        file,
        line: index + 1,
        column: match.index - 2 * before + 1,
        length: match[1]?.length ?? 0,
      }))
    }),
  )
}

/** The place of a diagnostic in the form of `marks`. */
export function placeOf({ at }: Diagnostic): ReturnType<typeof marks>[number] | undefined {
  return at && { file: at.file, line: at.line, column: at.column, length: at.length }
}
