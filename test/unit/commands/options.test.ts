import { expect, test } from 'vitest'
import { logLevelOf, requestOf } from '../../../src/commands/options.ts'
import { CdpError } from '../../../src/error.ts'

async function varsOf(...vars: readonly string[]): Promise<Readonly<Record<string, string>>> {
  return (await requestOf({ vars })).vars
}

async function problemsOf(options: Parameters<typeof requestOf>[0]): Promise<readonly string[]> {
  const error = await requestOf(options).catch((thrown: unknown) => thrown)
  if (!(error instanceof CdpError)) throw new Error('nothing was refused')
  return error.diagnostics.map(({ message }) => message)
}

test('variables keep their characters, whether they come as pairs, as YAML or as JSON', async () => {
  expect(await varsOf('zip=01000', 'empty=', 'query=a=b')).toEqual({ zip: '01000', empty: '', query: 'a=b' })
  expect(await varsOf('{zip: 01000, no: no, e: 1e3, quoted: "a b"}')).toEqual({
    zip: '01000',
    no: 'no',
    e: '1e3',
    quoted: 'a b',
  })
  expect(await varsOf('{"vip": 500}', 'vip=600')).toEqual({ vip: '600' })
  expect(await varsOf('vip: 500\nother: x')).toEqual({ vip: '500', other: 'x' })
})

test('what is no variable, time or number is refused, all of it at once', async () => {
  expect(
    await problemsOf({ vars: ['x', '{a: {b: 1}}', '{a'], now: '2026-01-01', threads: '1.5', maxChanges: '-1' }),
  ).toEqual([
    '"x" in --vars gives no names and values.',
    '"{a: {b: 1}}" in --vars gives no names and values.',
    '"{a" in --vars gives no names and values.',
    '"2026-01-01" in --now is no time with a zone.',
    '"-1" in --max-changes is no whole number of at least 0.',
    '"1.5" in --threads is no whole number of at least 1.',
  ])
  expect(await problemsOf({ now: '2026-13-01T00:00:00Z' })).toHaveLength(1)
  expect(() => logLevelOf({ logLevel: 'loud' })).toThrow(CdpError)
})

test('numbers and times that can stand are taken as they are', async () => {
  const request = await requestOf({ now: '2026-11-01T08:00:00+01:00', threads: '2', maxChanges: '0', sandbox: true })
  expect(request).toMatchObject({
    now: '2026-11-01T08:00:00+01:00',
    threads: 2,
    maxChanges: 0,
    sandbox: true,
    dryRun: false,
  })
})
