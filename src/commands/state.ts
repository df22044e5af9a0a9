import type { LedgerState, SyncLedger } from '../catalog/ledger-state.ts'
import { resetState, showState } from '../ledger-reset.ts'
import { atDesk, type Call, heading } from './command.ts'
import { type Column, count, number, type Paper, table, visible, wrap } from './layout.ts'

/** `cdp state show [--select …]`: what the ledger holds. The document of `--json` is the `LedgerState`. */
export function show(call: Call): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const found = await showState(request, environment)
    if (call.options.json) screen.document({ ...heading('state show', 0), ...found, errors: [] })
    else screen.print(printState(found, screen.out))
    return 0
  })
}

/** `cdp state reset <sync> --yes`: forgets what a destination acknowledged. The document of `--json` is the `Reset`. */
export function reset(call: Call<Call['options'] & { readonly yes?: boolean }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const asked = { sync: call.args[0] ?? '', sure: call.options.yes === true }
    const done = await resetState(request, environment, asked)
    const [sync, destination] = [visible(done.sync), visible(done.destination)]
    if (call.options.json) screen.document({ ...heading('state reset', 0), ...done, errors: [] })
    else
      screen.print([
        `${count(done.forgotten, 'row')} of "${sync}" forgotten: the next run sends everybody again.`,
        ...(done.forgotten === 0
          ? []
          : [screen.out.paint('yellow', `"${destination}" keeps them, and those who leave can no longer be removed.`)]),
        ...(done.kept === 0 ? [] : [`${count(done.kept, 'row')} kept as unsure: something under way may change them.`]),
      ])
    return 0
  })
}

function printState({ schema, made, syncs }: LedgerState, page: Paper): readonly string[] {
  const since = made === undefined ? 'empty' : `version ${made.version}, made under target ${visible(made.target)}`
  return [
    ...wrap(`Ledger "${visible(schema)}": ${since}`, page.width),
    '',
    ...(syncs.length === 0 ? [] : table(COLUMNS, syncs, page)),
    ...syncs.flatMap(({ name, lease }) =>
      lease === undefined ? [] : [`  ${visible(name)}: held by ${visible(lease.holder)} until ${visible(lease.until)}`],
    ),
  ]
}

const figure = (title: string, value: (one: SyncLedger) => number): Column<SyncLedger> => ({
  title,
  align: 'right',
  value: (one) => number(value(one)),
  style: (one) => (value(one) === 0 ? 'dim' : undefined),
})

const COLUMNS: readonly Column<SyncLedger>[] = [
  { title: 'sync', value: ({ name }) => visible(name) },
  { title: 'mode', value: ({ mapping }) => mapping.mode, optional: 2 },
  {
    title: 'key',
    value: ({ mapping }) =>
      Object.entries(mapping.key)
        .map(([theirs, ours]) => visible(theirs === ours ? theirs : `${theirs} (${ours})`))
        .join(', '),
    optional: 1,
  },
  figure('keys', ({ keys }) => keys),
  figure('synced', ({ rows }) => rows.synced),
  figure('unsure', ({ rows }) => rows.unknown),
  figure('accepted', ({ rows }) => rows.submitted),
  figure('refused', ({ rows }) => rows.refused + rows.quarantined),
  figure('left', ({ rows }) => rows.left),
  figure('removed', ({ rows }) => rows.removed),
  figure('on hold', ({ on_hold: held }) => held),
  figure('to correct', ({ to_correct: wrong }) => wrong),
]
