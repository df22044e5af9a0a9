import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/report.ts'
import { cdp, emptyFolder, jsonOf, type Outcome, repository } from '../support/cli.ts'
import { expected, journals, smallShop } from '../support/small-shop.ts'
import { openReceiver, SECRET } from '../support/vendor-server.ts'

const SPY = pathToFileURL(join(repository, 'test/support/network-spy.mjs')).href

// The vendor is a real server on this machine, and the same project is run with and without --sandbox, its address and
// its secret set both times.

test('the sandbox leaves the real vendor everything to be sent, and no connection leaves the machine', {
  timeout: 120_000,
}, async () => {
  const directory = await smallShop()
  const receiver = await openReceiver()
  const env = { HOOK_URL: receiver.url, HOOK_SECRET: SECRET }
  const run = (name: string, ...more: string[]) => spied(directory, name, ['run', '--json', ...more], env)
  const real = ['--select', 'sync:quiet_to_hook', 'sync:vips_to_file']

  const sandbox = await run('sandbox', '--sandbox')
  const creates = { quiet_to_hook: 55, readers_to_newsletter: 40, vips_to_crm: 14, vips_to_file: 14 }
  expect(createsOf(sandbox.outcome)).toEqual(creates)
  expect(sandbox.leaving).toEqual([])
  expect(sandbox.ports.size, 'the spy saw the connections to the emulators').toBeGreaterThanOrEqual(3)
  expect(receiver.requests).toBe(0)
  expect(existsSync(join(directory, 'out'))).toBe(false)
  const emulated = await journals(directory)

  const first = await run('first', ...real)
  expect(createsOf(first.outcome)).toEqual({ quiet_to_hook: 55, vips_to_file: 14 })
  const { hook, exports } = await expected(directory)
  expect(Object.fromEntries(receiver.rows)).toEqual(hook)
  expect(receiver.taken.map(({ op }) => op)).toEqual(Array(55).fill('create'))
  const [header, ...lines] = (await readFile(join(directory, 'out/vips.csv'), 'utf8')).trimEnd().split('\n')
  expect(header).toBe('customer,spent')
  expect(Object.fromEntries(lines.map((line) => line.split(',')).map(([key, spent]) => [key, Number(spent)]))).toEqual(
    exports,
  )
  expect([...first.ports]).toEqual([Number(new URL(receiver.url).port)])

  const requests = receiver.requests
  const second = await run('second', ...real)
  expect(createsOf(second.outcome)).toEqual({ quiet_to_hook: 0, vips_to_file: 0 })
  expect(receiver.requests).toBe(requests)

  const again = await run('again', '--sandbox')
  expect(createsOf(again.outcome)).toEqual({
    quiet_to_hook: 0,
    readers_to_newsletter: 0,
    vips_to_crm: 0,
    vips_to_file: 0,
  })
  expect(await journals(directory)).toEqual(emulated)
})

test('the spy sees every way out, and refuses what would leave the machine', async () => {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  const ways = `
    import { lookup } from 'node:dns/promises'
    import dns from 'node:dns'
    import dgram from 'node:dgram'
    import net from 'node:net'
    import tls from 'node:tls'
    import { request } from ${JSON.stringify(import.meta.resolve('undici'))}
    const left = []
    const attempt = async (name, act) => { try { await act() ; left.push(name) } catch { } }
    const opened = (socket) => new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject))
    await attempt('lookup', () => lookup('a.example'))
    await attempt('resolve', () => new dns.promises.Resolver().resolve4('b.example'))
    await attempt('callback', () => dns.lookup('c.example', () => {}))
    await attempt('udp', () => dgram.createSocket('udp4').send('x', 9, '192.0.2.1'))
    await attempt('net', () => opened(net.connect(9, '192.0.2.2')))
    await attempt('tls', () => opened(tls.connect({ port: 9, host: '192.0.2.3' })))
    await attempt('fetch', () => fetch('https://192.0.2.4'))
    await attempt('undici', () => request('https://192.0.2.5'))
    console.log(JSON.stringify(left))
    process.exit()`
  const file = join(directory, 'ways.network')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', SPY, '--input-type=module', '--eval', ways],
    { env: { ...process.env, NETWORK_SPY: file } },
  )
  expect(JSON.parse(stdout)).toEqual([])
  const names = ['a.example', 'b.example', 'c.example', ...[1, 2, 3, 4, 5].map((last) => `192.0.2.${last}`)]
  expect((await seenBy(file)).leaving).toEqual(names)
})

interface Seen {
  /** Hosts that the command tried to reach and that are not this machine. */
  readonly leaving: readonly string[]
  /** Ports of this machine that it connected to. */
  readonly ports: ReadonlySet<number>
}

async function spied(
  directory: string,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Seen & { readonly outcome: Outcome }> {
  const file = join(directory, `${name}.network`)
  const outcome = await cdp(args, { cwd: directory, node: ['--import', SPY], env: { ...env, NETWORK_SPY: file } })
  return { outcome, ...(await seenBy(file)) }
}

async function seenBy(file: string): Promise<Seen> {
  const lines = existsSync(file) ? (await readFile(file, 'utf8')).trimEnd().split('\n') : []
  const noted = lines.map((line) => JSON.parse(line) as { kind: string; host: string; port?: number; leaves: boolean })
  return {
    leaving: noted.filter(({ leaves }) => leaves).map(({ host }) => host),
    ports: new Set(noted.flatMap(({ kind, port }) => (kind === 'connect' && port !== undefined ? [port] : []))),
  }
}

/** Creations by sync, all of which were written. */
function createsOf(outcome: Outcome): Readonly<Record<string, number>> {
  const { syncs } = jsonOf(outcome) as Report
  expect(outcome.code, outcome.stderr).toBe(0)
  for (const sync of syncs) expect(sync).toMatchObject({ status: 'ok', written: sync.creates, updates: 0, removes: 0 })
  return Object.fromEntries(syncs.map(({ name, creates }) => [name, creates]).sort())
}
