import type { Status } from '../catalog/status.ts'
import { withdrawalText } from '../sync/by-hand.ts'
import { type Column, count, duration, number, type Paper, type Style, table, visible, wrap } from './layout.ts'
import { section } from './print-run.ts'

/** What is published and what every sync holds and owes; `now` is what ages are counted from. */
export function printStatus(status: Status, now: Date, page: Paper): readonly string[] {
  const lines = [
    ...section('Published', published(status, now, page), page),
    ...section('Models', status.models.length === 0 ? [] : table(MODELS, status.models, page), page),
    ...section(status.sandbox ? 'Syncs (sandbox)' : 'Syncs', syncs(status, now, page), page),
  ]
  return lines.slice(0, -1)
}

function published({ published: last, target }: Status, now: Date, page: Paper): readonly string[] {
  if (last === undefined) return ['  nothing yet: "cdp run" builds and publishes']
  const said = `build ${last.build} on target ${visible(target)}, ${ago(last.at, now)}, run ${visible(last.run_id)}`
  return wrap(`${said}, as of ${visible(last.now)}`, page.width, '  ', '    ')
}

type Model = Status['models'][number]

const MODELS: readonly Column<Model>[] = [
  { title: 'name', value: ({ name }) => visible(name) },
  { title: 'kind', value: ({ kind }) => kind },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows) },
]

type Sync = Status['syncs'][number]

function syncs({ syncs: all }: Status, now: Date, page: Paper): readonly string[] {
  if (all.length === 0) return []
  const state = (title: string, rows: (one: Sync) => number, style?: Style): Column<Sync> => ({
    title,
    align: 'right',
    value: (one) => number(rows(one)),
    style: (one) => (rows(one) === 0 ? 'dim' : style),
  })
  const rare = [
    state('unsure', (one) => one.rows.unknown, 'yellow'),
    state('accepted', (one) => one.rows.submitted, 'cyan'),
    state('refused', (one) => one.rows.refused, 'yellow'),
    state('given up', (one) => one.rows.quarantined, 'red'),
    state('left', (one) => one.rows.left),
    state('removed', (one) => one.rows.removed),
  ]
  const columns: readonly Column<Sync>[] = [
    { title: 'sync', value: ({ name }) => visible(name) },
    { title: 'to', value: ({ destination }) => visible(destination), optional: 1 },
    { title: 'last run', value: ({ last_run: lastRun }) => (lastRun === undefined ? 'never' : ago(lastRun.at, now)) },
    {
      title: 'ended',
      value: ({ last_run: lastRun }) => (lastRun === undefined ? '' : (ENDED[lastRun.event] ?? lastRun.event)),
    },
    state('synced', (one) => one.rows.synced),
    ...rare.filter(({ value }) => all.some((one) => value(one) !== '0')),
  ]
  return [...table(columns, all, page), ...all.flatMap((one) => remarks(one, page))]
}

const ENDED: Readonly<Record<string, string>> = { done: 'ok', claimed: 'running, or cut off' }

function remarks(
  { name, destination, lease, last_run: lastRun, withdrawals = [] }: Sync,
  page: Paper,
): readonly string[] {
  const say = (text: string) => wrap(`${visible(name)}: ${visible(text)}`, page.width, '  ', '    ')
  const again = lastRun?.counts.again ?? 0
  return [
    ...(lease === undefined ? [] : say(`held by ${lease.holder}, at the latest until ${lease.until}`)),
    ...(lastRun?.detail === undefined ? [] : say(lastRun.detail)),
    ...withdrawals.flatMap((one) => say(`to be withdrawn at ${destination} by hand: ${withdrawalText(one)}`)),
    ...(again === 0 ? [] : say(`${count(again, 'row')} owed when its last run ended`)),
  ]
}

function ago(time: string, now: Date): string {
  const ms = now.getTime() - Date.parse(time)
  return Number.isNaN(ms) ? visible(time) : `${duration(Math.max(0, ms))} ago`
}
