import { type Connector, isMatchField, type LeaveVerb, type Mode } from '../connectors/connector.ts'
import { nearest, problem } from '../error.ts'
import type { ValueType } from '../sql/dialect.ts'
import { traitColumns } from './columns.ts'
import { cycles, ring } from './cycles.ts'
import { find, unknown, type Wanted, wantedIn } from './find.ts'
import { checkRenamed } from './former-names.ts'
import { keyPlace } from './key-place.ts'
import { nameOf } from './place.ts'
import type { Purpose, Source, Sync, SyncRows } from './project.ts'
import { purposeOfSync } from './resolve-consent.ts'
import type { Connected } from './resolve-destinations.ts'
import { type EntityScope, type SegmentNames, segmentsNamed, whereOf } from './resolve-segments.ts'
import { refuseHold, syncGuardOf } from './resolve-sync-guard.ts'
import { modeOfRows, purposeOfRows, type Rows, rowsNamed, rowsOf } from './resolve-sync-rows.ts'
import { header, type Resolving } from './resolving.ts'
import { part } from './scalar.ts'
import type { SyncShape } from './schema.ts'
import { shaped } from './shape.ts'
import { actsOf } from './sync-acts.ts'
import { fieldsOf, keysOf, missingFields, type Ours, oursOfPeople, type Sides } from './sync-fields.ts'
import { ownsOf, refuseUnread } from './sync-reads.ts'
import { lengthOf, parseDuration } from './time.ts'
import type { Dict, Scalar } from './tree.ts'
import type { Item } from './validate.ts'
import { unknownVariant } from './variants.ts'

/** What syncs may name. */
export interface SyncScope {
  readonly connected: ReadonlyMap<string, Connected>
  readonly entities: ReadonlyMap<string, EntityScope>
  readonly segments: SegmentNames
  readonly purposes: ReadonlyMap<string, Purpose>
  readonly sources: ReadonlyMap<string, Source>
}

/** Every sync that can run, in the order of the files. Syncs into a destination that is switched off are left out. */
export function resolveSyncs(context: Resolving, scope: SyncScope): ReadonlyMap<string, Sync> {
  const { destinations } = context.validated
  const syncs = new Map<string, Sync>()
  for (const item of context.validated.syncs.items.values()) {
    if (destinations.disabled.has(item.value.to.text)) continue
    const sync = syncOf(context, scope, item)
    if (sync) syncs.set(item.name, sync)
  }
  checkExcludes(context, scope)
  checkRenamed(context, 'syncs')
  checkRings(context, syncs)
  checkPlaces(context, scope, syncs)
  return syncs
}

function syncOf(context: Resolving, scope: SyncScope, item: Item<SyncShape>): Sync | undefined {
  const { value } = item
  const { on_mapping_change: onMappingChange = 'ask' } = value
  const { problems, validated } = context
  const before = problems.length
  const wanted = wantedIn('ref/unknown-destination', 'Destination', validated.destinations)
  const connected = find(value.to, scope.connected, wanted, problems)
  const subject = subjectOf(context, scope, item)
  const after = afterOf(context, item)
  const every = everyOf(context, item)
  const wait = waitOf(context, item)
  const guard = syncGuardOf(context, item)
  if (!connected || !subject) return undefined
  const { connector, destination } = connected
  const { people, rows } = subject
  const mode = modeOf(context, item, connector, rows)
  const into = intoOf(context, item, connector)
  const where = rows || !people ? undefined : value.where && whereOf(context, value.where, people, scope.segments)
  const exclude = excludesOf(context, scope, item, subject)
  const sides = { context, item, connector, into, ours: subject.ours }
  const key = keysOf(sides)
  const fields = fieldsOf(sides)
  const acts = mode && actsOf(context, item, { name: connector.name, leaves: leavesOf(connector, into) }, mode)
  const purpose = purposeOf(sides, scope, subject, [key, fields])
  const sent = rows && mode && rowsOf(context, item, rows, { mode, key, fields })
  if (!mode || !acts || into === undefined || problems.slice(before).some((one) => one.severity === 'error'))
    return undefined
  missingFields(sides, mode, [...key, ...fields])
  const types = typesOf(people, sent)
  const owned = ownsOf(context, { item, connector, mode, into, onLeave: acts.onLeave, key, types })
  refuseUnread(context, { item, connector, mode, into })
  refuseHold(context, item, connector.delivers(mode, into))
  return {
    ...header(item),
    ...(value.was && { was: value.was.text }),
    destination: destination.name,
    into,
    entity: people?.entity.name,
    ...(sent && { rows: sent }),
    segment: subject.segment,
    variant: subject.variant,
    where,
    exclude: [...new Set([...exclude, ...inherited(context, scope, destination.exclude, people)])],
    mode,
    ...(owned && { owned }),
    ...acts,
    purpose,
    key,
    fields,
    guard,
    ...(onMappingChange !== 'ask' && { onMappingChange }),
    after,
    ...(every !== undefined && { every }),
    ...(wait !== undefined && { wait }),
  }
}

function leavesOf(connector: Connector<unknown, unknown>, into: unknown): readonly LeaveVerb[] {
  return into === undefined ? connector.leaves : (connector.leavesOf?.(into) ?? connector.leaves)
}

/** Types of what a key may be made of, by name. */
function typesOf(people: EntityScope | undefined, rows: SyncRows | undefined): ReadonlyMap<string, ValueType> {
  if (rows !== undefined) return new Map([...rows.columns].map(([name, { type }]) => [name, type]))
  const traits = people === undefined ? [] : traitColumns(people.entity.traits)
  return new Map<string, ValueType>([['profile_id', 'text'], ...traits.map(({ name, type }) => [name, type] as const)])
}

function everyOf(context: Resolving, { value: { every } }: Item<SyncShape>): number | undefined {
  const wrong = { zero: 'is no time between runs', fix: 'Write 15 minutes, 1h, 1 day or 2 weeks.' }
  return every && secondsOf(context, every, wrong)
}

/** In seconds; 0 = jobs are asked for once. */
function waitOf(context: Resolving, { value: { wait } }: Item<SyncShape>): number | undefined {
  if (wait?.text === '0') return 0
  const fix = 'Write 30s, 5 minutes, 1h or 0.'
  return wait && secondsOf(context, wait, { zero: undefined, fix })
}

/** A duration in seconds; months and longer have no fixed length. `zero`: what is said of none, where there must be one. */
function secondsOf(
  { problems }: Resolving,
  written: Scalar,
  { zero, fix }: { readonly zero: string | undefined; readonly fix: string },
): number | undefined {
  const duration = parseDuration(written.text)
  const seconds = duration && lengthOf(duration)
  if (seconds !== undefined && (seconds > 0 || zero === undefined)) return seconds
  const message = `"${written.text}" ${duration && zero ? zero : 'is no duration'}.`
  problems.push(problem('project/wrong-type', message, written.at(), fix))
  return undefined
}

/** Who or what is sent. */
interface Subject {
  readonly ours: Ours
  /** Whose profiles are sent, or to whom rows belong; undefined = to nobody. */
  readonly people: EntityScope | undefined
  readonly rows: Rows | undefined
  readonly segment: string | undefined
  readonly variant: string | undefined
}

/** An audience, or the rows of a source. */
function subjectOf(context: Resolving, scope: SyncScope, item: Item<SyncShape>): Subject | undefined {
  const { audience, source, start_at: startAt } = item.value
  const { problems } = context
  if (source && !audience) {
    const rows = rowsNamed(context, scope, item, source)
    return rows && { ours: rows, people: rows.people, rows, segment: undefined, variant: undefined }
  }
  if (audience && source)
    problems.push(
      problem('project/unknown-key', '"source" does not go with "audience".', keyPlace(item.node, 'source'), ONE_OF),
    )
  else if (!audience)
    problems.push(
      problem('project/missing-key', `Sync "${item.name}" needs "audience" or "source".`, item.key.at(), ONE_OF),
    )
  else if (startAt) {
    const fix = 'Leave it out; what people did is asked for in a segment.'
    const message = '"start_at" goes with "source": people do not happen.'
    problems.push(problem('project/unknown-key', message, keyPlace(item.node, 'start_at'), fix))
  }
  return audience && audienceOf(context, scope, audience)
}

const ONE_OF = 'Write `audience:` to send people, or `source:` to send the rows of a source.'

/** A segment, or an entity for all of its profiles. */
function audienceOf(context: Resolving, scope: SyncScope, written: Scalar): Subject | undefined {
  const subject = (people: EntityScope, more: Pick<Subject, 'segment' | 'variant'>): Subject => {
    return { ours: oursOfPeople(context, people), people, rows: undefined, ...more }
  }
  const entity = scope.entities.get(written.text)
  if (entity) return subject(entity, { segment: undefined, variant: undefined })
  const { segments, entities } = context.validated
  const wanted: Wanted = {
    code: 'ref/unknown-segment',
    what: 'Segment',
    names: new Map([...segments.names, ...entities.names]),
    disabled: segments.disabled,
  }
  const dot = written.text.indexOf('.')
  const name = dot === -1 ? written : part(written, 0, dot)
  const segment = find(name, scope.segments, wanted, context.problems)
  if (!segment) return undefined
  const variant = dot === -1 ? undefined : part(written, dot + 1, written.text.length)
  if (variant && !segment.variants.includes(variant.text)) {
    context.problems.push(unknownVariant(variant, { name: name.text, variants: segment.variants }))
    return undefined
  }
  const people = scope.entities.get(segment.entity)
  return people && subject(people, { segment: name.text, variant: variant?.text })
}

function excludesOf(
  context: Resolving,
  { segments }: SyncScope,
  { value: { exclude = [] } }: Item<SyncShape>,
  { people, rows }: Subject,
): readonly string[] {
  if (people) return segmentsNamed(context, exclude, people.entity.name, segments)
  const message = `Rows of source "${rows?.source.name}" belong to nobody, so no segment can leave them out.`
  const [first] = exclude
  if (first) context.problems.push(problem('project/wrong-type', message, first.at(), 'Narrow them with `where:`.'))
  return []
}

function purposeOf(
  { context, item, connector, into }: Sides,
  scope: SyncScope,
  { people, rows }: Subject,
  [key, fields]: readonly [Sync['key'], Sync['fields']],
): string | undefined {
  if (rows) {
    const known = into === undefined ? [] : connector.fields(into).known
    const matched = new Set(known.filter(isMatchField).map(({ name }) => name))
    const values = fields.flatMap(({ theirs, value }) =>
      matched.has(theirs) && value.kind === 'trait' ? [value.trait] : [],
    )
    const naming = [...key.map(({ trait }) => trait), ...values]
    return purposeOfRows(context, item, rows, { ...scope, naming })
  }
  if (!people) return undefined
  const asking = { ...scope, what: `Sync "${item.name}"`, entity: people.entity }
  return purposeOfSync(context, item.value.purpose, item.key.at(), asking)
}

function modeOf(
  { problems }: Resolving,
  item: Item<SyncShape>,
  connector: Connector<unknown, unknown>,
  rows: Rows | undefined,
): Mode | undefined {
  const { mode } = item.value
  const { modes, name } = connector
  const ofRows = rows && !mode && modeOfRows(rows, connector)
  if (ofRows) return ofRows
  if (!mode) return modes.includes('upsert') ? 'upsert' : modes[0]
  const known = modes.find((one) => one === mode.text)
  if (known) return known
  const close = nearest(mode.text, modes)
  const fix = `${close ? `Did you mean "${close}"? ` : ''}It has: ${modes.join(', ')}.`
  problems.push(problem('sync/mode', `Connector "${name}" has no mode "${mode.text}".`, mode.at(), fix))
  return undefined
}

function intoOf({ problems }: Resolving, item: Item<SyncShape>, connector: Connector<unknown, unknown>): unknown {
  const nothing: Dict = { kind: 'dict', entries: [], at: () => item.key.at() }
  const what = `"into" of sync "${item.name}"`
  return shaped(item.value.into ?? nothing, connector.into, { problems, what, at: item.key.at() })
}

function afterOf(context: Resolving, item: Item<SyncShape>): readonly string[] {
  const { names, disabled } = context.validated.syncs
  return (item.value.after ?? []).flatMap((one) => {
    if (names.has(one.text)) return [one.text]
    if (!disabled.has(one.text)) context.problems.push(unknown(one, { code: 'ref/unknown-sync', what: 'Sync', names }))
    return []
  })
}

/** Excludes of the destination and of the project, as far as they are of the sync's entity. */
function inherited(
  { settings }: Resolving,
  { segments }: SyncScope,
  ofDestination: readonly string[],
  people: EntityScope | undefined,
): readonly string[] {
  const names = [...ofDestination, ...settings.exclude.map((one) => one.text)]
  return names.filter((name) => people && segments.get(name)?.entity === people.entity.name)
}

/** Excludes that several syncs inherit are looked up once. */
function checkExcludes({ validated, settings, problems }: Resolving, { segments }: SyncScope): void {
  const wanted = wantedIn('ref/unknown-segment', 'Segment', validated.segments)
  const written = [...validated.destinations.items.values()].flatMap((item) => item.value.exclude ?? [])
  for (const one of [...settings.exclude, ...written]) find(one, segments, wanted, problems)
}

function checkRings({ validated, problems }: Resolving, syncs: ReadonlyMap<string, Sync>): void {
  const graph = new Map(
    [...syncs.keys()].map((name) => {
      const written = validated.syncs.items.get(name)?.value.after ?? []
      return [name, written.map((one) => ({ to: one.text, at: one.at() }))]
    }),
  )
  for (const { names, at } of cycles(graph))
    problems.push(problem('ref/cycle', `Syncs form a ring: ${ring(names)}.`, at))
}

/** Two syncs into one place would overwrite each other's rows if they knew them by different keys. */
function checkPlaces(context: Resolving, scope: SyncScope, syncs: ReadonlyMap<string, Sync>): void {
  const { validated, problems } = context
  const first = new Map<string, Sync>()
  for (const sync of syncs.values()) {
    const connected = scope.connected.get(sync.destination)
    const place = connected?.connector.place(connected.destination.account, sync.into)
    if (!connected || place === undefined) continue
    const other = first.get(`${connected.connector.name} ${place}`)
    first.set(`${connected.connector.name} ${place}`, other ?? sync)
    refuseShared(context, sync, other)
    if (!other || JSON.stringify(other.key) === JSON.stringify(sync.key)) continue
    const written = validated.syncs.items.get(sync.name)?.value.key
    const at = (written && ('kind' in written ? written : written[0]?.key)?.at()) ?? sync.at
    const message = `Sync "${sync.name}" writes the same place as "${other.name}", by another key.`
    const theirs = other.key.map((one) => `${one.theirs}: ${one.trait}`).join(', ')
    const fix = `Use { ${theirs} }, the key of "${other.name}" at ${nameOf(other.at)}, or another place.`
    problems.push(problem('sync/key-conflict', message, at, fix))
  }
}

/** Who owns a place removes whatever others write there. */
function refuseShared({ validated, problems }: Resolving, sync: Sync, other: Sync | undefined): void {
  const [owner, writer] = sync.owned ? [sync, other] : [other, sync]
  if (!owner?.owned || writer === undefined) return
  const entry = validated.syncs.items.get(owner.name)?.node.entries.find(({ key }) => key.text === 'owned')
  const message = `"${owner.name}" owns its place, which "${writer.name}" writes as well: it would remove what that one sends.`
  problems.push(
    problem('sync/key-conflict', message, entry?.key.at(), 'Take `owned: true` away, or use another place.'),
  )
}
