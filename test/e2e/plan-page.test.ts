import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { plan } from '../../src/plan.ts'
import type { ShownRow } from '../../src/plan-report.ts'
import { cdp } from '../support/cli.ts'
import { ask, tell } from '../support/database.ts'
import { changeMuch, filledShop, held, inSandbox, type Rows, warehouseOf } from '../support/small-shop.ts'

const filled = filledShop()

const looking = (directory: string, { showValues, keep = false }: { showValues: boolean; keep?: boolean }) =>
  inSandbox(directory, (request, environment) => plan(request, environment, { keep, showValues, moves: true }))

function updates(samples: readonly ShownRow[] | undefined): readonly ShownRow[] {
  return (samples ?? []).filter(({ op }) => op === 'update')
}

test('what a row was before is what its vendor holds; what changed is what differs from that', async () => {
  const shop = await filled()
  await changeMuch(shop)
  const looked = await looking(shop, { showValues: true })
  const { newsletter = {}, hook = {} } = held(looked)
  const rowsOf = (name: string) => updates(looked.report.syncs.find((one) => one.name === name)?.sample)
  const pairs: (readonly [ShownRow, Rows[string] | undefined])[] = [
    ...rowsOf('readers_to_newsletter').map((row) => [row, newsletter[String(row.key.email)]] as const),
    ...rowsOf('quiet_to_hook').map((row) => [row, hook[String(row.key.card)]] as const),
  ]
  expect(pairs.length).toBeGreaterThan(4)
  for (const [row, there] of pairs) {
    expect(row.before).toEqual(there)
    const differing = Object.keys(row.fields).filter((name) => row.fields[name] !== row.before?.[name])
    expect(row.changed).toEqual(differing)
    expect(differing).not.toEqual([])
  }
})

test('what a row was before is not told where published profiles are not what was acknowledged', async () => {
  const shop = await filled()
  await tell(`update _cdp_sandbox.${await snapshotOf(shop, 'quiet')} set fp = 'of another time'`, warehouseOf(shop))
  const { report } = await looking(shop, { showValues: true })
  const rows = updates(report.syncs.find(({ name }) => name === 'quiet_to_hook')?.sample)
  expect(rows).toHaveLength(3)
  for (const row of rows) expect(row).toMatchObject({ before: null, changed: null })
})

const readText = (path: string) => readFile(path, 'utf8')

async function snapshotOf(shop: string, sync: string): Promise<string> {
  const tables = `select table_name from duckdb_tables() where schema_name = '_cdp_sandbox' and table_name like 'snap_${sync}%'`
  return String((await ask(tables, warehouseOf(shop)))[0]?.table_name)
}

test('who becomes one person is shown with the identifier that ties them, and the look leaves nothing', async () => {
  const shop = await filled()
  await changeMuch(shop)
  const { report } = await looking(shop, { showValues: false })
  expect(report.identity).toMatchObject([{ merged: 1 }])
  expect(report.moves?.entities).toMatchObject([{ merges: { profiles: 2, into: 1 } }])
  expect(report.moves?.entities[0]?.merge_examples).toHaveLength(1)
  const tables =
    "select table_name from duckdb_tables() where table_name like 'b2%' or table_name like 'plan%' order by 1"
  expect(await ask(tables, warehouseOf(shop))).toEqual([{ table_name: 'plan' }])
})

test('the command writes the page where it says, and no personal value into it', async () => {
  const shop = await filled()
  await changeMuch(shop)
  const made = await cdp(['plan', '--sandbox', '--html', '-o', 'plan.json', '--show-values'], { cwd: shop })
  expect(made.code).toBe(0)
  expect(made.stdout).toContain('To be looked at: .cdp/plan.html')
  expect(made.stderr).toContain('--show-values works on a terminal only, and not with --html')
  const page = await readText(join(shop, '.cdp/plan.html'))
  expect(page).toContain('cdp apply plan.json')
  expect(page).toContain('Who becomes one person')
  const people = await ask('select email, first_name from cdp.customer where email is not null', warehouseOf(shop))
  for (const { email, first_name: name } of people) {
    expect(page).not.toContain(String(email))
    expect(page).not.toContain(`>${name}<`)
  }
  const elsewhere = await cdp(['plan', '--sandbox', '--html', 'look.html', '--json'], { cwd: shop })
  expect(elsewhere.stderr).toContain('To be looked at: look.html')
  expect(await readText(join(shop, 'look.html'))).toContain('This plan was only looked at.')
})
