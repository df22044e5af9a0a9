import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment, Request } from '../../src/environment.ts'
import { run } from '../../src/pipeline.ts'
import type { Report } from '../../src/report.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { lasting } from './asking.ts'
import { emptyFolder } from './cli.ts'
import { SANDBOX } from './small-shop.ts'
import { openSmallMemory } from './warehouse.ts'

/** A project of files over a DuckDB in memory, run at business times that the test names. */
export interface RowsShop {
  readonly directory: string
  readonly session: Session
  write(files: Readonly<Record<string, string>>): Promise<void>
  read(path: string): Promise<string>
  /** Runs it against real destinations; throws where anything but the syncs themselves goes wrong. */
  run(now: string): Promise<Report>
  /** Does something else with it at a business time. */
  act<R>(now: string, work: (request: Request, environment: Environment) => Promise<R>): Promise<R>
}

const CONFIG = 'name: shop\nwarehouse: local\nwarehouses: { local: { type: duckdb, path: ":memory:" } }\n'

export async function rowsShop(files: Readonly<Record<string, string>>): Promise<RowsShop> {
  const folder = await emptyFolder()
  onTestFinished(folder.remove)
  const { directory } = folder
  const session = await openSmallMemory(directory)
  onTestFinished(() => session.close())
  const warehouses = new Map([['duckdb', { ...duckdb, connect: async () => lasting(session) }]])
  const shop: RowsShop = {
    directory,
    session,
    write: async (more) => {
      for (const [path, text] of Object.entries(more)) {
        await mkdir(dirname(join(directory, path)), { recursive: true })
        await writeFile(join(directory, path), text)
      }
    },
    read: (path) => readFile(join(directory, path), 'utf8'),
    run: async (now) => {
      const report = await shop.act(now, run)
      const failed = report.errors.filter(({ code }) => !code.startsWith('sync/') && !code.startsWith('destination/'))
      if (failed.length > 0) throw new Error(JSON.stringify(failed, null, 1))
      return report
    },
    act: async (now, work) => {
      const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
      try {
        const world = { ...environment, warehouses: warehouses as unknown as Environment['warehouses'] }
        return await work({ ...SANDBOX, directory, sandbox: false, now }, world)
      } finally {
        await close()
      }
    },
  }
  await shop.write({ 'cdp.config.yaml': CONFIG, ...files })
  return shop
}

/** A receiver of webhooks on the loopback interface. */
export interface Postbox {
  readonly url: string
  /** Every change that it was sent, refused ones included, in order: `create 7 {"amount":5}`. */
  readonly seen: readonly string[]
  /** What it holds, by key. */
  readonly rows: ReadonlyMap<string, unknown>
  /** Keys that it refuses. */
  readonly refuses: Set<string>
  /** Forgets what it has seen, not what it holds. */
  look(): readonly string[]
}

export async function openPostbox(): Promise<Postbox> {
  const rows = new Map<string, unknown>()
  const refuses = new Set<string>()
  const seen: string[] = []
  const server = createServer(async (incoming, response) => {
    let body = ''
    for await (const piece of incoming.setEncoding('utf8')) body += String(piece)
    const { changes } = JSON.parse(body) as { changes: readonly { op: string; key: unknown; fields: object }[] }
    const results = changes.map(({ op, key, fields }) => {
      const name = typeof key === 'object' ? JSON.stringify(key) : String(key)
      seen.push(`${op} ${name}${op === 'remove' ? '' : ` ${JSON.stringify(fields)}`}`)
      if (refuses.has(name)) return { key, status: 'refused', message: 'not that one' }
      if (op === 'remove') rows.delete(name)
      else rows.set(name, { ...(rows.get(name) as object | undefined), ...fields })
      return { key, status: 'ok' }
    })
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/in`, seen, rows, refuses, look: () => seen.splice(0).sort() }
}

/** CSV of a header and rows; every cell as it is written. */
export function csv(header: string, ...rows: readonly string[]): string {
  return `${[header, ...rows].join('\n')}\n`
}
