import type { z } from 'zod'
import type { Connectors } from '../connectors/connector.ts'
import { type At, type Diagnostic, nearest, problem } from '../error.ts'
import type { Warehouses } from '../warehouses/warehouse.ts'
import { type ConsentShape, type PurposeShape, purposeShape } from './consent-shape.ts'
import { dbtList } from './dbt.ts'
import { CONFIG, type Loaded } from './load.ts'
import { nameOf } from './place.ts'
import {
  BLOCKS,
  type ConfigShape,
  configShape,
  destinationShape,
  type EntityShape,
  entityShape,
  KINDS,
  type Kind,
  type SourceShape,
  type SyncShape,
  sourceShape,
  syncShape,
} from './schema.ts'
import { type SegmentShape, segmentShape } from './segment-shape.ts'
import { shaped } from './shape.ts'
import { type TraitShape, traitShape } from './trait-shape.ts'
import type { Dict, Node, Scalar } from './tree.ts'
import { type UnitTestShape, unitTestShape } from './unit-test-shape.ts'

/** Kinds of warehouses and connectors that projects may name. */
export interface Registries {
  readonly warehouses: Warehouses
  readonly connectors: Connectors
}

/** One named thing whose shape is right. */
export interface Item<T> {
  readonly name: string
  readonly key: Scalar
  readonly node: Dict
  readonly value: T
}

/** A block of which there is one, with its key. */
export interface Block<T> {
  readonly key: Scalar
  /** Undefined where its shape is wrong. */
  readonly value: T | undefined
}

/** The things of one kind. */
export interface Items<T> {
  /** Those whose shape is right, in the order of the files. */
  readonly items: ReadonlyMap<string, Item<T>>
  /** Where every name is defined, things of a wrong shape included. */
  readonly names: ReadonlyMap<string, At>
  /** Where things with `enabled: false` are. */
  readonly disabled: ReadonlyMap<string, At>
}

/** The files of a project with every key known and every value of the right shape. */
export interface Validated {
  readonly loaded: Loaded
  readonly config: ConfigShape | undefined
  readonly sources: Items<SourceShape>
  readonly entities: Items<EntityShape>
  /** By the entity's name, then by the trait's. */
  readonly traits: ReadonlyMap<string, { readonly key: Scalar; readonly traits: Items<TraitShape> }>
  readonly segments: Items<SegmentShape>
  readonly purposes: Items<PurposeShape>
  /** Where the project says where consents are. */
  readonly consent: Block<ConsentShape> | undefined
  readonly destinations: Items<DestinationShape>
  readonly syncs: Items<SyncShape>
  readonly tests: Items<UnitTestShape>
  readonly diagnostics: readonly Diagnostic[]
}

/** A destination's common keys, and the rest, which its connector describes. */
export type DestinationShape = z.infer<typeof destinationShape> & { readonly account: Dict }

/** Checks names, keys and shapes of everything that was read. */
export function validate(loaded: Loaded): Validated {
  const problems: Diagnostic[] = []
  const files = [...(loaded.config ? [{ path: CONFIG, root: loaded.config }] : []), ...loaded.files]
  const maps = collect(files, problems)
  const read = <T extends Switch>(kind: Kind, what: string, type: z.ZodType<T>) =>
    itemsOf(maps.get(kind) ?? [], (entry) => itemOf(entry, what, type, problems), problems)
  const sources = read('sources', 'Source', sourceShape)
  const entities = read('entities', 'Entity', entityShape)
  const segments = read('segments', 'Segment', segmentShape)
  oneNamespace([sources, entities, segments], problems)
  return {
    loaded,
    config: loaded.config && configOf(loaded.config, problems),
    sources,
    entities,
    traits: traitsOf(maps.get('traits') ?? [], problems),
    segments,
    purposes: read('purposes', 'Purpose', purposeShape),
    consent: blockOf('consent', files, problems),
    destinations: itemsOf(maps.get('destinations') ?? [], (entry) => destinationOf(entry, problems), problems),
    syncs: read('syncs', 'Sync', syncShape),
    tests: itemsOf(
      maps.get('tests') ?? [],
      (entry) => itemOf(entry, 'Test', unitTestShape, problems),
      problems,
      isSentence,
    ),
    diagnostics: problems,
  }
}

/** What `enabled: false` may be said of. */
interface Switch {
  readonly enabled?: boolean | undefined
}

interface Named {
  readonly key: Scalar
  readonly value: Node
}

const CONFIG_KEYS = Object.keys(configShape.shape)

/** The entries of every kind over all files, in their order. */
function collect(files: Loaded['files'], problems: Diagnostic[]): ReadonlyMap<Kind, readonly Named[]> {
  const maps = new Map<Kind, Named[]>(KINDS.map((kind) => [kind, []]))
  for (const { path, root } of files)
    for (const { key, value } of root.entries) {
      const kind = KINDS.find((one) => one === key.text)
      if (kind) maps.get(kind)?.push(...mapOf(kind, key, value, problems))
      else if (isBlock(key.text)) continue
      else if (path !== CONFIG || !CONFIG_KEYS.includes(key.text)) otherKey(key, path, problems)
    }
  return maps
}

function isBlock(key: string): key is keyof typeof BLOCKS {
  return Object.hasOwn(BLOCKS, key)
}

/** The one block of a name over all files; each further one is reported. */
function blockOf<K extends keyof typeof BLOCKS>(
  name: K,
  files: Loaded['files'],
  problems: Diagnostic[],
): Block<z.infer<(typeof BLOCKS)[K]>> | undefined {
  const [first, ...more] = files.flatMap(({ root }) => root.entries.filter(({ key }) => key.text === name))
  if (first === undefined) return undefined
  for (const { key } of more) duplicate(first.key, key, problems)
  const value = shaped(first.value, BLOCKS[name], { problems, what: `"${name}"`, at: first.key.at() })
  return { key: first.key, value: value as z.infer<(typeof BLOCKS)[K]> | undefined }
}

function mapOf(kind: Kind, key: Scalar, value: Node, problems: Diagnostic[]): readonly Named[] {
  if (value.kind === 'dict') return value.entries
  if (value.kind === 'scalar' && value.isNull) return []
  const fix = kind === 'sources' && value.kind === 'list' ? dbtList(value) : undefined
  const what = value.kind === 'list' ? 'a list' : 'text'
  problems.push(problem('project/wrong-type', `"${key.text}" takes a map of names, not ${what}.`, value.at(), fix))
  return []
}

function otherKey(key: Scalar, path: string, problems: Diagnostic[]): void {
  const known = [...(path === CONFIG ? CONFIG_KEYS : []), ...KINDS, ...Object.keys(BLOCKS)]
  const close = nearest(key.text, known)
  const fix = CONFIG_KEYS.includes(key.text)
    ? `It belongs in ${CONFIG}.`
    : `${close ? `Did you mean "${close}"? ` : ''}Known keys: ${known.join(', ')}.`
  problems.push(problem('project/unknown-key', `The file has a key "${key.text}", which is not known.`, key.at(), fix))
}

function configOf(dict: Dict, problems: Diagnostic[]): ConfigShape | undefined {
  const own = { ...dict, entries: dict.entries.filter(({ key }) => CONFIG_KEYS.includes(key.text)) }
  return shaped(own, configShape, { problems, what: `The file ${CONFIG}`, at: { ...dict.at(), length: 1 } })
}

function itemOf<T>(entry: Named, what: string, type: z.ZodType<T>, problems: Diagnostic[]): Item<T> | undefined {
  const { key, value: node } = entry
  const value = shaped(node, type, { problems, what: `${what} "${key.text}"`, at: key.at() })
  return value === undefined || node.kind !== 'dict' ? undefined : { name: key.text, key, node, value }
}

/** Each name once; things that are switched off apart. */
function itemsOf<T extends Switch>(
  entries: readonly Named[],
  read: (entry: Named) => Item<T> | undefined,
  problems: Diagnostic[],
  mayBe: (key: Scalar, problems: Diagnostic[]) => boolean = isName,
): Items<T> {
  const items = new Map<string, Item<T>>()
  const names = new Map<string, At>()
  const disabled = new Map<string, At>()
  const seen = new Map<string, Scalar>()
  for (const entry of entries) {
    const { key } = entry
    // Warehouses compare names without case, so two names that differ in case alone would be one column or table.
    const first = seen.get(key.text.toLowerCase())
    if (first) duplicate(first, key, problems)
    if (!mayBe(key, problems) || first) continue
    seen.set(key.text.toLowerCase(), key)
    const item = read(entry)
    if (item?.value.enabled === false) disabled.set(key.text, key.at())
    else names.set(key.text, key.at())
    if (item && item.value.enabled !== false) items.set(key.text, item)
  }
  return { items, names, disabled }
}

/** Reported at both places, so that either can be found from the message. */
function duplicate(first: Scalar, second: Scalar, problems: Diagnostic[]): void {
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const message =
      one.text === other.text ? `The name "${one.text}" is defined twice.` : onlyInCase(one.text, other.text)
    problems.push(
      problem('project/duplicate-name', message, one.at(), `The other one stands at ${nameOf(other.at())}.`),
    )
  }
}

/** Warehouses compare names without case: one column, table or view would be the other. */
export function onlyInCase(one: string, other: string): string {
  return `"${one}" and "${other}" differ only in case, which warehouses do not tell apart.`
}

/** Names become names of tables, views and columns. */
export function isName(key: Scalar, problems: Diagnostic[]): boolean {
  const reason = !/^[A-Za-z_][A-Za-z0-9_]*$/.test(key.text)
    ? 'A name has letters, digits and _ only, and no digit first.'
    : key.text.length > 48
      ? 'A name has at most 48 characters.'
      : undefined
  if (reason) problems.push(problem('project/bad-name', `"${key.text}" cannot be a name.`, key.at(), reason))
  return reason === undefined
}

/** A test is named by a sentence, which is told on one line. */
function isSentence(key: Scalar, problems: Diagnostic[]): boolean {
  const isOne = key.text.trim() !== '' && key.text.length <= 200 && !/\p{Cc}/u.test(key.text)
  const fix = 'Write a sentence of at most 200 characters on one line.'
  if (!isOne) problems.push(problem('project/bad-name', `"${key.text}" cannot name a test.`, key.at(), fix))
  return isOne
}

function oneNamespace(kinds: readonly Items<unknown>[], problems: Diagnostic[]): void {
  const seen = new Map<string, { readonly name: string; readonly at: At }>()
  for (const { names } of kinds)
    for (const [name, at] of names) {
      const other = seen.get(name.toLowerCase())
      seen.set(name.toLowerCase(), other ?? { name, at })
      if (!other) continue
      const twice =
        other.name === name ? `The name "${name}" is defined twice` : onlyInCase(name, other.name).slice(0, -1)
      const message = `${twice}: sources, entities and segments share their names.`
      problems.push(problem('project/duplicate-name', message, at, `The other one stands at ${nameOf(other.at)}.`))
    }
}

/** Traits may be spread over files: first by entity, then by name. */
function traitsOf(entries: readonly Named[], problems: Diagnostic[]): Validated['traits'] {
  const byEntity = new Map<string, { key: Scalar; entries: Named[] }>()
  for (const { key, value } of entries) {
    const group = byEntity.get(key.text) ?? { key, entries: [] }
    byEntity.set(key.text, group)
    if (value.kind === 'dict') group.entries.push(...value.entries)
    else if (value.kind === 'list' || !value.isNull)
      problems.push(problem('project/wrong-type', `"${key.text}" takes a map of traits.`, value.at()))
  }
  const read = (entry: Named) => itemOf(entry, 'Trait', traitShape, problems)
  return new Map(
    [...byEntity].map(([name, group]) => [name, { key: group.key, traits: itemsOf(group.entries, read, problems) }]),
  )
}

const COMMON_KEYS = new Set([...Object.keys(destinationShape.shape), 'was', 'for_each'])

function destinationOf({ key, value }: Named, problems: Diagnostic[]): Item<DestinationShape> | undefined {
  if (value.kind !== 'dict') return itemOf({ key, value }, 'Destination', destinationShape, problems) as undefined
  const isCommon = (entry: Named) => COMMON_KEYS.has(entry.key.text)
  const common: Dict = { ...value, entries: value.entries.filter(isCommon) }
  const item = itemOf({ key, value: common }, 'Destination', destinationShape, problems)
  const account: Dict = { ...value, entries: value.entries.filter((entry) => !isCommon(entry)) }
  return item && { ...item, node: value, value: { ...item.value, account } }
}
