import { warning } from '../error.ts'
import { keyPlace } from './key-place.ts'
import type { Duration, Event, Window } from './language.ts'
import type { Entity, Measure, PickBy, Segment, Source, Sync, TraitDefinition } from './project.ts'
import { eventsIn, holdsSql, referencesIn, speaksOfNow } from './references.ts'
import type { Resolving } from './resolving.ts'
import type { Score } from './score.ts'

/*
 * What a build must read of a source whose rows never change (`append_only:`). A sum of what was added up before and
 * of new rows is the sum of all; a median is not.
 */

/** Which rows a trait or an event must see again in every build. */
export type Reading =
  /** None: what earlier builds made of them is enough. */
  | { readonly kind: 'none' }
  /** Those that happened so shortly before the business time. */
  | { readonly kind: 'recent'; readonly within: Duration }
  /** All; `because` says why, in words of YAML. */
  | { readonly kind: 'all'; readonly because: string }

const NONE: Reading = { kind: 'none' }

/** What an aggregated trait must read. */
export function readingOfAggregate({ measure, where, within }: Aggregated): Reading {
  if (within !== undefined) return { kind: 'recent', within }
  return addsUp(measure) ? readingOf([measure, where]) : { kind: 'all', because: measure.kind }
}

type Aggregated = Pick<Extract<TraitDefinition, { kind: 'aggregate' }>, 'measure' | 'where' | 'within'>

/** What a pick must read. */
export function readingOfPick(by: PickBy): Reading {
  return by === 'most_frequent' || by === 'concat_distinct' ? { kind: 'all', because: by } : NONE
}

/** What an event must read that is not bounded by traits. */
export function readingOfEvent(event: Event): Reading {
  const { measure, where, within } = event
  if (within !== undefined) return { kind: 'recent', within }
  if (measure.kind === 'count_distinct') return { kind: 'all', because: measure.kind }
  const { after, before }: Window = event
  return readingOf([measure, where, after, before])
}

/** What a score must read of its source. */
export function readingOfScore(score: Exclude<Score, { kind: 'weighted' }>): Reading {
  return score.within === undefined ? readingOf([score.amount, score.where]) : { kind: 'recent', within: score.within }
}

function readingOf(said: unknown): Reading {
  if (speaksOfNow(said)) return { kind: 'all', because: 'a time relative to now' }
  if (holdsSql(said)) return { kind: 'all', because: 'sql' }
  // A parent's row may change, or arrive after the row that belongs to it.
  for (const { to } of referencesIn(said))
    if (to.kind === 'parent') return { kind: 'all', because: `${to.source}.${to.column}` }
  return NONE
}

function addsUp({ kind }: Measure): boolean {
  switch (kind) {
    case 'count':
    case 'sum':
    case 'avg':
    case 'min':
    case 'max':
    case 'exists':
    case 'share':
    case 'first':
    case 'last':
    case 'since':
      return true
    case 'count_distinct':
    case 'median':
    case 'percentile':
    case 'most_frequent':
    case 'collect':
    case 'periods':
    case 'streak':
    case 'longest_streak':
    case 'per':
      return false
  }
}

/** Warns where `append_only:` saves nothing, because something asks for all rows. */
export function checkAppendOnly(
  { validated, problems }: Resolving,
  project: {
    readonly sources: ReadonlyMap<string, Source>
    readonly entities: Iterable<Entity>
    readonly asking: Iterable<Segment | Sync>
  },
): void {
  const asked = [...[...project.entities].flatMap(askedByTraits), ...[...project.asking].flatMap(askedByConditions)]
  for (const { name, appendOnly } of project.sources.values()) {
    if (!appendOnly) continue
    const all = asked.flatMap(({ source, who, reading }) =>
      source === name && reading.kind === 'all' ? [`${who} (${reading.because})`] : [],
    )
    if (all.length === 0) continue
    const node = validated.sources.items.get(name)?.node
    problems.push(
      warning(
        'project/reads-all',
        `All rows of "${name}" are read in every build, although it is append-only: ${listed(all)} cannot be added up from build to build.`,
        node && keyPlace(node, 'append_only'),
        'Give them `within:`, ask for something that adds up (count, sum, avg, min, max, first, last), or leave `append_only:` out.',
      ),
    )
  }
}

interface Asked {
  readonly source: string
  readonly who: string
  readonly reading: Reading
}

function askedByTraits({ traits }: Entity): readonly Asked[] {
  return [...traits.values()].flatMap(({ name, definition }): readonly Asked[] => {
    const who = `trait "${name}"`
    switch (definition.kind) {
      case 'pick':
        return definition.columns.map(({ source }) => ({ source, who, reading: readingOfPick(definition.by) }))
      case 'aggregate':
        return [{ source: definition.source, who, reading: readingOfAggregate(definition) }]
      case 'score': {
        const { score } = definition
        return score.kind === 'weighted' ? [] : [{ source: score.source, who, reading: readingOfScore(score) }]
      }
      case 'members':
      case 'expression':
      case 'sql':
        return []
    }
  })
}

function askedByConditions({ name, where }: Segment | Sync): readonly Asked[] {
  return [...eventsIn(where)].flatMap((event) =>
    event.needsProfile ? [] : [{ source: event.source, who: `"${name}"`, reading: readingOfEvent(event) }],
  )
}

const SHOWN = 5

function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)]
  const more = distinct.length - SHOWN
  return [...distinct.slice(0, SHOWN), ...(more > 0 ? [`${more} more`] : [])].join(', ')
}
