import type { Bridge, BridgesReport, CutValue } from '../catalog/bridges.ts'
import { type Column, count, number, type Paper, table, visible, wrap } from './layout.ts'
import { named, notes } from './print-explain.ts'
import { section } from './print-run.ts'

/** Where a profile would fall apart, the most telling first. */
export function printBridges(report: BridgesReport, page: Paper): readonly string[] {
  const { entity, identifiers, pairs, values, bridges } = report
  const lines = [
    page.paint('bold', `${visible(entity)} ${report.profile_id}`),
    ...wrap(hanging(identifiers, pairs), page.width, '  '),
    ...(report.cut ? wrap('It is larger than what was read: this may be wrong.', page.width, '  ') : []),
    '',
    ...section(
      title('Values to cut', values.length, report.value_count),
      identifiers < 2 ? [] : valueLines(values, page),
      page,
    ),
    ...section(title('Pairs to cut', bridges.length, report.bridge_count), bridgeLines(bridges, page), page),
    ...advice(report, page),
    ...notes(report.notes, page),
  ]
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function hanging(identifiers: number, pairs: number): string {
  if (identifiers < 2) return 'It has one identifier: nothing can be cut.'
  return `${number(identifiers)} identifiers hang together by ${count(pairs, 'pair')}`
}

function title(what: string, shown: number, all: number): string {
  return shown === all ? what : `${what}: the first ${number(shown)} of ${number(all)}`
}

const VALUES: readonly Column<CutValue>[] = [
  { title: 'without', value: named },
  {
    title: 'parts of so many identifiers are left',
    value: ({ parts, part_count: all }) =>
      `${parts.map(number).join(' + ')}${all > parts.length ? ` + ${number(all - parts.length)} smaller` : ''}`,
  },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows), optional: 1 },
]

function valueLines(values: readonly CutValue[], page: Paper): readonly string[] {
  if (values.length === 0) return wrap('None: no identifier alone holds others together.', page.width, '  ')
  return table(VALUES, values, page)
}

const BRIDGES: readonly Column<Bridge>[] = [
  { title: 'between', value: ({ a }) => named(a) },
  { title: 'and', value: ({ b }) => named(b) },
  { title: 'sides', align: 'right', value: ({ sides }) => sides.map(number).join(' + ') },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows), optional: 1 },
]

function bridgeLines(bridges: readonly Bridge[], page: Paper): readonly string[] {
  return bridges.length === 0 ? [] : table(BRIDGES, bridges, page)
}

function advice({ identifiers, values: [first], bridges: [pair] }: BridgesReport, page: Paper): readonly string[] {
  const second = first?.parts[1] ?? 0
  const side = Math.min(...(pair?.sides ?? [0]))
  if (identifiers < 2) return []
  if (Math.max(second, side) < 2)
    return [...wrap('Nothing holds two large parts of it together.', page.width, '  '), '']
  if (first === undefined || second < side) return []
  const what = `Where ${named(first)} joins people who are not one, a rule of ${first.type} ("block:", "max_fanout:", "limit:") keeps them apart.`
  return [...wrap(visible(`${what} "cdp identity diff" shows what that changes.`), page.width, '  '), '']
}
