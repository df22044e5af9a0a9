import { explain, identityBridges, identityDiff, identityShared } from '../../src/answers.ts'
import type { BridgesReport } from '../../src/catalog/bridges.ts'
import type { IdentityDiff } from '../../src/catalog/diff.ts'
import type { Explanation } from '../../src/catalog/explain.ts'
import type { SharedReport } from '../../src/catalog/shared.ts'
import { openEnvironment } from '../../src/commands/world.ts'
import type { Environment } from '../../src/environment.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { type Inline, inline } from './inline.ts'
import { SANDBOX } from './small-shop.ts'

/** A project of a test, and the commands that explain its graph, run in this process. Values are shown. */
export interface Asking extends Inline {
  explain(...given: readonly string[]): Promise<Explanation>
  shared(options?: { readonly type?: string; readonly limit?: number }): Promise<SharedReport>
  bridges(given: string): Promise<BridgesReport>
  diff(): Promise<IdentityDiff>
  /** The same with personal values hidden, as without `--show-values`. */
  readonly hidden: Pick<Asking, 'explain' | 'shared' | 'bridges' | 'diff'>
}

export async function asking(files: Readonly<Record<string, string>>): Promise<Asking> {
  const made = await inline(files)
  const { environment, close } = openEnvironment(() => undefined, new AbortController().signal)
  const warehouses = new Map([['duckdb', { ...duckdb, connect: async () => lasting(made.session) }]])
  const world: Environment = { ...environment, warehouses: warehouses as unknown as Environment['warehouses'] }
  const request = { ...SANDBOX, sandbox: false, directory: made.directory }
  const commands = (showValues: boolean) => ({
    explain: (...given: readonly string[]) =>
      explain(request, world, { arguments: given, entity: undefined, showValues }),
    shared: (options: { readonly type?: string; readonly limit?: number } = {}) =>
      identityShared(request, world, { entity: undefined, type: options.type, limit: options.limit ?? 20, showValues }),
    bridges: (argument: string) =>
      identityBridges(request, world, { argument, entity: undefined, limit: 10, showValues }),
    diff: () => identityDiff(request, world, { entity: undefined, showValues }),
  })
  return {
    ...made,
    ...commands(true),
    hidden: commands(false),
    close: async () => {
      await close()
      await made.close()
    },
  }
}

/** The session of the test, which a command must not close: a database in memory would be gone. */
export function lasting(session: Session): Session {
  return new Proxy(session, {
    get: (target, name: keyof Session) => {
      if (name === 'close') return async () => undefined
      const member = target[name]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
