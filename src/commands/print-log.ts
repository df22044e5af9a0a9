import type { Log, LoggedRow, LoggedRun } from '../catalog/log.ts'
import { type Column, number, type Paper, type Style, table, visible, wrap } from './layout.ts'
import { section } from './print-run.ts'

/** What runs did, and what became of the rows that were asked for. */
export function printLog(log: Log, page: Paper): readonly string[] {
  const whose = log.person === null ? 'Rows' : `Rows of ${visible(log.person.entity)} ${visible(log.person.profile_id)}`
  const remarks = log.runs.flatMap(({ run_id, sync, detail }) =>
    detail === null ? [] : wrap(`${visible(run_id)} ${visible(sync)}: ${visible(detail)}`, page.width, '  ', '    '),
  )
  const lines = [
    ...section('Runs', log.runs.length === 0 ? ['  none'] : [...table(RUNS, log.runs, page), ...remarks], page),
    ...section(whose, log.rows.length === 0 ? [] : table(ROWS, log.rows, page), page),
  ]
  return lines.slice(0, -1)
}

const figure = (title: string, value: (run: LoggedRun) => number | undefined, style?: Style): Column<LoggedRun> => ({
  title,
  align: 'right',
  value: (run) => number(value(run) ?? 0),
  style: (run) => ((value(run) ?? 0) === 0 ? 'dim' : style),
})

const RUNS: readonly Column<LoggedRun>[] = [
  { title: 'run', value: ({ run_id }) => visible(run_id) },
  { title: 'sync', value: ({ sync }) => visible(sync) },
  { title: 'began', value: ({ began_at }) => visible(began_at) },
  { title: 'ended', value: ({ event }) => (event === 'claimed' ? 'running, or cut off' : visible(event)) },
  figure('written', ({ outcomes, counts }) => outcomes.written ?? counts.written),
  figure(
    'refused',
    ({ outcomes, counts }) => (outcomes.refused ?? counts.refused ?? 0) + (outcomes.compliance ?? 0),
    'yellow',
  ),
  figure('unknown', ({ outcomes }) => outcomes.unknown, 'yellow'),
]

const ROWS: readonly Column<LoggedRow>[] = [
  { title: 'sync', value: ({ sync }) => visible(sync) },
  {
    title: 'key',
    value: ({ key }) =>
      Object.entries(key)
        .map(([name, value]) => `${visible(name)} ${visible(value)}`)
        .join(', '),
  },
  { title: 'profile', value: ({ profile_id: id }) => visible(id ?? ''), optional: 1 },
  { title: 'outcome', value: ({ outcome }) => outcome },
  { title: 'last written', value: ({ last_synced_at: at }) => visible(at ?? 'never') },
  { title: 'code', value: ({ code }) => visible(code ?? ''), optional: 2 },
  { title: 'message', value: ({ message }) => visible(message ?? ''), optional: 3 },
]
