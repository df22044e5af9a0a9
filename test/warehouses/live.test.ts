import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { warehouses } from '../../src/warehouses/index.ts'
import { liveTarget } from '../live/target.ts'
import { ALL } from '../support/all.ts'
import { repository } from '../support/cli.ts'
import { connectTo } from '../support/postgres.ts'
import { sharedPostgres } from '../support/shared-postgres.ts'
import { written } from '../support/written.ts'

describe('a run against a real account', () => {
  const kinds = [...warehouses().keys()].filter((kind) => kind !== 'duckdb')

  test.each(kinds)('of %s says which variables it wants, and what each is', (kind) => {
    const target = liveTarget(kind, { [`CDP_LIVE_${kind.toUpperCase()}_NOTHING`]: 'x' })
    const lines = 'says' in target ? target.says : []
    expect(lines[0]).toContain(`a real ${kind}`)
    const named = lines.filter((line) => line.startsWith(`  CDP_LIVE_${kind.toUpperCase()}_`))
    expect(named.length).toBeGreaterThan(3)
    for (const line of named) expect(line).toMatch(/^ {2}CDP_LIVE_\w+( \(needed\))? {2}\S.*$/)
    expect(named.some((line) => line.includes('(needed)'))).toBe(true)
  })

  test('of something else says what there is', () => {
    expect(liveTarget('oracle', {})).toEqual({ says: [`Say which warehouse: npm run live -- <${kinds.join('|')}>`] })
  })

  test('takes its options from the variables, and a project has references to them', () => {
    const env = {
      CDP_LIVE_POSTGRES_DATABASE: 'd',
      CDP_LIVE_POSTGRES_USER: 'u',
      CDP_LIVE_POSTGRES_PASSWORD: 'canary-5e',
    }
    expect(liveTarget('postgres', env)).toMatchObject({
      options: { host: 'localhost', port: 5432, database: 'd', user: 'u', password: 'canary-5e' },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a project writes it
      yaml: '{ type: postgres, database: "${env:CDP_LIVE_POSTGRES_DATABASE}", user: "${env:CDP_LIVE_POSTGRES_USER}", password: "${env:CDP_LIVE_POSTGRES_PASSWORD}" }',
      place: 'database d, user u',
    })
  })

  test('says what is wrong with a variable', () => {
    const env = { CDP_LIVE_POSTGRES_DATABASE: 'd', CDP_LIVE_POSTGRES_USER: 'u', CDP_LIVE_POSTGRES_PORT: 'many' }
    const target = liveTarget('postgres', env)
    expect('says' in target && target.says.at(-1)).toMatch(/^port: /)
  })

  // It is the conformance suite and the sample once more, which everyday run by themselves.
  test.skipIf(!ALL)('runs all of it and leaves nothing behind', { timeout: 0 }, async () => {
    const { host, database, user } = await (await sharedPostgres()).database()
    const env = { CDP_LIVE_POSTGRES_HOST: host, CDP_LIVE_POSTGRES_DATABASE: database, CDP_LIVE_POSTGRES_USER: user }
    const run = async () => {
      const child = spawn(process.execPath, ['scripts/live.mjs', 'postgres'], {
        cwd: repository,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data))
      const [code] = await once(child, 'close')
      return { code, said }
    }
    const { code, said } = await run()
    expect(code, said).toBe(0)
    expect(said).toContain(`Live: postgres, host ${host}`)
    expect(said).toMatch(/Tests\s+\d{2,} passed/)
    const session = await connectTo({ host, database, user, port: 5432, ssl: 'off', connections: 2 })
    onTestFinished(() => session.close())
    const left = `select string_agg(nspname, ' ') as names from pg_namespace where nspname !~ '^(pg_|information_schema|public)'`
    expect(await session.first(written(left))).toEqual({ names: null })
    // What is there already is left alone.
    await session.script([written('create schema raw'), written('create table raw.mine (n int)')])
    const refused = await run()
    expect(refused.code).toBe(1)
    expect(refused.said).toContain('There is a schema "raw"')
    expect(await session.columns({ schema: 'raw', name: ['mine'] })).toBeDefined()
  })
})
