import type { Connector, Mode } from '../connectors/connector.ts'
import { nearest, problem } from '../error.ts'
import { parseMoment } from './expression.ts'
import { find, wantedIn } from './find.ts'
import { keyPlace } from './key-place.ts'
import type { Expression, Target } from './language.ts'
import type { Purpose, RowColumn, Source, Sync, SyncRows } from './project.ts'
import { referencesIn } from './references.ts'
import { purposeOfSync } from './resolve-consent.ts'
import { type EntityScope, traitScope } from './resolve-segments.ts'
import { isAttributed, type Resolving } from './resolving.ts'
import { rowColumn } from './row-column.ts'
import type { SyncShape } from './schema.ts'
import { type Complaint, type Scope, sourceScope } from './scope.ts'
import { noLists, type Ours, type TraitRef } from './sync-fields.ts'
import type { Scalar } from './tree.ts'
import type { Item } from './validate.ts'
import { readWhere } from './where.ts'

/** A source whose rows are sent, and what its rows are made of. */
export interface Rows extends Ours {
  readonly source: Source
  /** To whom its rows belong; undefined = to nobody. */
  readonly people: EntityScope | undefined
  /** What was named so far. */
  readonly columns: Map<string, RowColumn>
}

/** What may be named in a sync of rows. */
export interface RowsScope {
  readonly entities: ReadonlyMap<string, EntityScope>
  readonly sources: ReadonlyMap<string, Source>
  readonly purposes: ReadonlyMap<string, Purpose>
}

/** The source that `source:` names; undefined after a problem was added, or where the source itself is broken. */
export function rowsNamed(
  context: Resolving,
  scope: RowsScope,
  { key }: Item<SyncShape>,
  written: Scalar,
): Rows | undefined {
  const wanted = wantedIn('ref/unknown-source', 'Source', context.validated.sources)
  const source = find(written, scope.sources, wanted, context.problems)
  if (!source) return undefined
  const people = peopleOf(source, scope)
  const columns = new Map<string, RowColumn>()
  const names = namesOf(context, source, people, scope)
  return {
    source,
    people,
    columns,
    scope: names,
    named: (one) => named(context, { source, people, columns, scope: names }, one),
    key: source.key === undefined ? undefined : wordAt(source.key, key),
    noKey: `Name here the columns that identify a row, or the \`key:\` of source "${source.name}", which has none.`,
  }
}

/** Rows may belong to people and to groups of them: people come first. */
function peopleOf(source: Source, { entities, sources }: RowsScope): EntityScope | undefined {
  const owners = [...entities.values()].filter(({ entity }) => isAttributed(source, entity, sources))
  return owners.find(({ entity }) => entity.of === undefined) ?? owners[0]
}

/** Columns and traits, with the reason where a trait of somebody is asked of rows that are not theirs. */
function namesOf(context: Resolving, source: Source, people: EntityScope | undefined, scope: RowsScope): Scope {
  const { timezone } = context.settings
  const names = sourceScope({ source, sources: scope.sources, entity: people?.names, timezone })
  const traits = people && traitScope(context, people)
  const complaint = (path: readonly string[]): Complaint => {
    const [owner = '', trait = ''] = path
    if (owner === people?.entity.name && traits) return traits.complaint(path)
    if (!scope.entities.has(owner) || path.length < 2) return names.complaint(path)
    const whose = people === undefined ? 'nobody' : `a ${people.entity.name}`
    return {
      code: 'ref/unknown-column',
      message: `"${owner}.${trait}" is a trait, and a row of source "${source.name}" belongs to ${whose}.`,
      fix:
        people === undefined
          ? `Name under \`identifiers:\` of "${source.name}" the column that says whose a row is.`
          : undefined,
    }
  }
  return { ...names, complaint }
}

function named(
  { problems, places }: Resolving,
  rows: Pick<Rows, 'source' | 'people' | 'columns' | 'scope'>,
  written: Scalar,
): TraitRef | undefined {
  const path = written.text.trim().split('.')
  const found = rows.scope.lookup(path)
  if (!found) {
    const { code, message, fix } = rows.scope.complaint(path)
    problems.push(problem(code, message, written.at(), fix))
    return undefined
  }
  const { to, type } = found
  if (to.kind === 'trait' && rows.people?.entity.identifiers.some(({ name }) => to.trait === `all_${name}`)) {
    problems.push(noLists(written))
    return undefined
  }
  const source = sourceOf(rows.source, to)
  if (source !== undefined) places.columns.push({ ...source, at: written.at() })
  const trait = rowColumn(to)
  rows.columns.set(trait, { to, type })
  return { trait, type }
}

function sourceOf(source: Source, to: Target): { readonly source: string; readonly column: string } | undefined {
  if (to.kind === 'column') return { source: source.name, column: to.column }
  return to.kind === 'parent' ? { source: to.source, column: to.column } : undefined
}

/** A word of another file, at the place of the sync that says nothing itself. */
function wordAt(text: string, key: Scalar): Scalar {
  return { kind: 'scalar', text, quoted: false, isNull: false, secret: false, at: () => key.at() }
}

/** Events are sent once each, where the connector can do that. */
export function modeOfRows({ source }: Rows, { modes }: Pick<Connector<unknown, unknown>, 'modes'>): Mode | undefined {
  const isEvent = source.category === 'event' || source.category === 'transaction'
  return isEvent && source.occurredAt !== undefined && modes.includes('append') ? 'append' : undefined
}

/** The rows of a sync; undefined after a problem was added. */
export function rowsOf(
  context: Resolving,
  item: Item<SyncShape>,
  rows: Rows,
  sent: Pick<Sync, 'mode' | 'key' | 'fields'>,
): SyncRows | undefined {
  const { problems, places } = context
  const before = problems.length
  const { source, columns, scope } = rows
  const where = item.value.where && readWhere(item.value.where, { names: scope }, problems)
  const startAt = startOf(context, item, source, sent.mode)
  for (const { to, type } of referencesIn(sent.fields)) add(context, item, columns, { to, type })
  for (const { to, at } of referencesIn([sent.fields, where])) {
    const place = sourceOf(source, to)
    if (place !== undefined) places.columns.push({ ...place, at })
  }
  return problems.length > before ? undefined : { source: source.name, where, startAt, columns }
}

/** Two names that come to one, such as `customer.email` and a column `customer__email`, cannot stand beside each other. */
function add({ problems }: Resolving, item: Item<SyncShape>, columns: Map<string, RowColumn>, column: RowColumn): void {
  const name = rowColumn(column.to)
  const other = columns.get(name)
  columns.set(name, column)
  if (other === undefined || JSON.stringify(other.to) === JSON.stringify(column.to)) return
  const message = `Sync "${item.name}" names a column "${name}", and so is called what it takes from elsewhere.`
  problems.push(
    problem('project/bad-name', message, item.key.at(), 'Read the source with `sql:`, and rename it there.'),
  )
}

function startOf(
  { problems, settings }: Resolving,
  { value, node }: Item<SyncShape>,
  source: Source,
  mode: Mode,
): SyncRows['startAt'] {
  const { start_at: written } = value
  if (written && source.occurredAt === undefined) {
    const message = `"start_at" needs to know when a row happened, and source "${source.name}" does not say.`
    problems.push(problem('expr/no-time', message, keyPlace(node, 'start_at'), `Name the \`at:\` of "${source.name}".`))
    return undefined
  }
  if (written?.text === 'beginning') return undefined
  if (written) return parseMoment(written, onlyTimes(settings.timezone), problems) satisfies Expression | undefined
  return mode === 'append' && source.occurredAt !== undefined ? 'first_run' : undefined
}

function onlyTimes(timezone: string): Scope {
  return {
    timezone,
    lookup: () => undefined,
    qualifies: () => false,
    qualified: () => undefined,
    names: () => ['beginning', 'now', 'today'],
    complaint: (path) => {
      const close = nearest(path.join('.'), ['beginning', 'now', 'today'])
      const fix = close === undefined ? 'Write 2026-01-01, 30 days ago or beginning.' : `Did you mean "${close}"?`
      return { code: 'expr/syntax', message: `"${path.join('.')}" is no time.`, fix }
    },
  }
}

/** The purpose for which the people to whom rows belong are contacted. */
export function purposeOfRows(
  context: Resolving,
  item: Item<SyncShape>,
  rows: Rows,
  scope: RowsScope & { readonly naming: readonly string[] },
): string | undefined {
  const { problems } = context
  const { source, people } = rows
  const { purpose: written } = item.value
  if (people === undefined) {
    const message = `Rows of source "${source.name}" belong to nobody, so a purpose has no meaning.`
    if (written) problems.push(problem('project/wrong-type', message, written.at(), 'Leave `purpose:` out.'))
    return undefined
  }
  const asking = { ...scope, what: `Sync "${item.name}"`, entity: people.entity }
  const purpose = purposeOfSync(context, written, item.key.at(), asking)
  const feed = scope.purposes.get(purpose ?? '')?.feed
  const spoken = new Set(scope.sources.get(feed?.source ?? '')?.identifiers.map(({ type }) => type))
  for (const { column, type } of source.identifiers)
    if (
      spoken.has(type) &&
      scope.naming.some((name) => rows.columns.get(name)?.to.kind === 'column' && name === column)
    ) {
      const message = `Consents for "${purpose}" may speak of one ${type} alone, and rows are known by the column "${column}".`
      const fix = `Use a trait of the person, such as ${people.entity.name}.${type}, whose consent is known.`
      problems.push(problem('project/not-supported', message, written?.at() ?? item.key.at(), fix))
    }
  return purpose
}
