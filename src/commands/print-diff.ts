import type {
  EntityDiff,
  Example,
  ExamplePart,
  IdentityDiff,
  SizeCount,
  Sized,
  StandingChange,
} from '../catalog/diff.ts'
import { type Column, count, number, type Paper, table, visible, wrap } from './layout.ts'
import { day, named, reasonOf } from './print-explain.ts'
import { section } from './print-run.ts'

/** What a change of rules or data would do to the published profiles. */
export function printDiff(diff: IdentityDiff, page: Paper): readonly string[] {
  const { compared_with: published, entities, guard } = diff
  if (published === null)
    return wrap('Nothing is published yet, so there is nothing to compare with. "cdp run" publishes.', page.width)
  const than = `Compared with build ${published.build}, published ${minute(published.at)}. Nothing was published.`
  const refusals = guard.map((one) => one.replace(/^Nothing was published: /, ''))
  const lines = [
    ...wrap(than, page.width),
    '',
    ...section(
      'A guard stops "cdp run" here',
      refusals.flatMap((one) => wrap(visible(one), page.width, '  ', '    ')),
      page,
    ),
    ...entities.flatMap((one) => ofEntity(one, page)),
  ]
  return lines.slice(0, -1)
}

/** An instant to the minute, in UTC. */
function minute(time: string): string {
  return visible(`${day(time)} ${time.slice(11, 16)} UTC`)
}

function ofEntity(one: EntityDiff, page: Paper): readonly string[] {
  const { entity, profiles, identifiers, merges, splits } = one
  const rules = one.rules_changed ? 'the rules have changed' : 'the rules are the same: what differs is the data'
  const moved = (what: string, { profiles: from, into }: EntityDiff['merges'], verb: string) =>
    from === 0 ? `nothing ${what}` : `${count(from, 'profile')} ${verb} ${number(into)}`
  if (!one.rules_changed && isSame(one)) {
    const same = `${count(profiles.after, 'profile')}, as published: neither rules nor data make a difference.`
    return [page.paint('bold', visible(entity)), ...wrap(same, page.width, '  '), '']
  }
  return [
    page.paint('bold', visible(`${entity}: ${change(profiles.before, profiles.after)} profiles`)),
    ...wrap(`${rules}; ${change(identifiers.before, identifiers.after)} identifiers join`, page.width, '  '),
    ...wrap(
      [
        moved('merges', merges, merges.profiles === 1 ? 'becomes' : 'become'),
        moved('splits', splits, splits.profiles === 1 ? 'falls apart into' : 'fall apart into'),
        `${number(profiles.new)} new`,
        `${number(profiles.gone)} gone`,
      ].join(', '),
      page.width,
      '  ',
    ),
    '',
    ...section('Identifiers', one.standings.length === 0 ? [] : table(STANDINGS, one.standings, page), page),
    ...section('Refused', refusedLines(one, page), page),
    ...section('Merges', exampleLines(one.merge_examples, merges.into, mergeLines, page), page),
    ...section('Splits', exampleLines(one.split_examples, splits.profiles, splitLines, page), page),
    ...section('Sizes', sameSizes(one) ? [] : table(SIZES, one.sizes, page), page),
    ...section('Largest', sameLargest(one) ? [] : largestLines(one, page), page),
  ]
}

function isSame({ standings, merges, splits, refused, profiles }: EntityDiff): boolean {
  const moved = merges.profiles + splits.profiles + profiles.new + profiles.gone
  return moved === 0 && standings.length === 0 && refused.length === 0
}

function change(before: number, after: number): string {
  return before === after ? number(after) : `${number(before)} → ${number(after)}`
}

const STANDINGS: readonly Column<StandingChange>[] = [
  { title: 'type', value: ({ type }) => visible(type) },
  { title: 'was', value: ({ was }) => visible(was ?? 'new') },
  { title: 'becomes', value: ({ becomes }) => visible(becomes) },
  { title: 'identifiers', align: 'right', value: ({ identifiers }) => number(identifiers) },
]

function refusedLines({ refused }: EntityDiff, page: Paper): readonly string[] {
  return refused.flatMap((one) => wrap(visible(`${count(one.edges, 'edge')}: ${reasonOf(one)}`), page.width, '  '))
}

function mergeLines({ profile_id: id, parts, part_count: all }: Example, page: Paper): readonly string[] {
  return [
    `  ${count(all, 'profile')} become ${id}`,
    ...parts.flatMap((part) => partLines(part, part.via === null ? '' : `, tied by ${named(part.via)}`, page)),
    ...moreParts(all - parts.length, page),
  ]
}

function splitLines({ profile_id: id, parts, part_count: all, refused }: Example, page: Paper): readonly string[] {
  return [
    `  ${id} becomes ${count(all, 'profile')}`,
    ...parts.flatMap((part) => partLines(part, part.via === null ? '' : `, parted by ${named(part.via)}`, page)),
    ...moreParts(all - parts.length, page),
    ...refused.flatMap((one) =>
      wrap(visible(`${count(one.edges, 'edge')} refused: ${reasonOf(one)}`), page.width, '    '),
    ),
  ]
}

function partLines({ profile_id: id, identifiers, some }: ExamplePart, tie: string, page: Paper): readonly string[] {
  const names = `${some.map(named).join(' · ')}${identifiers > some.length ? ` · ${number(identifiers - some.length)} more` : ''}`
  return [...wrap(`${id}${tie}`, page.width, '    ', '      '), ...wrap(names, page.width, '      ')]
}

function moreParts(more: number, page: Paper): readonly string[] {
  return more <= 0 ? [] : [page.paint('dim', `    … and ${number(more)} more`)]
}

/** The examples, which are a choice, and how many there are besides. */
function exampleLines(
  shown: readonly Example[],
  all: number,
  lines: (one: Example, page: Paper) => readonly string[],
  page: Paper,
): readonly string[] {
  const more = all - shown.length
  return [
    ...shown.flatMap((one) => lines(one, page)),
    ...(more <= 0 ? [] : [page.paint('dim', `  … and ${number(more)} more like that`)]),
  ]
}

const SIZES: readonly Column<SizeCount>[] = [
  {
    title: 'identifiers',
    value: ({ from, to }) =>
      to === null ? `${number(from)} or more` : from === to ? number(from) : `${number(from)} to ${number(to)}`,
  },
  { title: 'profiles published', align: 'right', value: ({ before }) => number(before) },
  { title: 'now', align: 'right', value: ({ after }) => number(after) },
]

function sameSizes({ sizes }: EntityDiff): boolean {
  return sizes.every(({ before, after }) => before === after)
}

function sameLargest({ largest }: EntityDiff): boolean {
  return JSON.stringify(largest.before) === JSON.stringify(largest.after)
}

interface Pair {
  readonly before: Sized | undefined
  readonly after: Sized | undefined
}

function largestLines({ largest }: EntityDiff, page: Paper): readonly string[] {
  const length = Math.max(largest.before.length, largest.after.length)
  const pairs = Array.from({ length }, (_, at): Pair => ({ before: largest.before[at], after: largest.after[at] }))
  const size = (one: Sized | undefined) => (one === undefined ? '' : number(one.identifiers))
  const columns: readonly Column<Pair>[] = [
    { title: 'published', value: ({ before }) => before?.profile_id ?? '' },
    { title: 'size', align: 'right', value: ({ before }) => size(before) },
    { title: 'now', value: ({ after }) => after?.profile_id ?? '' },
    { title: 'size', align: 'right', value: ({ after }) => size(after) },
  ]
  return table(columns, pairs, page)
}
