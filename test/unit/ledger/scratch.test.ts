import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openEnvironment } from '../../../src/commands/world.ts'
import type { Environment } from '../../../src/environment.ts'
import { adopt, verify } from '../../../src/ledger-compare.ts'
import { rekey } from '../../../src/ledger-rekey.ts'
import { unlock } from '../../../src/mending.ts'
import type { Session, Warehouse } from '../../../src/warehouses/warehouse.ts'
import { apart } from '../../support/apart.ts'
import { GROUNDS, scratchTables } from '../../support/ground.ts'
import { mending, refusal } from '../../support/mending.ts'
import { runInSandbox } from '../../support/small-shop.ts'

const READERS = 'readers_to_newsletter'

/** A process that ends before its `n`-th change of the warehouse: nothing of it happens any more, no tidying up either. */
function endingAt(n: number): Partial<Environment> {
  let left = n
  const count = () => {
    if (left-- <= 0) throw new Error('killed')
  }
  const cut = (session: Session): Session =>
    apart({
      dialect: session.dialect,
      columns: (...args) => session.columns(...args),
      describe: (...args) => session.describe(...args),
      read: (...args) => session.read(...args),
      close: () => session.close(),
      first: async (query) => {
        if (left <= 0) throw new Error('killed')
        return session.first(query)
      },
      script: async (all) => {
        count()
        return session.script(all)
      },
      append: async (...args) => {
        count()
        return session.append(...args)
      },
    })
  const { environment } = openEnvironment(() => undefined, new AbortController().signal)
  const warehouses = new Map(
    [...environment.warehouses].map(([type, one]): [string, Warehouse<unknown>] => [
      type,
      { ...one, connect: async (...args) => cut(await one.connect(...args)) },
    ]),
  )
  return { warehouses, holder: 'gone' }
}

const endOf = (command: Promise<unknown>) =>
  command.then(
    () => 'whole',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )

const NEXT: Partial<Environment> = { isDead: (holder) => holder === 'gone' }

describe.each(GROUNDS)('on $title', (ground) => {
  const copy = ground.filled()

  test('tables that an adoption leaves, wherever it is killed, are dropped by the next command', async () => {
    const directory = await copy()
    const from = { kind: 'destination' } as const
    let left = 0
    for (let n = 3, ended = ''; ended !== 'whole'; n++) {
      ended = await endOf(mending(directory, adopt, [{ sync: READERS, from }], endingAt(n)))
      left += (await scratchTables(ground, directory)).length > 0 ? 1 : 0
      await mending(directory, unlock, [{ sync: READERS, force: false }], NEXT)
      expect(await scratchTables(ground, directory), `killed before change ${n}`).toEqual([])
    }
    expect(left).toBeGreaterThan(3)
  })

  test('tables that a killed rekey leaves are dropped by the next command, a run as well', async () => {
    const directory = await copy()
    const path = join(directory, 'destinations/crm.yaml')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('key: { Ext_Id__c: customer_no }', 'key: { Card__c: card }'))
    const sync = 'vips_to_crm'
    expect(await endOf(mending(directory, rekey, [{ sync }], endingAt(6)))).toBe('killed')
    expect(await scratchTables(ground, directory)).not.toEqual([])
    await writeFile(path, text)
    await runInSandbox(directory, NEXT)
    expect(await scratchTables(ground, directory)).toEqual([])
  })
  test('what is read back is asked for again where the vendor fails for the moment', async () => {
    const directory = await copy()
    const { environment } = openEnvironment(() => undefined, new AbortController().signal)
    let asked = 0
    let skipped = 0
    const { clock } = environment.world
    const jumping: typeof clock = {
      ...clock,
      now: () => clock.now() + skipped,
      sleep: async (ms) => {
        skipped += ms
      },
    }
    const flaky = (failing: (n: number) => boolean): Partial<Environment> => ({
      world: { ...environment.world, clock: jumping },
      openSandbox: async (options) => {
        const sandbox = await environment.openSandbox(options)
        return {
          ...sandbox,
          fetch: async (request, more) => {
            if (request.method === 'GET' && failing(asked++)) return { status: 500, headers: {}, body: '' }
            return sandbox.fetch(request, more)
          },
        }
      },
    })
    const rows: [{ sync: string; rows: number }] = [{ sync: READERS, rows: 4 }]
    const found = await mending(
      directory,
      verify,
      rows,
      flaky((n) => n % 3 !== 2),
    )
    expect(found).toMatchObject({ rows: 4, equal: 4 })
    expect(asked).toBe(12)
    expect(
      await refusal(
        mending(
          directory,
          verify,
          rows,
          flaky(() => true),
        ),
      ),
    ).toMatchObject({
      code: 'destination/unreachable',
    })
    expect(asked).toBe(17)
  })
})
