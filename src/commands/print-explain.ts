import type { Asked, Explanation } from '../catalog/explain.ts'
import type { Apart, PathStep } from '../catalog/explain-pair.ts'
import type { Event, IdentifierFacts, ProfileFacts, RecordFacts, Refused } from '../catalog/explain-profile.ts'
import type { Shown } from '../catalog/veil.ts'
import { type Column, count, number, type Paper, table, visible, wrap } from './layout.ts'
import { printAnswers } from './print-answers.ts'
import { section } from './print-run.ts'

/** An explanation as a person reads it; long lists are cut, `--json` holds them whole. */
export function printExplanation(explanation: Explanation, page: Paper): readonly string[] {
  const lines = [...answer(explanation, page), ...notes(explanation.notes, page)]
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/** What a reader must know besides, each in a paragraph. */
export function notes(all: readonly string[], page: Paper): readonly string[] {
  return all.flatMap((note) => [...wrap(visible(note), page.width), ''])
}

/** `email anna@mail.example`. */
export function named({ type, value }: Shown): string {
  return visible(`${type} ${value}`)
}

/** What ties two people, or keeps them apart, below a line that named them. Indented by two. */
export function printPair(explanation: Explanation, page: Paper): readonly string[] {
  switch (explanation.answer) {
    case 'same':
      return explanation.path === null || explanation.path.length === 0 ? [] : pathLines(explanation.path, page)
    case 'apart': {
      const between = betweenLines(explanation, page)
      return between.length === 0 ? wrap('No row and no shared value ties them.', page.width, '  ') : between
    }
    case 'profile':
    case 'identifier':
      return []
  }
}

type Answer<K extends Explanation['answer']> = Extract<Explanation, { readonly answer: K }>

function answer(explanation: Explanation, page: Paper): readonly string[] {
  switch (explanation.answer) {
    case 'profile':
      return aboutProfile(explanation, page)
    case 'identifier':
      return aboutIdentifier(explanation, page)
    case 'same':
      return aboutSame(explanation, page)
    case 'apart':
      return aboutApart(explanation, page)
  }
}

function aboutProfile(explanation: Answer<'profile'>, page: Paper): readonly string[] {
  const { profile, asked } = explanation
  const { identifiers, records, history, refused, aliases } = profile
  const rows = records.reduce((sum, one) => sum + one.rows, 0)
  const facts = [count(profile.joined, 'identifier'), `${count(rows, 'row')}${profile.cut ? ' of those read' : ''}`]
  const seen = span(profile.first_seen_at, profile.last_seen_at)
  return [
    page.paint('bold', `${visible(profile.entity)} ${profile.profile_id}`),
    ...wrap([...facts, ...(seen === '' ? [] : [`seen ${seen}`])].join(', '), page.width, '  '),
    ...asked.flatMap(({ alias }) => (alias === null ? [] : wrap(`${alias} was merged into it.`, page.width, '  '))),
    ...(profile.joined === 0 ? wrap('No row holds an identifier of it any more.', page.width, '  ') : []),
    ...(profile.cut ? wrap('It is larger than what was read: the lists are not complete.', page.width, '  ') : []),
    '',
    ...section('Identifiers', identifierLines(identifiers, page), page),
    ...section('Records', recordLines(records, page), page),
    ...printAnswers(explanation, page),
    ...section(
      'Kept apart',
      few(refused, 10, (one) => refusedLines(one, page), page),
      page,
    ),
    ...section(
      'Merged into it',
      few(aliases, 10, (id) => [`  ${id}`], page),
      page,
    ),
    ...section(
      'History',
      few(history, 10, (one) => eventLines(one, profile, page), page),
      page,
    ),
  ]
}

const IDENTIFIERS: readonly Column<IdentifierFacts>[] = [
  { title: 'identifier', value: named },
  { title: 'joins', value: ({ joins }) => (joins ? 'yes' : 'no'), style: ({ joins }) => (joins ? 'dim' : 'yellow') },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows) },
  { title: 'first seen', value: (one) => day(one.first_seen_at), optional: 1 },
  { title: 'last seen', value: (one) => day(one.last_seen_at), optional: 2 },
]

function identifierLines(identifiers: readonly IdentifierFacts[], page: Paper): readonly string[] {
  if (identifiers.length === 0) return []
  const shown = identifiers.slice(0, 30)
  const whys = shown.flatMap((one) => (one.why === null ? [] : wrap(whyNot(one, one.why), page.width, '  ', '    ')))
  return [...table(IDENTIFIERS, shown, page), ...whys, ...rest(identifiers.length - shown.length, page)]
}

function whyNot(one: Shown & { readonly standing: string }, why: string): string {
  return visible(`${named(one)} joins nobody (${one.standing}): ${why}.`)
}

function recordLines(records: readonly RecordFacts[], page: Paper): readonly string[] {
  return few(
    records,
    20,
    (one) => {
      const other = one.belongs_to === null ? '' : `, of ${one.belongs_to}`
      return [
        ...wrap(visible(`${recordName(one)}${when(one)}${other}`), page.width, '  ', '    '),
        ...wrap(holdings(one), page.width, '    '),
      ]
    },
    page,
  )
}

/** `orders 100002 and 2 more rows`. */
function recordName({ source, key, rows }: RecordFacts): string {
  if (key === null) return `${count(rows, 'row')} of ${source}`
  return rows === 1 ? `${source} ${key}` : `${source} ${key} and ${count(rows - 1, 'more row')}`
}

function when({ first_seen_at: first, last_seen_at: last }: RecordFacts): string {
  const seen = span(first, last)
  return seen === '' ? '' : `, ${seen}`
}

function holdings({ identifiers }: RecordFacts): string {
  if (identifiers.length === 0) return 'no identifier'
  return identifiers.map((one) => `${named(one)}${one.joins ? '' : ' (joins nobody)'}`).join(' · ')
}

function refusedLines(one: Refused, page: Paper): readonly string[] {
  const whose = one.other_profile === null ? '' : ` of ${one.other_profile}`
  const said = `${named(one.identifier)} and ${named(one.other)}${whose}: ${reasonOf(one)}`
  return wrap(visible(said), page.width, '  ', '    ')
}

/** Why a rule refuses an edge. */
export function reasonOf({ reason, detail }: { readonly reason: string; readonly detail: string | null }): string {
  switch (reason) {
    case 'limit':
      return `the limit of ${detail ?? 'a type'}`
    case 'never_merge':
      return 'the list never_merge'
    case 'max_profile_size':
      return 'the profile would be larger than max_profile_size'
    default:
      return reason
  }
}

function eventLines(
  { kind, at, run_id: run, from, to, via }: Event,
  mine: ProfileFacts,
  page: Paper,
): readonly string[] {
  const name = (id: string) => (id === mine.profile_id ? 'this one' : id)
  const by = via === null ? '' : kind === 'merge' ? `, through ${named(via)}` : `, when it lost ${named(via)}`
  const what =
    kind === 'merge' ? `${name(from)} was merged into ${name(to)}` : `${name(to)} was split off ${name(from)}`
  return wrap(visible(`${day(at)}  ${what}${by}, run ${run ?? 'unknown'}`), page.width, '  ', '    ')
}

function aboutIdentifier(explanation: Answer<'identifier'>, page: Paper): readonly string[] {
  const { asked, rows, records, profiles, cut } = explanation
  const [one] = asked
  const identifier = one?.identifier
  if (one === undefined || identifier === null || identifier === undefined) return []
  const more = cut ? ' or more' : ''
  const owners = profiles.length === 0 ? '' : ` of ${count(profiles.length, one.entity)}`
  const held = rows === 0 ? '' : ` ${count(rows, 'row')}${more}${owners} ${rows === 1 ? 'holds' : 'hold'} it.`
  return [
    page.paint('bold', visible(`${named(identifier)} joins nobody`)),
    ...wrap(visible(`${identifier.standing}: ${identifier.why ?? ''}.${held}`), page.width, '  '),
    '',
    ...section(
      'Profiles whose rows hold it',
      few(profiles, 10, (owner) => [`  ${owner.profile_id}  ${count(owner.rows, 'row')}`], page),
      page,
    ),
    ...section('Records', recordLines(records, page), page),
  ]
}

function aboutSame({ asked, entity, profile_id: id, path, cut }: Answer<'same'>, page: Paper): readonly string[] {
  const [one, other] = asked.map(subjectName)
  const lines = [page.paint('bold', visible(`One ${entity}: ${id}`))]
  if (path === null) {
    const why = cut ? ' The profile is larger than what was read.' : ''
    return [...lines, ...wrap(`No way between ${one} and ${other} was found.${why}`, page.width, '  '), '']
  }
  if (path.length === 0) return [...lines, ...wrap(`${one} and ${other} are the same.`, page.width, '  '), '']
  const steps = count(path.length, 'record')
  return [
    ...lines,
    ...wrap(`${one} and ${other} are tied by ${steps}.`, page.width, '  '),
    '',
    ...section('Evidence', pathLines(path, page), page),
  ]
}

function pathLines(path: readonly PathStep[], page: Paper): readonly string[] {
  const [first] = path
  const start = first === undefined ? [] : [`  ${named(first.from)}`]
  return [
    ...start,
    ...path.flatMap(({ to, record }) => [
      ...wrap(visible(`${recordName(record)}${when(record)}`), page.width, '    └ ', '      ').map((line) =>
        page.paint('dim', line),
      ),
      ...wrap(named(to), page.width, '  '),
    ]),
  ]
}

function subjectName({ identifier, profile_id: id, alias, entity }: Asked): string {
  return identifier === null ? visible(`${entity} ${alias ?? id ?? ''}`) : named(identifier)
}

function aboutApart(explanation: Answer<'apart'>, page: Paper): readonly string[] {
  const { asked } = explanation
  const isTwo = asked.every(({ profile_id: id }) => id !== null)
  const who = asked.flatMap((one) => wrap(sideLine(one), page.width, '  ', '    '))
  const between = betweenLines(explanation, page)
  const none = explanation.cut
    ? 'Nothing was found in the rows that were read; there are more.'
    : 'No row and no shared value ties them.'
  return [
    page.paint('bold', isTwo ? `Two profiles` : 'Not one profile'),
    ...who,
    '',
    ...section('What keeps them apart', between.length === 0 ? wrap(none, page.width, '  ') : between, page),
    ...section('Rows that hold identifiers of both', recordLines(explanation.records, page), page),
  ]
}

function sideLine(one: Asked): string {
  const { identifier, entity, profile_id: id, alias } = one
  if (identifier !== null && id === null) return whyNot(identifier, identifier.why ?? '')
  const is = identifier === null ? (alias ?? '') : named(identifier)
  return visible(is === '' ? `${entity} ${id}` : `${is} is ${entity} ${id}`)
}

function betweenLines({ refused, shared }: Apart, page: Paper): readonly string[] {
  return [
    ...few(
      shared,
      10,
      (one) => {
        const why = `${named(one)} stands in rows of both, but joins nobody (${one.standing}): ${one.why}.`
        return wrap(visible(why), page.width, '  ', '    ')
      },
      page,
    ),
    ...few(
      refused,
      10,
      (one) =>
        wrap(visible(`${named(one.identifier)} and ${named(one.other)}: ${reasonOf(one)}`), page.width, '  ', '    '),
      page,
    ),
  ]
}

/** The first of a list, and how many more there are. */
export function few<T>(
  all: readonly T[],
  most: number,
  lines: (one: T) => readonly string[],
  page: Paper,
): readonly string[] {
  return [...all.slice(0, most).flatMap(lines), ...rest(all.length - most, page)]
}

function rest(more: number, page: Paper): readonly string[] {
  return more <= 0 ? [] : [page.paint('dim', `  … and ${number(more)} more, all of them with --json`)]
}

function span(first: string | null, last: string | null): string {
  const [from, to] = [day(first), day(last)]
  return from === to || to === '' ? from : from === '' ? to : `${from} to ${to}`
}

/** The day of an instant, in UTC. */
export function day(time: string | null): string {
  return visible(time?.slice(0, 10) ?? '')
}
