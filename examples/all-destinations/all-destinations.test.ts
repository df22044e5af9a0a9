import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/connectors/connector.ts'
import type { Environment } from '../../src/environment.ts'
import { ALL } from '../../test/support/all.ts'
import { copyProject } from '../../test/support/cli.ts'
import { newDatabase, sandboxWith } from '../../test/support/sandbox-postgres.ts'
import { runInSandbox, type SandboxRun } from '../../test/support/small-shop.ts'

type Cells = Readonly<Record<string, string>>

interface Files {
  readonly members: readonly Cells[]
  readonly consents: readonly Cells[]
}

/** What each destination must hold, told from the files by plain steps. */
interface Expected {
  readonly numbers: readonly string[]
  readonly emails: readonly string[]
  readonly hashes: readonly string[]
}

const HASHED_WITHOUT_PLUS = 'meta'

/** What the table of the shop is in: by itself the sandbox takes a file of DuckDB. */
const SHOPS: Readonly<Record<string, () => Promise<Partial<Environment>>>> = {
  'a real Postgres': async () => ({ openSandbox: sandboxWith('shop', await newDatabase()) }),
  ...(ALL && { 'a file of the sandbox': async () => ({}) }),
}

describe('one audience in every destination', { timeout: 120_000 }, () => {
  test.each(Object.keys(SHOPS))(
    'each holds exactly its people, the shop in %s: after the first run, a second one, and when people leave, withdraw and move',
    async (shop) => {
      const { directory, remove } = await copyProject(import.meta.dirname)
      const world = await SHOPS[shop]?.()
      const run = () => runInSandbox(directory, world)
      const first = await run()
      expect(first.report).toMatchObject({ exit_code: 0, errors: [] })
      const before = await filesOf(directory)
      expectHeld(first, before, new Set())

      const second = await run()
      expect(second).toMatchObject({ writes: 0, files: [] })

      const people = audienceOf(before)
      const [leaving, withdrawing, moving] = [people.slice(0, 10), people.slice(10, 20), people[20]]
      const after: Files = {
        members: before.members.map((one) => ({
          ...one,
          active: leaving.includes(one) ? 'no' : (one.active ?? ''),
          email: one === moving ? 'moved@post.example' : (one.email ?? ''),
        })),
        consents: before.consents.map((one) =>
          withdrawing.some(({ member_id }) => member_id === one.member_id)
            ? { ...one, status: 'withdrawn', said_at: '2026-02-28 10:00:00' }
            : one,
        ),
      }
      await writeFiles(directory, after)
      const third = await run()
      expect(third.report).toMatchObject({ exit_code: 0, errors: [] })
      // HubSpot keeps the contacts of those who only left its list, and of a person under the address of before.
      expectHeld(third, after, new Set([...leaving, ...(moving ? [moving] : [])].map(({ email = '' }) => lower(email))))
      expect((await run()).writes).toBe(0)
      await remove()
    },
  )
})

function expectHeld(run: SandboxRun, files: Files, kept: ReadonlySet<string>): void {
  const people = audienceOf(files)
  const expected: Expected = {
    numbers: people.map(({ member_id = '' }) => member_id).sort(),
    emails: people.map(({ email = '' }) => lower(email)).sort(),
    hashes: people.flatMap(({ email = '', phone = '' }) => [hash(lower(email)), ...phoneHashes(phone, '+')]).sort(),
  }
  expect(column(run, 'sales', 'Contact', 'Member_No__c')).toEqual(expected.numbers)
  expect(column(run, 'exports', 'members.csv', 'member')).toEqual(expected.numbers)
  expect(shopRows(run)).toEqual(people.map(shopRow).sort())
  expect(column(run, 'loyalty', 'sync members_to_loyalty', 'key')).toEqual(expected.numbers)
  expect(column(run, 'newsletter', 'list members', 'email_address', 'status', 'subscribed')).toEqual(expected.emails)
  expect(column(run, 'marketing', 'list 900', 'email')).toEqual(expected.emails)
  expect(column(run, 'marketing', 'contacts', 'email')).toEqual([...expected.emails, ...kept].sort())
  expect(hashesIn(run, 'google')).toEqual(expected.hashes)
  const meta = people.flatMap(({ email = '', phone = '' }) => [hash(lower(email)), ...phoneHashes(phone, '')])
  expect(hashesIn(run, HASHED_WITHOUT_PLUS)).toEqual(meta.sort())
}

/** Members who are active and whose consent is granted: the segment, in the order of the file. */
function audienceOf({ members, consents }: Files): readonly Cells[] {
  const granted = new Set(consents.filter(({ status }) => status === 'granted').map(({ member_id }) => member_id))
  return members.filter(({ active, email, member_id }) => active === 'yes' && email !== '' && granted.has(member_id))
}

/** A member as the shop's table must hold it. */
function shopRow({ member_id = '', email = '', spent = '', joined_on = '' }: Cells): string {
  return [member_id, lower(email), spent === '' ? 'null' : Number(spent), joined_on].join(' ')
}

function shopRows({ holdings }: SandboxRun): readonly string[] {
  const held = holdings.get('shop')?.find((one) => one.place === 'table members')?.rows ?? []
  const number = (value: Json | undefined) => (value === null ? 'null' : Number(value))
  return held
    .map(({ member_no, email, spent, joined_on }) => [member_no, email, number(spent), joined_on].join(' '))
    .sort()
}

function column(run: SandboxRun, destination: string, place: string, name: string, where?: string, is?: string) {
  const held = run.holdings.get(destination)?.find((one) => one.place === place)?.rows ?? []
  return held
    .filter((row) => where === undefined || row[where] === is)
    .map((row) => lowerEmail(String(row[name])))
    .sort()
}

/** Every SHA-256 among the rows of an audience. */
function hashesIn(run: SandboxRun, destination: string): readonly string[] {
  const places = run.holdings.get(destination) ?? []
  return places.flatMap(({ rows }) => JSON.stringify(rows).match(/[0-9a-f]{64}/g) ?? []).sort()
}

function phoneHashes(phone: string, plus: string): readonly string[] {
  if (phone === '') return []
  const digits = phone.replaceAll(/\D/g, '')
  return [hash(`${plus}${digits.startsWith('0') ? `33${digits.slice(1)}` : digits}`)]
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function lower(email: string): string {
  return email.toLowerCase()
}

function lowerEmail(text: string): string {
  return text.includes('@') ? lower(text) : text
}

async function filesOf(directory: string): Promise<Files> {
  const read = async (name: string) => {
    const [header = '', ...lines] = (await readFile(join(directory, `data/${name}.csv`), 'utf8')).trimEnd().split('\n')
    const names = header.split(',')
    return lines.map((line): Cells => Object.fromEntries(line.split(',').map((cell, at) => [names[at] ?? '', cell])))
  }
  return { members: await read('members'), consents: await read('consents') }
}

async function writeFiles(directory: string, files: Files): Promise<void> {
  for (const [name, rows] of Object.entries(files) as [string, readonly Cells[]][]) {
    const names = Object.keys(rows[0] ?? {})
    const lines = rows.map((row) => names.map((each) => row[each] ?? '').join(','))
    await writeFile(join(directory, `data/${name}.csv`), `${[names.join(','), ...lines].join('\n')}\n`)
  }
}
