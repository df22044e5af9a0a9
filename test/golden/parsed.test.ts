import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'libpg-query'
import { expect, test } from 'vitest'

const FOLDER = import.meta.dirname

/** What holds conditions beside statements is read by the tests that print it. */
const CONDITIONS: readonly string[] = ['conditions.postgres.sql', 'condition-forms.postgres.sql']

test('whatever is golden is so in every dialect', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'))
  const cases = (type: string) =>
    files.filter((name) => name.endsWith(`.${type}.sql`)).map((name) => name.split('.')[0])
  // DuckDB knows no rights, and so no script that grants them.
  expect(cases('postgres').filter((name) => name !== 'grants')).toEqual(cases('duckdb'))
  expect(cases('bigquery')).toEqual(cases('postgres'))
  expect(cases('snowflake')).toEqual(cases('postgres'))
  expect(cases('postgres').length).toBeGreaterThan(9)
})

test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.postgres.sql') && !CONDITIONS.includes(name)))(
  "Postgres's own parser reads every statement of %s",
  async (name) => {
    const text = readFileSync(`${FOLDER}/${name}`, 'utf8')
    // Parameters are numbered when a statement runs.
    const statements = text
      .split(/;?\n\n|;\n/)
      .filter((one) => one.split('\n').some((line) => line !== '' && !line.startsWith('--')))
      .map((one) => one.replaceAll(/\$[a-z]\w*/g, '$1'))
    const refused: string[] = []
    for (const one of statements) {
      const { stmts } = await parse(one).catch((error: Error) => {
        refused.push(`${error.message}\n${one}`)
        return { stmts: undefined }
      })
      if (stmts !== undefined && stmts.length !== 1) refused.push(`${stmts.length} statements\n${one}`)
    }
    expect(refused).toEqual([])
    expect(statements.length).toBeGreaterThan(2)
  },
)
