import type { SharedIdentifier, SharedOfEntity, SharedReport, Suggestion } from '../catalog/shared.ts'
import { type Column, count, number, type Paper, table, visible, wrap } from './layout.ts'
import { named, notes } from './print-explain.ts'
import { section } from './print-run.ts'

/** Identifiers by fan-out, and what to do about types whose values are used too widely. */
export function printShared(report: SharedReport, page: Paper): readonly string[] {
  const lines = [...report.entities.flatMap((one) => ofEntity(one, page)), ...notes(report.notes, page)]
  return lines.slice(0, -1)
}

function ofEntity({ entity, identifiers, suggestions }: SharedOfEntity, page: Paper): readonly string[] {
  const none = wrap('No identifier was seen with a stronger one.', page.width, '  ')
  return [
    ...section(
      visible(`Identifiers of ${entity} by how many stronger ones they were seen with`),
      identifiers.length === 0 ? none : table(COLUMNS, identifiers, page),
      page,
    ),
    ...section(
      'Suggestions',
      suggestions.flatMap((one) => wrap(suggestionText(one), page.width, '  ', '    ')),
      page,
    ),
  ]
}

const COLUMNS: readonly Column<SharedIdentifier>[] = [
  { title: 'identifier', value: named },
  {
    title: 'seen with',
    value: ({ seen_with: seen }) => (seen[0] ? visible(`${number(seen[0].values)} ${seen[0].type}`) : ''),
  },
  { title: 'max_fanout', align: 'right', value: ({ max_fanout: most }) => (most === null ? '–' : number(most)) },
  {
    title: 'joins',
    value: ({ standing }) => (standing === 'joins' ? 'yes' : `no: ${standing}`),
    style: ({ standing }) => (standing === 'joins' ? undefined : 'yellow'),
  },
  { title: 'rows', align: 'right', value: ({ rows }) => number(rows), optional: 1 },
]

function suggestionText(one: Suggestion): string {
  const which = `${count(one.identifiers, 'value')} of ${one.type}`
  const wide = one.identifiers === 1 ? `was seen with ${one.seen_with}` : `were each seen with ${one.seen_with} or more`
  return visible(
    `${which} ${wide} values of one stronger type; the median is ${one.median}, and no other was seen with more than ${one.max_fanout}. Write "max_fanout: ${one.max_fanout}" at ${one.type}, or put them in its "block:". "cdp identity diff" shows what that changes.`,
  )
}
