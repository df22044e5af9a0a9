import { createHash } from 'node:crypto'
import type { Entity, Source } from '../../project/project.ts'
import type { Table } from '../../sql/sql.ts'
import type { Context } from '../context.ts'
import { buildTable, stateTable } from '../names.ts'
import { identifierColumns, PHONE_VERSION } from '../rows.ts'

/*
 * What the tool remembers of an identity graph, one table a fact. Identifiers, profiles and clusters are numbers: text
 * stands in `values` and `profile_ids` only. Publishing alone changes these tables; a build writes what will change.
 */

/** (node_id, type, value): every identifier that was ever seen, and its number. Only added to. */
export function valuesState(context: Context, entity: Entity): Table {
  return stateTable(context.project, entity.name, '_values')
}

/**
 * (node_id, standing, first_seen_at, last_seen_at, cluster, profile): what became of each identifier. `cluster` is the
 * smallest number in its connected component, `profile` the number of the anchor of its profile; both are null for an
 * identifier that joins nobody (see `Standing`).
 */
export function graphState(context: Context, entity: Entity): Table {
  return stateTable(context.project, entity.name, '_graph')
}

/** (anchor, profile_id, born, merged_into): every id, by the number of the identifier from which it was minted. */
export function idsState(context: Context, entity: Entity): Table {
  return stateTable(context.project, entity.name, '_profile_ids')
}

/** (a, b, reason, detail): edges inside a cluster that a limit, a list or quarantine keeps from joining. */
export function refusedState(context: Context, entity: Entity): Table {
  return stateTable(context.project, entity.name, '_refused')
}

/** Merges and splits that readers saw: from_profile_id, to_profile_id, build, run_id, logged_at, via_type, via_value. */
export function logState(context: Context, entity: Entity, kind: 'merge' | 'split'): Table {
  return stateTable(context.project, entity.name, `_${kind}_log`)
}

/**
 * The distinct combinations of identifiers that rows of a source hold: one number a column (0: none), `row_key`,
 * `is_open`, `row_count`, `first_seen_at`, `last_seen_at`, `build`; of a group (`of:`) also `cdp_member`, the anchor of
 * the member whose the rows are. The table's name changes with how the source is read, so a source that is read
 * differently begins anew.
 */
export function seenState(context: Context, entity: Entity, source: Source): Table {
  return stateTable(context.project, entity.name, '_seen_', source.name, `_${readingOf(context, entity, source)}`)
}

/** One row for each entity and source: how far it was read, and under which rules. */
export function marksState(context: Context): Table {
  return stateTable(context.project, 'identity_mark')
}

/** Eight hex digits that change when the rows of a source would be read differently. Block lists are no part of it. */
export function readingOf(context: Context, entity: Entity, source: Source): string {
  const { relation, category, key, occurredAt, updatedAt, loadedAt } = source
  const columns = identifierColumns(source, entity).map(({ type, column, country, as }) => [
    column,
    country,
    as,
    type.normalise,
  ])
  const types = [...source.types].filter(([name]) => columns.some(([column]) => column === name))
  return digest([
    relation,
    category,
    key,
    occurredAt,
    updatedAt,
    loadedAt,
    columns,
    types,
    context.project.phoneCountry,
    ...(columns.some(([, , , how]) => how === 'phone') ? [PHONE_VERSION] : []),
    ...(entity.of === undefined ? [] : [entity.of]),
  ])
}

/** Changes when the graph must be solved anew from its rows; ids are carried. */
export function rulesOf(context: Context, entity: Entity, sources: readonly Source[]): string {
  const { always, never, guard } = entity
  return digest([
    entity.identifiers.map(({ name, link, maxFanout, limit }) => [name, link, maxFanout, limit]),
    guard.onViolation === 'quarantine' ? guard.maxProfileSize : null,
    sources.map((source) => [source.name, readingOf(context, entity, source)]),
    [always?.name, never?.name],
  ])
}

/** Changes when values must be compared with the block lists again. */
export function blocksOf(entity: Entity): string {
  return digest(entity.identifiers.map(({ name, block }) => [name, block]))
}

function digest(value: unknown): string {
  const plain = (_: string, one: unknown) => (one instanceof Map ? [...one] : one === undefined ? null : one)
  // A place in a file is no meaning: moving a line must not solve a graph anew.
  const placeless = (key: string, one: unknown) => (key === 'at' ? undefined : plain(key, one))
  return createHash('sha256').update(JSON.stringify(value, placeless)).digest('hex').slice(0, 8)
}

/** A table of the build: `<state>.b<build>_<entity>_<what>[_<source>]`. */
export function graphTable(context: Context, entity: Entity, what: GraphTable): Table {
  return buildTable(context.project, entity.name, `_${what}`)
}

/** The tables of one entity's graph in a build. */
export type GraphTable =
  /** (entity's sources) how far each source was read: source, settled, settled_rows, checksum, total. */
  | 'marks'
  /** (raw, region): phones that no build has parsed yet. */
  | 'phones'
  /** (node_id, type, value, first_seen_at, last_seen_at, is_new): the identifiers in the rows that this build read. */
  | 'values'
  /** (node_id): identifiers whose standing may differ from what is stored. */
  | 'examined'
  /** (node_id, standing, first_seen_at, last_seen_at, was, cluster, profile): examined ones, and as stored. */
  | 'standing'
  /** The same columns, type, value and `is_new`: rows of profile sources without an identifier that joins. */
  | 'lone'
  /** (node_id, standing): identifiers that join nobody now. */
  | 'mute'
  /** (cluster): stored clusters that lost an edge or a member and are solved anew. */
  | 'broken'
  /** (node_id, known): identifiers that join and have no cluster to rely on; `known` is their last profile. */
  | 'loose'
  /** (a, b): edges between identifiers that decide this build. */
  | 'pairs'
  /** (vertex, known, cluster, part, is_whole): loose identifiers, and stored clusters that move as a whole. */
  | 'placed'
  /** (part, anchor, born, place): which ids live in which part, the oldest first. */
  | 'claims'
  /** (part, anchor, is_new): the profile of each part. */
  | 'profiles'
  /** (node_id, standing, first_seen_at, last_seen_at, cluster, profile): rows of `graphState` that change. */
  | 'graph'
  /** (anchor, profile_id, merged_into): rows of `idsState` that change. */
  | 'ids'
  /** (from_profile_id, to_profile_id, via_type, via_value). */
  | 'merges'
  | 'splits'
  /** (node_a, node_b): pairs of the never list. */
  | 'never'
  /** (vertex, known, cluster, is_whole): as `placed`, before limits are applied. */
  | 'units'
  /** (node_id, cluster, type): the members of clusters that were touched. */
  | 'crowd'
  /** (cluster): clusters that break a rule. */
  | 'suspects'
  /** (idx, node_id, cluster, kind): members of suspects, numbered from 0. */
  | 'judged'
  /** (seq, a, b, tier): their edges, the most trusted first. */
  | 'trials'
  /** (node_a, node_b): never pairs within suspects, by idx. */
  | 'foes'
  /** (node_id, part): what the judge decided. */
  | 'verdicts'
  /** (a, b, reason, detail): edges that the judge refused. */
  | 'refused'

/** The rows of a source as this build read them: identifiers as text, one row a combination. */
export function readTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_read_', source.name)
}

/** The same by numbers: the rows that publishing adds to `seenState`. */
export function seenTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_seen_', source.name)
}

/** Combinations that appeared, went or moved in time: the numbers, row_key, `change`. Incremental builds only. */
export function changedTable(context: Context, entity: Entity, source: Source): Table {
  return buildTable(context.project, entity.name, '_changed_', source.name)
}

/** (profile_id, type, value, first_seen_at, last_seen_at): values on a profile that join nobody. */
export function attributesTable(context: Context, entity: Entity): Table {
  return buildTable(context.project, entity.name, '_attributes')
}

/** (profile_id, member_id, first_seen_at, last_seen_at): the profiles that belong to each profile of a group. */
export function membersTable(context: Context, group: Entity): Table {
  return buildTable(context.project, group.name, '_members')
}
