import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cdp, copyProject, jsonOf, repository } from '../support/cli.ts'
import { smallShop } from '../support/small-shop.ts'

interface Checked {
  readonly exit_code: number
  readonly checks: readonly {
    readonly area: string
    readonly look?: string
    readonly name: string
    readonly status: string
    readonly errors: readonly { readonly code: string; readonly message: string }[]
  }[]
}

test('the doctor asks every kind of destination whether it would take what is sent, and changes nothing', async () => {
  const { directory, remove } = await copyProject(join(repository, 'examples/all-destinations'))
  onTestFinished(remove)
  const asked = await cdp(['doctor', '--sandbox', '--json'], { cwd: directory })
  const { exit_code, checks } = jsonOf(asked) as Checked
  expect(checks.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(exit_code).toBe(0)
  expect(checks[0]).toMatchObject({ area: 'warehouse', name: 'local', look: 'connection' })
  const looks = checks.flatMap(({ look }) => look ?? [])
  expect(looks).toEqual(['connection', 'version', 'extensions', 'clock', 'tables', 'reading', 'writing'])
  expect(checks.length).toBeGreaterThan(8)
  const held = jsonOf(await cdp(['sandbox', 'show', '--json'], { cwd: directory })) as {
    readonly holdings: readonly { readonly places: readonly { readonly rows: number }[] }[]
  }
  expect(held.holdings.flatMap(({ places }) => places).filter(({ rows }) => rows > 0)).toEqual([])
})

test('what each destination lacks is told of each, and the others are asked all the same', async () => {
  const directory = await smallShop()
  const env = { HOOK_URL: 'http://127.0.0.1:9/changes', HOOK_SECRET: 'a secret' }
  const asked = await cdp(['doctor', '--json'], { cwd: directory, env })
  const { exit_code, checks } = jsonOf(asked) as Checked
  const of = (name: string) => checks.find((one) => one.name === name)
  expect(exit_code).toBe(1)
  expect(checks.filter(({ area, status }) => area === 'warehouse' && status !== 'ok')).toEqual([])
  expect(of('vips_to_file')?.status).toBe('ok')
  expect(of('vips_to_crm')).toMatchObject({ status: 'failed', errors: [{ code: 'project/unset-variable' }, {}] })
  const shown = await cdp(['doctor', '--select', 'sync:vips_to_file'], { cwd: directory, env })
  expect(shown).toMatchObject({ code: 0 })
  expect(shown.stdout).toContain('All is well; nothing was changed.')
})

test('sources that do not fit their tables are told as the sickness of the warehouse', async () => {
  const directory = await smallShop()
  const file = join(directory, 'data/people.csv')
  const [header = '', ...rows] = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, [header.replace('city', 'town'), ...rows].join('\n'))
  const { exit_code, checks } = jsonOf(await cdp(['doctor', '--sandbox', '--json'], { cwd: directory })) as Checked
  expect(exit_code).toBe(1)
  const sick = checks.filter(({ status }) => status === 'failed')
  expect(sick).toMatchObject([{ area: 'warehouse', look: 'tables' }])
  expect(new Set(sick[0]?.errors.map(({ code }) => code))).toEqual(new Set(['warehouse/missing-column']))
})

test('rights are printed for a role without opening anything, for a machine too', async () => {
  const { directory, remove } = await copyProject()
  onTestFinished(remove)
  const config = join(directory, 'cdp.config.yaml')
  const target = 'far: { type: postgres, host: nowhere.invalid, database: analytics, user: cdp }'
  await writeFile(config, (await readFile(config, 'utf8')).replace('warehouses:\n', `warehouses:\n  ${target}\n`))
  const here = await cdp(['doctor', '--grants'], { cwd: directory })
  expect(here).toMatchObject({ code: 0, stdout: expect.stringMatching(/^DuckDB has no roles: /) })
  const files = await cdp(['doctor', '--grants', '--target', 'far'], { cwd: directory })
  expect(files).toMatchObject({ code: 2, stderr: expect.stringContaining('reads no files') })
})
