import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Environment } from '../../src/environment.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session, Warehouse } from '../../src/warehouses/warehouse.ts'
import { apart } from '../support/apart.ts'
import { addresses, consentShop, type Said, sayAll, suppress, suppressNow } from '../support/consent-shop.ts'
import { edit, held, runInSandbox, type SandboxRun, smallShop } from '../support/small-shop.ts'

// Told by the emulated vendors themselves. The newsletter and the file ask for consent, the CRM and the hook do not.

const HUGO = 'hugo.01@mail.example'

/** Everybody says yes, but for some. */
async function yesBut(others: Readonly<Record<string, string | undefined>> = {}): Promise<readonly Said[]> {
  const everybody = await addresses(await smallShop())
  return everybody.flatMap((email) => {
    const status = email in others ? others[email] : 'yes'
    return status === undefined ? [] : [{ email, status }]
  })
}

function outcome({ report }: SandboxRun, name: string) {
  const found = report.syncs.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no sync ${name}`)
  return found
}

const readers = (run: SandboxRun) => Object.keys(held(run).newsletter ?? {})
const mail = (run: SandboxRun) => run.calls.filter(({ destination }) => destination === 'newsletter')
const verbs = (run: SandboxRun) =>
  mail(run).map(({ method, body }) => `${method} ${body.includes('unsubscribed') ? 'out' : ''}`)

test('only those who said yes are sent; the others are counted by the reason', async () => {
  const said = await yesBut({ [HUGO]: undefined, 'oscar.02@mail.example': 'no', 'chloe.04@mail.example': 'perhaps' })
  const directory = await consentShop(said)
  const run = await runInSandbox(directory)
  expect(run.report).toMatchObject({ status: 'ok', exit_code: 0, errors: [] })
  expect(outcome(run, 'readers_to_newsletter')).toMatchObject({
    creates: 37,
    written: 37,
    withheld: { consent: 3, suppressed: 0, listed: 0 },
  })
  expect(readers(run)).toHaveLength(37)
  expect(readers(run)).not.toContain(HUGO)
  // A contract asks nobody.
  expect(outcome(run, 'vips_to_crm')).toMatchObject({ creates: 14, withheld: { consent: 0 } })
})

test('who withdraws gets the act of withdrawal, who only leaves gets that of leaving', async () => {
  const said = await yesBut()
  const directory = await consentShop(said)
  const before = readers(await runInSandbox(directory))
  const ten = before.slice(0, 10)
  await sayAll(directory, [...said, ...ten.map((email) => ({ email, status: 'no', at: '2026-10-20 09:00:00' }))])
  await edit(directory, 'people', 'P035', { newsletter: 'no' })
  const run = await runInSandbox(directory)
  expect(run.report).toMatchObject({ status: 'ok', exit_code: 0, errors: [] })
  const sync = outcome(run, 'readers_to_newsletter')
  expect(sync).toMatchObject({ creates: 0, updates: 0, withheld: { consent: 10 } })
  const left = before.filter((email) => !ten.includes(email) && !readers(run).includes(email))
  expect(verbs(run).sort()).toEqual([...left.map(() => 'DELETE '), ...ten.map(() => 'PATCH out')])
  expect(readers(run)).toEqual(before.filter((email) => !ten.includes(email) && !left.includes(email)))
  const again = await runInSandbox(directory)
  expect(again).toMatchObject({ writes: 0, report: { exit_code: 0 } })
})

test('who is suppressed is withdrawn everywhere, and is not sent when the address comes back in other letters', async () => {
  const directory = await consentShop(await yesBut())
  const first = await runInSandbox(directory)
  expect(readers(first)).toContain(HUGO)
  await suppressNow(directory, ['HUGO.01@Mail.example '])
  const second = await runInSandbox(directory)
  expect(outcome(second, 'readers_to_newsletter')).toMatchObject({
    removes: 1,
    written: 1,
    withheld: { suppressed: 1 },
  })
  expect(verbs(second)).toEqual(['PATCH out'])
  expect(readers(second)).not.toContain(HUGO)
  await edit(directory, 'people', 'P001', { email: 'Hugo.01@MAIL.example', first_name: 'Hugolin' })
  const third = await runInSandbox(directory)
  expect(mail(third)).toEqual([])
  expect(outcome(third, 'readers_to_newsletter')).toMatchObject({ creates: 0, updates: 0, withheld: { suppressed: 1 } })
})

test('where no act stops contact, somebody is told to do it, and the run ends with 3', async () => {
  const directory = await consentShop(await yesBut())
  const first = await runInSandbox(directory)
  const [vip = ''] = Object.keys(held(first).crm ?? {})
  const [, , email = ''] = await rowOf(directory, vip)
  await suppressNow(directory, [email])
  const run = await runInSandbox(directory)
  expect(outcome(run, 'vips_to_crm')).toMatchObject({ removes: 0, withheld: { suppressed: 1, listed: 1 } })
  expect(run.report.exit_code).toBe(3)
  expect(run.report.errors).toMatchObject([{ code: 'sync/withdrawn', severity: 'warning' }])
  // The file is written whole, without them.
  expect(Object.keys(held(run).exports ?? {})).toEqual(
    Object.keys(held(first).exports ?? {}).filter((key) => key !== vip),
  )
})

test('consents that are gone, or too old, or moved much send nothing at all', async () => {
  const said = await yesBut()
  const directory = await consentShop(said)
  await runInSandbox(directory)
  const blocked = async (rows: readonly Said[]) => {
    await sayAll(directory, rows)
    const run = await runInSandbox(directory)
    expect(run.report.exit_code).toBe(4)
    expect([mail(run), run.files]).toEqual([[], []])
    return outcome(run, 'readers_to_newsletter').blocked_by
  }
  expect(await blocked([])).toContain('source "consents" has no rows')
  expect(await blocked(said.map((one) => ({ ...one, at: '2026-08-01 09:00:00' })))).toContain('older than 60 days')
  const half = said.map((one, index) => (index % 2 === 0 ? one : { ...one, status: 'no' }))
  // A plan that was blocked is no measure for the next one.
  for (const _ of [1, 2]) expect(await blocked(half)).toContain('moved from 100 % to 50 %')
  await sayAll(directory, said)
  expect(await runInSandbox(directory)).toMatchObject({ writes: 0, report: { exit_code: 0 } })
})

test('who is suppressed after the plan was made is not sent any more', async () => {
  const directory = await consentShop(await yesBut())
  const run = await runInSandbox(directory, { warehouses: suppressing(directory, [HUGO]) })
  expect(readers(run)).toHaveLength(39)
  expect(readers(run)).not.toContain(HUGO)
  expect(outcome(run, 'readers_to_newsletter')).toMatchObject({
    creates: 39,
    written: 39,
    again: 0,
    withheld: { suppressed: 1 },
  })
  // What is sent whole cannot be sent without one row: it waits.
  expect(run.files).toEqual([])
  expect(run.report.exit_code).toBe(3)
  const next = await runInSandbox(directory)
  expect(outcome(next, 'readers_to_newsletter')).toMatchObject({ creates: 0, again: 0, withheld: { suppressed: 1 } })
  expect(next.report.exit_code).toBe(0)
  expect(readers(next)).toHaveLength(39)
})

async function rowOf(directory: string, key: string): Promise<readonly string[]> {
  const rows = (await readFile(`${directory}/data/people.csv`, 'utf8')).split('\n')
  return rows.find((row) => row.startsWith(`${key},`))?.split(',') ?? []
}

/** The warehouse, in which addresses are suppressed while plans are being sent. */
function suppressing(directory: string, emails: readonly string[]): Environment['warehouses'] {
  let isDone = false
  const before = async (session: Session) => {
    if (isDone) return
    isDone = true
    await suppress(session, directory, emails)
  }
  return new Map(
    [...warehouses()].map(([type, warehouse]): [string, Warehouse<unknown>] => [
      type,
      { ...warehouse, connect: async (options, access) => watched(await warehouse.connect(options, access), before) },
    ]),
  )
}

function watched(session: Session, before: (session: Session) => Promise<void>): Session {
  return apart({
    dialect: session.dialect,
    columns: (table, tokens) => session.columns(table, tokens),
    describe: (query, tokens) => session.describe(query, tokens),
    script: (statements) => session.script(statements),
    first: async (query) => {
      if (query.statement.name === 'count fresh suppressions') await before(session)
      return session.first(query)
    },
    read: (...args) => session.read(...args),
    append: (...args) => session.append(...args),
    close: () => session.close(),
  })
}
