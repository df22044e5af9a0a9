import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { patiently } from '../../src/connectors/answer.ts'
import type { Channel, Io, Receipt, Slot } from '../../src/connectors/connector.ts'
import { connectors } from '../../src/connectors/index.ts'
import { watched } from '../contract/subject.ts'
import { changeOf, folderIo } from '../support/vendor.ts'

const FOLDER = import.meta.dirname

test('every connector of the registry is a subject of the contract suite', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'))
  const subjects = files.flatMap((name) => subjectsOf(readFileSync(join(FOLDER, name), 'utf8')))
  expect(subjects).toContain('salesforce')
  expect([...connectors().keys()].filter((name) => !subjects.includes(name))).toEqual([])
})

test('a call of the suite that is commented out, or skipped, is none', () => {
  const call = 'connectorContract<Account, Into>({\n  connector: acme,\n})\n'
  expect(subjectsOf(call)).toEqual(['acme'])
  expect(subjectsOf('const SUBJECT = {\n  connector: acme,\n}\nconnectorContract({ ...SUBJECT, into })\n')).toEqual([
    'acme',
  ])
  expect(subjectsOf(call.replaceAll(/^/gm, '// '))).toEqual([])
  expect(subjectsOf(`describe.skip('x', () => {\n  ${call}})\n`)).toEqual([])
})

/** Which connectors a test file runs the suite over: by calls that begin a line, with a subject that is written out. */
function subjectsOf(text: string): readonly string[] {
  const direct = [...text.matchAll(/^connectorContract(?:<.*>)?\(\{\n {2}connector: (\w+),/gm)]
  const spread = /^connectorContract(?:<.*>)?\(\{\s*\.\.\.SUBJECT\b/m.test(text)
    ? [...text.matchAll(/^const SUBJECT = \{\n {2}connector: (\w+),/gm)]
    : []
  return [...direct, ...spread].map(([, name = '']) => name)
}

const SLOT: Slot = { run: 'r', window: 0, batch: 0 }
const WRITTEN: Receipt = { outcome: 'written' }

/** Opens a channel that asks before it sends, and makes something of what it then gets. */
function asking(ask: (io: Io) => Promise<unknown>): Channel<object> {
  const open = (_: object, io: Io): Channel<object> => ({
    check: async () => undefined,
    send: async (batch) => {
      await ask(io)
      return batch.map(() => WRITTEN)
    },
    replace: async () => {
      await ask(io)
      return WRITTEN
    },
    poll: async () => {
      await ask(io)
      return { state: 'lost' }
    },
    read: async function* () {
      await ask(io)
      yield { key: { id: '1' }, fields: {} }
    },
  })
  return watched({ open }, { account: {}, io: folderIo('/nowhere', { columns: { key: ['id'], fields: [] } }) })
}

describe('a connector that waits for the pace which it holds itself', () => {
  const patient = (io: Io) => patiently(io, async () => 1)
  const batch = [changeOf({ id: '1' })]

  test.each<readonly [string, (channel: Channel<object>) => Promise<unknown> | undefined]>([
    ['send', (channel) => channel.send(batch, {}, SLOT)],
    ['replace', (channel) => channel.replace?.((async function* () {})(), {})],
    ['poll', (channel) => channel.poll?.('job', {})],
  ])('is caught in %s, whatever it makes of it', async (act, run) => {
    const swallowing = (io: Io) => patient(io).catch(() => undefined)
    for (const ask of [patient, swallowing])
      await expect(run(asking(ask))).rejects.toThrow(`"${act}" asks with "patiently"`)
    await run(asking(async () => undefined))
  })

  test('may be patient while it reads, also while another batch is sent', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let sending = true
    const channel = asking(async (io) => {
      if (sending) {
        sending = false
        await held
      } else await patient(io)
    })
    const sent = channel.send(batch, {}, SLOT)
    const read = []
    for await (const row of channel.read?.('all', {}) ?? []) read.push(row)
    expect(read).toHaveLength(1)
    release()
    expect(await sent).toEqual([WRITTEN])
  })
})
