import { z } from 'zod'
import {
  type Channel,
  type Connectors,
  defineConnector,
  type LeaveVerb,
  type Limit,
  type Receipt,
} from '../../src/connectors/connector.ts'
import type { Registries } from '../../src/project/validate.ts'
import { secret } from '../../src/secret.ts'
import { duckdb } from '../../src/warehouses/duckdb.ts'
import type { Warehouses } from '../../src/warehouses/warehouse.ts'

const LIMIT: Limit = { rows: 100, bytes: 1_000_000, calls: 10, perMs: 1000, inFlight: 1 }

const LETTER_LEAVES: readonly LeaveVerb[] = [
  { verb: 'stamp', description: 'Stamps it.', takes: 'text', stopsContact: false, deletes: false },
  { verb: 'archive', description: 'Puts it away.', takes: 'nothing', stopsContact: true, deletes: false },
  { verb: 'burn', description: 'Burns it.', takes: 'nothing', stopsContact: true, deletes: true },
]

/** A vendor of letters: few modes, known fields, a secret, and verbs of every kind. Letters are kept in memory. */
export const letters = defineConnector({
  name: 'letters',
  title: 'Letters',
  account: z.object({
    token: secret('The password of the post office.'),
    office: z.string().describe('Which post office.').optional(),
    weight: z.number().describe('The heaviest letter.').optional(),
    stamps: z.boolean().describe('Whether letters have stamps.').optional(),
    proxy: z.object({ host: z.string(), password: secret('Of the proxy.').optional() }).optional(),
  }),
  into: z.object({
    box: z.string().regex(/^[a-z]+$/, 'must be lower case'),
    colour: z.enum(['red', 'yellow']).optional(),
  }),
  modes: ['upsert', 'update', 'mirror', 'append'],
  leaves: LETTER_LEAVES,
  // What lies in a sealed box cannot be put away.
  leavesOf: ({ box }) => LETTER_LEAVES.filter(({ verb }) => box !== 'sealed' || verb !== 'archive'),
  erase: 'permanent',
  settlesWithin: 60_000,
  delivers: () => 'changes',
  limits: () => ({ upsert: LIMIT, remove: LIMIT }),
  fields: () => ({
    known: [
      { name: 'address', key: true, type: 'text' },
      { name: 'number', key: true, type: 'number' },
      { name: 'NAME', required: true, type: 'text' },
      { name: 'AGE', type: 'number' },
      { name: 'VIP', type: 'boolean' },
    ],
    open: false,
  }),
  place: (account, into) => `${account.office ?? 'main'}/${into.box}`,
  open: (): Channel<{ box: string }> => {
    const box: unknown[] = []
    return {
      check: async () => undefined,
      send: async (batch): Promise<readonly Receipt[]> => {
        box.push(...batch)
        return batch.map(() => ({ outcome: 'written' }))
      },
    }
  },
})

/** A board on which anything can be pinned: no secret, no known fields, no place shared by syncs. */
export const board = defineConnector({
  name: 'board',
  title: 'Board',
  account: z.object({}),
  into: z.object({}),
  modes: ['mirror', 'append'],
  leaves: [{ verb: 'tear', description: 'Tears it off.', takes: 'nothing', stopsContact: true, deletes: true }],
  erase: 'remove',
  settlesWithin: 0,
  delivers: () => 'changes',
  limits: () => ({ upsert: LIMIT, remove: LIMIT }),
  fields: () => ({ known: [], open: true }),
  place: () => undefined,
  open: (): Channel<object> => ({
    check: async () => undefined,
    send: async (batch) => batch.map(() => ({ outcome: 'written' })),
  }),
})

/** A sheet that a mirror rewrites from top to bottom. */
export const sheet = defineConnector({
  ...board,
  name: 'sheet',
  title: 'Sheet',
  delivers: (mode) => (mode === 'mirror' ? 'whole' : 'changes'),
})

/** A list that can be read, and from which rows can be taken. */
export const list = defineConnector({
  ...board,
  name: 'list',
  title: 'List',
  leaves: [
    { verb: 'tag', description: 'Tags it.', takes: 'text', stopsContact: false, deletes: false },
    {
      verb: 'take',
      description: 'Takes it away.',
      takes: 'nothing',
      stopsContact: true,
      deletes: false,
      takesAway: true,
    },
  ],
  reads: () => true,
  place: () => 'the list',
})

/** DuckDB, and a warehouse that reads no local files and whose password is a secret. */
export const registries: Registries = {
  warehouses: new Map<string, unknown>([
    ['duckdb', duckdb],
    [
      'cloud',
      {
        ...duckdb,
        type: 'cloud',
        options: z.object({ account: z.string(), password: secret('Of the user.') }),
        dialect: { ...duckdb.dialect, type: 'cloud', files: () => undefined },
      },
    ],
  ]) as unknown as Warehouses,
  connectors: new Map<string, unknown>([
    ['letters', letters],
    ['board', board],
    ['sheet', sheet],
    ['list', list],
  ]) as unknown as Connectors,
}
