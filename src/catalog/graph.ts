import type { Context } from '../compile/context.ts'
import { graphOf } from '../compile/identity/evidence.ts'
import { compileExplain, type ExplainStatements, evidenceSources } from '../compile/identity/explain.ts'
import { publishedGraph } from '../compile/identity/explain-lookup.ts'
import { blocksOf, graphState, rulesOf, seenState } from '../compile/identity/tables.ts'
import type { Entity, Source } from '../project/project.ts'
import { listed } from '../sync/listed.ts'
import type { Session } from '../warehouses/warehouse.ts'
import { type Veil, veilOf } from './veil.ts'

/** The published graph of an entity, ready to be asked. */
export interface OpenGraph {
  readonly context: Context
  readonly session: Session
  readonly entity: Entity
  readonly statements: ExplainStatements
  readonly veil: Veil
  /** What a reader must know of the answers: rules that changed since, sources whose rows are not known. */
  readonly notes: readonly string[]
}

/** Undefined where the entity was never published. Personal values are hidden unless `showValues`. */
export async function openGraph(
  context: Context,
  session: Session,
  entity: Entity,
  showValues: boolean,
): Promise<OpenGraph | undefined> {
  if ((await session.columns(graphState(context, entity))) === undefined) return undefined
  const all = evidenceSources(context, entity)
  const there = await asyncFilter(
    all,
    async (one) => (await session.columns(seenState(context, entity, one))) !== undefined,
  )
  const asked = publishedGraph(context, entity, there)
  const rules = await session.first({ statement: asked.rules })
  if (rules?.rules === null || rules?.rules === undefined) return undefined
  const read = asked.read === undefined ? [] : await listed(session, asked.read)
  // A build that was not published leaves an empty table of a source that it read in another way.
  const empty = new Set(
    read.filter((one) => (one.rows_then ?? 0) > 0 && one.combinations === 0).map(({ source }) => source),
  )
  const known = there.filter(({ name }) => !empty.has(name))
  const changed =
    rules.rules !== rulesOf(context, entity, graphOf(context, entity).read) || rules.blocks !== blocksOf(entity)
  return {
    context,
    session,
    entity,
    statements: compileExplain(context, entity, known),
    veil: veilOf(context.project, entity, showValues),
    notes: [...(changed ? [rulesChanged(entity)] : []), ...all.filter((one) => !known.includes(one)).map(notRead)],
  }
}

/** Place of a type in the order of strength, 0 for the strongest; rows that are profiles come last. */
export function strengthOf(entity: Entity, type: string): number {
  const place = entity.identifiers.findIndex(({ name }) => name === type)
  return place === -1 ? entity.identifiers.length : place
}

function rulesChanged({ name }: Entity): string {
  return `The identity rules of "${name}" have changed since the last publish; this is about what is published. "cdp identity diff" shows what the change would do.`
}

function notRead({ name }: Source): string {
  return `Source "${name}" is read differently since the last publish; its rows are not shown.`
}

async function asyncFilter<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<readonly T[]> {
  const kept: T[] = []
  for (const item of items) if (await test(item)) kept.push(item)
  return kept
}
