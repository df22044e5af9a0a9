import { createHash } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask } from '../support/database.ts'
import { edit, runInSandbox, type SandboxRun, smallShop, warehouseOf } from '../support/small-shop.ts'

const META = `
destinations:
  ads: { type: meta, access_token: "\${env:META_TOKEN}", ad_account: act_1001, phone_country: FR }
syncs:
  readers:
    { to: ads, into: { audience_name: Readers, create: true }, audience: readers, mode: mirror, key: customer_no, fields: { EMAIL: email, FN: first_name } }
`
const GOOGLE = `
destinations:
  ads: { type: google, service_account: "\${env:GOOGLE_KEY}", operating_account: 444-555-6666 }
syncs:
  readers:
    to: ads
    into: { list: 7090784486, consent: { ad_user_data: granted, ad_personalization: granted } }
    audience: readers
    mode: mirror
    key: customer_no
    fields: { EMAIL: email }
`

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

function held({ holdings }: Pick<SandboxRun, 'holdings'>): readonly string[] {
  const rows = (holdings.get('ads') ?? []).flatMap((one) => one.rows)
  return rows.map((row) => String(row.EMAIL ?? row.emailAddress)).sort()
}

async function wanted(directory: string): Promise<readonly string[]> {
  const rows = await ask('select email from cdp.segment_readers', warehouseOf(directory))
  return rows.map((row) => hash(String(row.email).toLowerCase())).sort()
}

async function onlyOne(yaml: string): Promise<string> {
  const directory = await smallShop()
  const folder = join(directory, 'destinations')
  for (const name of await readdir(folder)) await rm(join(folder, name))
  await writeFile(join(folder, 'ads.yaml'), yaml)
  return directory
}

test.each([
  ['Meta', META, ['DELETE', 'POST']],
  ['Google', GOOGLE, ['POST', 'POST']],
])(
  'an audience at %s holds the hashes of exactly its people, and a changed address leaves none behind',
  async (_, yaml, sent) => {
    const directory = await onlyOne(yaml)
    const first = await runInSandbox(directory)
    expect(first.report).toMatchObject({ status: 'ok', errors: [], exit_code: 0 })
    expect(held(first)).toEqual(await wanted(directory))
    expect(held(first).length).toBeGreaterThan(10)

    const second = await runInSandbox(directory)
    expect(second.writes).toBe(0)
    expect(second.report.syncs).toMatchObject([{ creates: 0, updates: 0, removes: 0 }])

    await edit(directory, 'people', 'P002', { email: 'oscar.new@mail.example' })
    const third = await runInSandbox(directory)
    expect(third.report.syncs).toMatchObject([{ creates: 0, updates: 1, removes: 0 }])
    const writes = third.calls.filter((one) => one.method !== 'GET' && one.path !== '/token')
    expect(writes.map((one) => one.method)).toEqual(sent)
    expect(writes[0]?.body).toContain(hash('oscar.02@mail.example'))
    expect(held(third)).toEqual(await wanted(directory))
    expect(held(third)).toContain(hash('oscar.new@mail.example'))

    await edit(directory, 'people', 'P002', { newsletter: 'no' })
    const fourth = await runInSandbox(directory)
    expect(fourth.report.syncs).toMatchObject([{ creates: 0, updates: 0, removes: 1 }])
    expect(held(fourth)).toEqual(await wanted(directory))
  },
)
