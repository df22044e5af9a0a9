import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MISSING, startZetaSql, type ZetaSql } from './server.ts'

const FOLDER = new URL('../golden/', import.meta.url)
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.bigquery.sql'))

/** They hold conditions, of which each is read within a query. */
const CONDITIONS: readonly string[] = ['conditions.bigquery.sql', 'condition-forms.bigquery.sql']

describe.skipIf(MISSING)(`GoogleSQL's own parser${MISSING ? ` (${MISSING})` : ''}`, () => {
  let server: ZetaSql

  beforeAll(async () => {
    server = await startZetaSql()
  })

  afterAll(() => server.close())

  const parse = async (statement: string) =>
    await server.call('Parse', { sql_statement: statement, options: server.options.language_options })

  test.each(FILES)('reads every statement of %s', async (file) => {
    const statements = statementsOf(file)
    expect(statements.length).toBeGreaterThan(2)
    for (const one of statements)
      await parse(one).catch((error: Error) => {
        throw new Error(`${error.message}\n${one}`)
      })
  })

  test('refuses what is none', async () => {
    for (const broken of ['select from where', 'select a from b union select c from d', 'delete from a b where'])
      await expect(parse(broken), broken).rejects.toThrow('Syntax error')
  })
})

function statementsOf(file: string): readonly string[] {
  const text = readFileSync(new URL(file, FOLDER), 'utf8')
  const parts = text
    .split(/;?\n\n|;\n/)
    .map((one) => one.trim())
    .filter((one) => one.split('\n').some((line) => line !== '' && !line.startsWith('--')))
  if (!CONDITIONS.includes(file)) return parts
  // What users write as `sql:` is as they wrote it.
  return parts.filter((one) => !/^-- (where: |{ )?sql: /.test(one)).map((one) => `select (\n${one}\n)`)
}
