import type { FunnelLine, Preview } from '../build/preview.ts'
import { type Column, clip, count, number, type Paper, table, visible } from './layout.ts'
import { section } from './print-run.ts'

/** A segment as a person reads it: its size, where people were lost, its neighbours, and what members look like. */
export function printPreview(preview: Preview, page: Paper): readonly string[] {
  const share = preview.profiles === 0 ? '' : ` (${percent(preview.members / preview.profiles)})`
  const moved = `${number(preview.entered)} would enter, ${number(preview.left)} would leave`
  const of = `${number(preview.members)} of ${count(preview.profiles, `${visible(preview.entity)} profile`)}${share}`
  const lines = [
    page.paint('bold', `Segment ${visible(preview.segment)}`),
    `  ${of}`,
    `  ${moved}, against what is published`,
    '',
    ...section('Line by line', funnel(preview, page), page),
    ...section('Variants', variants(preview, page), page),
    ...section('Other segments', overlap(preview, page), page),
    ...section(
      'Some members',
      preview.sample.flatMap((row, index) => member(row, index, preview, page)),
      page,
    ),
  ]
  return lines.slice(0, -1)
}

/** The rows of the sample with personal values hidden; what is missing is still seen to be missing. */
export function masked(preview: Preview): Preview {
  const personal = new Set(preview.columns.filter((column) => column.personal).map(({ name }) => name))
  const hide = (name: string, value: unknown) => (personal.has(name) && value !== null ? MASK : value)
  const rows = preview.sample.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, hide(name, value)])),
  )
  return { ...preview, sample: rows }
}

const MASK = '[hidden]'

interface Step extends FunnelLine {
  readonly before: number
}

function funnel(preview: Preview, page: Paper): readonly string[] {
  const steps = preview.funnel.map(
    (line, index): Step => ({ ...line, before: preview.funnel[index - 1]?.left ?? preview.profiles }),
  )
  const columns: readonly Column<Step>[] = [
    { title: 'line', value: ({ kind, text }) => visible(kind === 'where' ? text : `${kind}: ${text}`) },
    { title: 'left', align: 'right', value: ({ left }) => number(left) },
    { title: 'lost', align: 'right', value: ({ before, left }) => number(before - left) },
    {
      title: 'of which for lack of a value',
      align: 'right',
      value: (one) => number(one.lost_to_null),
      style: (one) => (one.lost_to_null > 0 ? 'yellow' : 'dim'),
    },
  ]
  return table(columns, steps, page)
}

function variants({ variants: named, held_out, members }: Preview, page: Paper): readonly string[] {
  if (named.length === 0 && held_out === 0) return []
  const only = named.length === 0 ? [{ variant: 'members', members }] : named
  const columns: readonly Column<Preview['variants'][number]>[] = [
    { title: 'variant', value: ({ variant }) => visible(variant) },
    { title: 'people', align: 'right', value: (one) => number(one.members) },
  ]
  return table(columns, [...only, { variant: 'held out', members: held_out }], page)
}

function overlap(preview: Preview, page: Paper): readonly string[] {
  const columns: readonly Column<Preview['overlap'][number]>[] = [
    { title: 'segment', value: ({ segment }) => visible(segment) },
    { title: 'members', align: 'right', value: ({ members }) => number(members) },
    { title: 'in both', align: 'right', value: ({ both }) => number(both) },
    {
      title: 'of this one',
      align: 'right',
      value: ({ both }) => (preview.members === 0 ? '' : percent(both / preview.members)),
    },
  ]
  return preview.overlap.length === 0 ? [] : table(columns, preview.overlap, page)
}

function member(
  row: Readonly<Record<string, unknown>>,
  index: number,
  preview: Preview,
  page: Paper,
): readonly string[] {
  const named = preview.columns.filter(({ name }) => row[name] !== null && row[name] !== undefined)
  const width = Math.max(0, ...named.map(({ name }) => name.length))
  const lines = named.map(({ name }) => clip(`  ${visible(name).padEnd(width)}  ${valueText(row[name])}`, page.width))
  return index === 0 ? lines : ['', ...lines]
}

function valueText(value: unknown): string {
  return visible(typeof value === 'string' ? value : JSON.stringify(value))
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
