import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { id, lines, parameter, sql } from '../../src/sql/sql.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { smallShop } from './small-shop.ts'

/**
 * A copy of the small shop whose sources are tables of a target, its options as YAML; in a folder that is gone after the
 * test unless `into` names another.
 */
export async function shopOn(target: string, into?: string): Promise<string> {
  const directory = await smallShop({ into })
  await change(join(directory, 'cdp.config.yaml'), /local: \{.*\}/g, `local: ${target}`)
  await change(join(directory, 'models/customer.yaml'), /file: data\/(\w+)\.csv/g, 'table: raw.$1')
  return directory
}

/** Replaces text in a file. */
export async function change(path: string, from: RegExp | string, to: string): Promise<void> {
  await writeFile(path, (await readFile(path, 'utf8')).replaceAll(from, to))
}

/** Fills the tables of such a shop anew with what its files hold. */
export async function loadAll(directory: string, session: Session): Promise<void> {
  const { dialect } = session
  await session.script([{ statement: { name: 'schema', reason: 'test', sql: dialect.createSchema('raw') } }])
  for (const [file, types] of Object.entries(TYPES)) {
    if (!existsSync(join(directory, `data/${file}.csv`))) continue
    const [header = '', ...rows] = (await readFile(join(directory, `data/${file}.csv`), 'utf8')).trimEnd().split('\n')
    const names = header.split(',')
    const cells = rows.map((row) => row.split(',').map((cell) => (cell === '' ? null : cell)))
    const values = JSON.stringify(cells.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]]))))
    const typed = names.map((name) => sql`${dialect.cast(sql`r.${id(name)}`, types[name] ?? 'text')} as ${id(name)}`)
    const query = sql`
      select
        ${lines(typed)}
      from ${dialect.rowsOf(parameter('rows'), names)} as r`
    const made = dialect.createTable({ schema: 'raw', name: [file] }, query)
    await session.script([{ statement: { name: file, reason: 'test', sql: made }, values: { rows: values } }])
  }
}

const TYPES: Readonly<Record<string, Readonly<Record<string, 'timestamp' | 'decimal'>>>> = {
  people: { updated_at: 'timestamp' },
  orders: { ordered_at: 'timestamp', amount: 'decimal' },
  consents: { said_at: 'timestamp' },
}
