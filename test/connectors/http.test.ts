import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isPrivate } from '../../src/connectors/address.ts'
import { NetworkError } from '../../src/connectors/connector.ts'
import { createFetch, type HttpOptions } from '../../src/connectors/http.ts'

const PRIVATE = { allowPrivate: true }
const PUBLIC = { allowPrivate: false }

function open(options: HttpOptions = {}) {
  const fetch = createFetch({ timeout: 20_000, ...options })
  onTestFinished(() => fetch.close())
  return fetch
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

async function serve(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}`
}

const tls = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')

describe('an answer', () => {
  test('carries status, headers in lower case and body; the request arrives as it was meant', async () => {
    const origin = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        response.writeHead(207, { 'X-Seen': `${request.method} ${request.url} ${request.headers['x-one']} ${body}` })
        response.end('é')
      })
    })
    const answer = await open()(
      { method: 'PUT', url: `${origin}/a%2Fb?q=1`, headers: { 'x-one': '1' }, body: 'data' },
      PRIVATE,
    )
    expect(answer).toMatchObject({ status: 207, body: 'é' })
    expect(answer.headers['x-seen']).toBe('PUT /a%2Fb?q=1 1 data')
  })

  test('that redirects is an answer; nothing is followed', async () => {
    let calls = 0
    const origin = await serve((_, response) => {
      calls += 1
      response.writeHead(302, { location: '/other' }).end()
    })
    expect(await open()({ method: 'GET', url: origin }, PRIVATE)).toMatchObject({ status: 302 })
    expect(calls).toBe(1)
  })
})

describe('no answer', () => {
  const attempt = (url: string, options?: HttpOptions, permission = PRIVATE) =>
    open(options)({ method: 'POST', url, body: '{}' }, permission).catch((error: unknown) => error)

  test('a refused connection sent nothing', async () => {
    const port = await listen(createTcpServer())
    const unused = port === 65_535 ? port - 1 : port + 1
    const error = await attempt(`http://127.0.0.1:${unused}/secret-path?token=secret`)
    expect(error).toMatchObject({ name: 'NetworkError', sent: false })
    expect(String(error)).not.toContain('secret')
  })

  test('a name without an address sent nothing', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND vendor.test'), { code: 'ENOTFOUND' })
    }
    expect(await attempt('https://vendor.test/', { resolve }, PUBLIC)).toMatchObject({ sent: false })
    expect(await attempt('https://vendor.test/', { resolve: async () => [] }, PUBLIC)).toMatchObject({ sent: false })
  })

  test('a resolver that does not answer in time sent nothing', async () => {
    const resolve = () => new Promise<never>(() => undefined)
    expect(await attempt('https://vendor.test/', { resolve, timeout: 200 }, PUBLIC)).toMatchObject({ sent: false })
  })

  test('a connection that is closed after the request may have been sent', async () => {
    const origin = await serve((request) => request.socket.destroy())
    expect(await attempt(origin)).toMatchObject({ name: 'NetworkError', sent: true })
  })

  test('a server that stays silent may have got it', async () => {
    const origin = await serve(() => undefined)
    const error = await attempt(origin, { timeout: 200 })
    expect(error).toBeInstanceOf(NetworkError)
    expect(error).toMatchObject({ sent: true, timedOut: true })
  })

  test('a request that is aborted may have been sent, and once aborted none starts', async () => {
    const abort = new AbortController()
    let calls = 0
    const origin = await serve(() => {
      calls += 1
      abort.abort()
    })
    const fetch = open()
    const send = () => fetch({ method: 'POST', url: origin, body: '{}' }, { ...PRIVATE, signal: abort.signal })
    await expect(send()).rejects.toMatchObject({ name: 'NetworkError', sent: true, timedOut: false })
    await expect(send()).rejects.toMatchObject({ name: 'NetworkError', sent: false })
    expect(calls).toBe(1)
  })

  test('an answer that never ends, or ends too early, is none', async () => {
    const drip = await serve((_, response) => response.writeHead(200, { 'content-length': '9' }).write('abc'))
    expect(await attempt(drip, { timeout: 200 })).toMatchObject({ sent: true, timedOut: true })
    const short = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '9' }).write('abc')
      response.socket?.end()
    })
    expect(await attempt(short)).toMatchObject({ sent: true })
  })

  test('an answer of more than 32 MB is none', async () => {
    const origin = await serve((_, response) => response.end(Buffer.alloc(33 * 1024 * 1024)))
    const error = await open()({ method: 'GET', url: origin }, PRIVATE).catch((one: unknown) => one)
    expect(error).toMatchObject({ sent: true })
  })
})

test('a header that cannot be sent is an error of configuration that does not show it', async () => {
  const origin = await serve((_, response) => response.end())
  const headers = { authorization: 'Bearer canary\n' }
  const error = await open()({ method: 'GET', url: origin, headers }, PRIVATE).catch((one: unknown) => one)
  expect(error).toMatchObject({ name: 'DestinationError', kind: 'config', code: 'bad_request' })
  expect(String(error)).not.toContain('canary')
})

describe('TLS', () => {
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
  const secure = async () =>
    listen(createTlsServer({ key: tls('key'), cert: tls('cert') }, (_, response) => response.end('ok')))

  test('is checked against the name, and to a trusted certificate it works', async () => {
    const port = await secure()
    const answer = await open({ resolve, ca: tls('cert') })(
      { method: 'GET', url: `https://vendor.test:${port}/` },
      PRIVATE,
    )
    expect(answer).toMatchObject({ status: 200, body: 'ok' })
  })

  test.each([
    ['a certificate that nobody vouches for', 'vendor.test', {}],
    ['a certificate for another name', 'other.test', { ca: tls('cert') }],
  ])('%s is refused before anything is sent, whatever the environment says', async (_, host, more) => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    onTestFinished(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    })
    const port = await secure()
    const sending = open({ resolve, ...more })({ method: 'POST', url: `https://${host}:${port}/`, body: 'x' }, PRIVATE)
    await expect(sending).rejects.toMatchObject({ kind: 'config', code: 'certificate_refused', applied: 'no' })
  })
})

describe('an address that must not be reached', () => {
  test.each([
    'http://vendor.example/',
    'ftp://vendor.example/',
    'file:///etc/passwd',
    'vendor.example',
    '//vendor.example',
    'https://user@vendor.example/',
    'https://user:pass@vendor.example/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://10.0.0.8/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://198.18.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::]/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fd00::8]/',
    'https://[ff02::1]/',
  ])('%s is refused', async (url) => {
    const resolve = async () => {
      throw new Error('must not be resolved')
    }
    const error = await open({ resolve })({ method: 'GET', url }, PUBLIC).catch((one: unknown) => one)
    expect(error).toMatchObject({ name: 'DestinationError', kind: 'config', code: 'address_refused' })
  })

  test.each(['127.0.0.1', '10.1.1.1', '169.254.169.254', '::1', 'fd00::1', '::ffff:10.0.0.1'])(
    'a name that resolves to %s is refused, even beside a public address',
    async (address) => {
      const resolve = async () => [
        { address: '93.184.216.34', family: 4 },
        { address, family: address.includes(':') ? 6 : 4 },
      ]
      const sending = open({ resolve })({ method: 'GET', url: 'https://vendor.example/' }, PUBLIC)
      await expect(sending).rejects.toMatchObject({ kind: 'config', code: 'address_refused' })
    },
  )

  test('a name is resolved once for a connection: a resolver that changes its mind gains nothing', async () => {
    let asked = 0
    const resolve = async () => [{ address: ++asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    const port = await listen(createServer((request, response) => response.end(request.socket.localAddress)))
    const fetch = open({ resolve })
    const url = `http://rebinding.example:${port}/`
    expect((await fetch({ method: 'GET', url }, PRIVATE)).body).toBe('127.0.0.1')
    expect(asked).toBe(1)
  })

  test('what a private answer permits does not open the way for others', async () => {
    const origin = await serve((_, response) => response.end('inside'))
    const fetch = open()
    expect((await fetch({ method: 'GET', url: origin }, PRIVATE)).body).toBe('inside')
    await expect(fetch({ method: 'GET', url: origin }, PUBLIC)).rejects.toMatchObject({ code: 'address_refused' })
  })

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2001:4860:4860::8888'])(
    '%s is public',
    (address) => expect(isPrivate(address)).toBe(false),
  )
})
