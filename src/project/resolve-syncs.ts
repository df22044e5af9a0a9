import type { Connector, Mode } from '../connectors/connector.ts'
import { nearest, problem } from '../error.ts'
import type { Unit } from '../sql/dialect.ts'
import { cycles, ring } from './cycles.ts'
import { find, unknown, type Wanted, wantedIn } from './find.ts'
import { nameOf } from './place.ts'
import type { Purpose, Source, Sync } from './project.ts'
import { purposeOfSync } from './resolve-consent.ts'
import type { Connected } from './resolve-destinations.ts'
import { type EntityScope, type SegmentNames, segmentsNamed, whereOf } from './resolve-segments.ts'
import { refuseHold, syncGuardOf } from './resolve-sync-guard.ts'
import { header, type Resolving } from './resolving.ts'
import { part } from './scalar.ts'
import type { SyncShape } from './schema.ts'
import { shaped } from './shape.ts'
import { actsOf } from './sync-acts.ts'
import { fieldsOf, keysOf, missingFields } from './sync-fields.ts'
import { parseDuration } from './time.ts'
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
  const people = audienceOf(context, scope, value.audience)
  const after = afterOf(context, item)
  refuseOwned(context, item)
  const every = everyOf(context, item)
  const guard = syncGuardOf(context, item)
  if (!connected || !people) return undefined
  const { connector, destination } = connected
  const mode = modeOf(context, item, connector)
  const into = intoOf(context, item, connector)
  const where = value.where && whereOf(context, value.where, people.scope, scope.segments)
  const exclude = segmentsNamed(context, value.exclude ?? [], people.scope.entity.name, scope.segments)
  const sides = { context, item, connector, into, people: people.scope }
  const key = keysOf(sides)
  const fields = fieldsOf(sides)
  const acts = mode && actsOf(context, item, connector, mode)
  const asking = { ...scope, what: `Sync "${item.name}"`, entity: people.scope.entity }
  const purpose = purposeOfSync(context, value.purpose, item.key.at(), asking)
  if (!mode || !acts || into === undefined || problems.slice(before).some((one) => one.severity === 'error'))
    return undefined
  missingFields(sides, mode, [...key, ...fields])
  refuseHold(context, item, connector.delivers(mode, into))
  return {
    ...header(item),
    destination: destination.name,
    into,
    entity: people.scope.entity.name,
    segment: people.segment,
    variant: people.variant,
    where,
    exclude: [...new Set([...exclude, ...inherited(context, scope, destination.exclude, people.scope)])],
    mode,
    ...acts,
    purpose,
    key,
    fields,
    guard,
    ...(onMappingChange !== 'ask' && { onMappingChange }),
    after,
    ...(every !== undefined && { every }),
  }
}

/** In seconds; months and longer have no fixed length. */
function everyOf({ problems }: Resolving, { value: { every } }: Item<SyncShape>): number | undefined {
  if (!every) return undefined
  const duration = parseDuration(every.text)
  const seconds = duration && LENGTHS[duration.unit]
  if (duration && seconds !== undefined && duration.amount > 0) return duration.amount * seconds
  const message = duration ? `"${every.text}" is no time between runs.` : `"${every.text}" is no duration.`
  problems.push(problem('project/wrong-type', message, every.at(), 'Write 15 minutes, 1h, 1 day or 2 weeks.'))
  return undefined
}

const LENGTHS: Readonly<Partial<Record<Unit, number>>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 7 * 86_400,
}

interface People {
  readonly scope: EntityScope
  readonly segment: string | undefined
  readonly variant: string | undefined
}

/** A segment, or an entity for all of its profiles. */
function audienceOf(context: Resolving, scope: SyncScope, written: Scalar): People | undefined {
  const entity = scope.entities.get(written.text)
  if (entity) return { scope: entity, segment: undefined, variant: undefined }
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
  return people && { scope: people, segment: name.text, variant: variant?.text }
}

function modeOf(
  { problems }: Resolving,
  item: Item<SyncShape>,
  connector: Connector<unknown, unknown>,
): Mode | undefined {
  const { mode } = item.value
  const { modes, name } = connector
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

function refuseOwned({ problems }: Resolving, { node, value }: Item<SyncShape>): void {
  const key = node.entries.find((entry) => entry.key.text === 'owned')?.key
  const message = '`owned: true` is planned; this version removes only rows that it sent.'
  if (value.owned) problems.push(problem('project/not-supported', message, key?.at()))
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
  people: EntityScope,
): readonly string[] {
  const names = [...ofDestination, ...settings.exclude.map((one) => one.text)]
  return names.filter((name) => segments.get(name)?.entity === people.entity.name)
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
function checkPlaces({ validated, problems }: Resolving, scope: SyncScope, syncs: ReadonlyMap<string, Sync>): void {
  const first = new Map<string, Sync>()
  for (const sync of syncs.values()) {
    const connected = scope.connected.get(sync.destination)
    const place = connected?.connector.place(connected.destination.account, sync.into)
    if (!connected || place === undefined) continue
    const other = first.get(`${connected.connector.name} ${place}`)
    first.set(`${connected.connector.name} ${place}`, other ?? sync)
    if (!other || JSON.stringify(other.key) === JSON.stringify(sync.key)) continue
    const written = validated.syncs.items.get(sync.name)?.value.key
    const at = (written && ('kind' in written ? written : written[0]?.key)?.at()) ?? sync.at
    const message = `Sync "${sync.name}" writes the same place as "${other.name}", by another key.`
    const theirs = other.key.map((one) => `${one.theirs}: ${one.trait}`).join(', ')
    const fix = `Use { ${theirs} }, the key of "${other.name}" at ${nameOf(other.at)}, or another place.`
    problems.push(problem('sync/key-conflict', message, at, fix))
  }
}
