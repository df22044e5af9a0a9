import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../../src/compile/context.ts'
import { suppressStatement } from '../../src/compile/suppression.ts'
import { connectors } from '../../src/connectors/index.ts'
import { readProject } from '../../src/project/read.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { type Ground, ON_DUCKDB } from './ground.ts'
import { smallShop } from './small-shop.ts'

/** What somebody said, as a row of `consents.csv`. */
export interface Said {
  readonly email: string
  readonly status: string
  readonly at?: string
}

const MODELS = `
sources:
  consents:
    file: data/consents.csv
    category: consent
    key: consent_id
    updated_at: said_at
    may_be_empty: true
    identifiers: { email: email }
    columns: { consent_id: { type: text }, status: { type: text }, said_at: { type: timestamp } }
consent: { source: consents, status: status, purpose: purpose, at: said_at, granted: [yes, granted], max_age: 60 days }
purposes:
  news: { basis: consent }
  service: { basis: contract }
`

/** The purpose of each sync, and what else it says. */
const SYNCS: Readonly<Record<string, string>> = {
  'newsletter.yaml': '    purpose: news\n    on_withdraw: unsubscribe\n',
  'exports.yaml': '    purpose: news\n',
  'crm.yaml': '    purpose: service\n',
  'hook.yaml': '    purpose: service\n',
}

/** The small shop where the newsletter and the file ask for consent, and people have said what `said` holds. */
export async function consentShop(said: readonly Said[]): Promise<string> {
  const directory = await smallShop()
  await writeFile(join(directory, 'models/consent.yaml'), MODELS)
  for (const [file, more] of Object.entries(SYNCS)) {
    const path = join(directory, 'destinations', file)
    await writeFile(path, `${(await readFile(path, 'utf8')).trimEnd()}\n${more}`)
  }
  await sayAll(directory, said)
  return directory
}

/** Writes all that was said, in the order given. */
export async function sayAll(directory: string, said: readonly Said[]): Promise<void> {
  const rows = said.map(
    ({ email, status, at = '2026-10-01 09:00:00' }, index) => `${index},${email},news,${status},${at}`,
  )
  await writeFile(
    join(directory, 'data/consents.csv'),
    `${['consent_id,email,purpose,status,said_at', ...rows].join('\n')}\n`,
  )
}

/** The addresses of all people of the shop, as they are written there. */
export async function addresses(directory: string): Promise<readonly string[]> {
  const [, ...rows] = (await readFile(join(directory, 'data/people.csv'), 'utf8')).trimEnd().split('\n')
  return [...new Set(rows.map((row) => row.split(',')[2] ?? '').filter((email) => email !== ''))]
}

/** Adds addresses to the list of those whom nobody may contact. */
export async function suppress(session: Session, directory: string, emails: readonly string[]): Promise<void> {
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project } = await readProject({ directory, env: {}, sandbox: true, registries })
  const customer = project?.entities.get('customer')
  if (project === undefined || customer === undefined) throw new Error('the project cannot stand')
  const context: Context = { project, dialect: session.dialect }
  const rows = JSON.stringify(emails.map((value) => ({ type: 'email', value, reason: 'asked' })))
  await session.script([{ statement: suppressStatement(context, customer), values: { rows } }])
}

/** The same between two runs. */
export async function suppressNow(
  directory: string,
  emails: readonly string[],
  ground: Ground = ON_DUCKDB,
): Promise<void> {
  const session = await ground.connect(directory)
  await suppress(session, directory, emails)
  await session.close()
}
