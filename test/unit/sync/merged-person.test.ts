import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { emptyFolder } from '../../support/cli.ts'
import { suppressNow } from '../../support/consent-shop.ts'
import { runInSandbox } from '../../support/small-shop.ts'

const FILES = {
  'cdp.config.yaml':
    'name: merging\nwarehouses: { local: { type: duckdb, path: .cdp/warehouse.duckdb } }\nwarehouse: local\n',
  'models/all.yaml': `
sources:
  people:
    file: data/people.csv
    category: profile
    key: id
    identifiers: { email: email, phone: phone }
    columns: { id: { type: text }, email: { type: text }, phone: { type: text } }
entities: { customer: { identifiers: { email: {}, phone: { normalize: exact } } } }
traits: { customer: { email: { from: people, min: email } } }
destinations: { hook: { type: webhook, url: "https://hook.example/in" } }
syncs:
  everybody: { to: hook, audience: customer, key: email, on_leave: keep, on_withdraw: remove }
`,
}

test('who is suppressed is withdrawn also under the address of one that was merged into them', async () => {
  const folder = await emptyFolder()
  onTestFinished(folder.remove)
  const { directory } = folder
  const write = async (path: string, text: string) => {
    await mkdir(join(directory, path, '..'), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  for (const [path, text] of Object.entries(FILES)) await write(path, text)
  const run = async () => (await runInSandbox(directory)).report.syncs[0]

  await write(
    'data/people.csv',
    'id,email,phone\n1,ann@mail.example,11\n2,bob@mail.example,22\n3,eve@mail.example,33\n',
  )
  expect(await run()).toMatchObject({ creates: 3, written: 3 })
  // The two are one now, and the second address is nobody's key any more: what was sent under it stays there.
  await write(
    'data/people.csv',
    'id,email,phone\n1,ann@mail.example,11\n2,bob@mail.example,11\n3,eve@mail.example,33\n',
  )
  expect(await run()).toMatchObject({ creates: 0, updates: 0, removes: 0 })
  await suppressNow(directory, ['ann@mail.example'])
  expect(await run()).toMatchObject({ removes: 2, written: 2, withheld: { suppressed: 1 } })
  expect(await run()).toMatchObject({ removes: 0 })
})
