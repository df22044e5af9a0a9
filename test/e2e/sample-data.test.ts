import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { emptyFolder, repository } from '../support/cli.ts'

const DATA = join(repository, 'examples/data')

test('the data of the sample is what its script makes, wherever that runs', async () => {
  const made = await emptyFolder()
  onTestFinished(made.remove)
  const env = { ...process.env, TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' }

  await promisify(execFile)(process.execPath, [join(DATA, 'generate.mjs'), made.directory], { env })

  const files = (await readdir(DATA)).filter((file) => !file.endsWith('.mjs'))
  expect((await readdir(made.directory)).sort()).toEqual(files.sort())
  for (const file of files) {
    const [committed, again] = await Promise.all([readFile(join(DATA, file)), readFile(join(made.directory, file))])
    expect(again.equals(committed), `${file} has the same bytes`).toBe(true)
  }
})

test('the truth names 5,000 people, and every row that stands for one of them', async () => {
  const [header, ...rows] = (await readFile(join(DATA, 'truth.csv'), 'utf8')).trimEnd().split('\n')
  const people = new Set(rows.map((row) => row.split(',')[2]).filter((person) => person !== ''))
  const contacts = (await readFile(join(DATA, 'crm_contacts.csv'), 'utf8')).trimEnd().split('\n')

  expect(header).toBe('source,key,person')
  expect(people.size).toBe(5_000)
  expect(rows.filter((row) => row.startsWith('crm_contacts,'))).toHaveLength(contacts.length - 1)
})
