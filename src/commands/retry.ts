import { type Retried, retry as retried } from '../mending.ts'
import { atDesk, type Call, heading } from './command.ts'
import { type Column, count, number, table, visible } from './layout.ts'

/**
 * `cdp retry [--select …]`: makes refused rows due. The document of `--json` has a `Retried` per sync. Exit code 5 where
 * another run holds one of them.
 */
export function retry(call: Call<Call['options'] & { readonly compliance?: boolean }>): Promise<number> {
  return atDesk(call, async ({ request, environment, screen }) => {
    const compliance = call.options.compliance === true
    const syncs = await retried(request, environment, { compliance })
    const code = syncs.some(({ status }) => status === 'locked') ? 5 : 0
    if (call.options.json) screen.document({ ...heading('retry', code), syncs, errors: [] })
    else {
      const due = syncs.reduce((sum, one) => sum + one.due, 0)
      const left = compliance ? 0 : syncs.reduce((sum, one) => sum + one.compliance, 0)
      screen.print([
        ...(syncs.length === 0 ? [] : table(COLUMNS, syncs, screen.out)),
        '',
        due === 0 ? 'No row was waiting.' : `${count(due, 'row')} due: the next run sends what still differs.`,
        ...(left === 0
          ? []
          : [`${count(left, 'row')} of persons whom the vendor refuses stay; --compliance tries them.`]),
      ])
    }
    return code
  })
}

const COLUMNS: readonly Column<Retried>[] = [
  { title: 'sync', value: ({ name }) => visible(name) },
  { title: 'to', value: ({ destination }) => visible(destination), optional: 1 },
  { title: 'due', align: 'right', value: ({ due }) => number(due) },
  { title: 'were waiting', align: 'right', value: ({ refused }) => number(refused) },
  { title: 'were given up', align: 'right', value: ({ quarantined }) => number(quarantined) },
  { title: '', value: ({ locked_by: by }) => (by === null ? '' : `locked by ${visible(by)}`), style: () => 'yellow' },
]
