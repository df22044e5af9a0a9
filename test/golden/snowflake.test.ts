import { readdirSync, readFileSync } from 'node:fs'
import { Dialect, parse } from '@polyglot-sql/sdk'
import { expect, test } from 'vitest'

const folder = new URL('.', import.meta.url)

const files = readdirSync(folder).filter((name) => name.endsWith('.snowflake.sql'))

for (const file of files)
  test(`${file} is SQL of Snowflake, as far as a parser knows it`, () => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    const isOfConditions = file.startsWith('condition')
    const statements = text.split(/\n\n(?=-- )|;\n(?!\n)/).filter((one) => one.replace(/^--.*\n/gm, '').trim() !== '')
    expect(statements.length).toBeGreaterThan(0)
    for (const statement of statements) {
      // The parser knows no ownership.
      if (statement.includes('grant ownership on schema')) continue
      // Numbers of parameters are put in when a statement runs.
      const numbered = statement.replace(/(?<=[\s(]):(?=[a-z])/g, '$')
      const { success, error } = parse(isOfConditions ? `select (\n${numbered}\n)` : numbered, Dialect.Snowflake)
      expect({ error, success }, statement.slice(0, 200)).toMatchObject({ success: true })
    }
  })

test('what is no SQL of Snowflake is seen', () => {
  for (const broken of ['select from where', 'create or replace transient table as select 1', 'select get(a, 0 from b'])
    expect(parse(broken, Dialect.Snowflake).success, broken).toBe(false)
})
