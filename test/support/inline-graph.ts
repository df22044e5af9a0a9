import type { Build } from '../../src/build.ts'
import { asFailure, type CdpError } from '../../src/error.ts'
import type { Engine } from './engines.ts'
import { type Inline, inline } from './inline.ts'
import { partitionOf } from './partition.ts'
import { tableOf } from './warehouse.ts'
import { written } from './written.ts'

/** A project of a test whose only entity is `customer`, as its identity graph is seen by readers. */
export interface InlineGraph extends Inline {
  /** Runs and returns what the report counts of the graph. */
  counts(): Promise<Readonly<Record<string, number>>>
  /** Runs; returns why nothing was published. Throws where something was. */
  refusal(): Promise<CdpError>
  /** The profile id of each identifier that joins, by `type value`, sorted. */
  ids(): Promise<Readonly<Record<string, string>>>
  /** The identifiers of each profile that join, as sorted text. */
  profiles(): Promise<readonly string[]>
  /** The rows of a published view of the entity: `rows('merges', 'from_profile_id', …)`. */
  rows(view: string, ...columns: readonly string[]): Promise<readonly (readonly (string | null)[])[]>
  /** Everything that readers see. */
  published(): Promise<unknown>
  /** Runs SQL in the warehouse: what somebody else loads. */
  load(...statements: readonly string[]): Promise<void>
}

/** Opens a project written down in the test. The schema `raw` is there for its tables. */
export async function inlineGraph(files: Readonly<Record<string, string>>, engine?: Engine): Promise<InlineGraph> {
  const made = await inline(files, engine)
  const rows = (view: string, ...columns: readonly string[]) =>
    tableOf(made.session, { schema: 'cdp', name: [view === '' ? 'customer' : `customer_${view}`] }, columns)
  const joining = async () => {
    const all = await rows('identifiers', 'type', 'value', 'profile_id', 'joins')
    return all
      .filter(([, , , joins]) => joins === 'true')
      .map(([type, value, profile]) => [`${type} ${value}`, String(profile)] as const)
  }
  const load = async (...statements: readonly string[]) => {
    await made.session.script(statements.map(written))
  }
  await load('create schema raw')
  return {
    ...made,
    counts: async () => countsOf(await made.run()),
    refusal: async () => {
      const thrown = await made.run().then(
        () => undefined,
        (error: unknown) => asFailure(error),
      )
      if (thrown === undefined) throw new Error('the build was published')
      return thrown
    },
    ids: async () => Object.fromEntries((await joining()).sort()),
    profiles: async () => partitionOf(await joining()),
    rows,
    published: async () => ({
      customer: await rows('', 'profile_id', 'first_seen_at', 'last_seen_at'),
      identifiers: await rows('identifiers', 'profile_id', 'type', 'value', 'joins', 'first_seen_at', 'last_seen_at'),
      merges: await rows('merges', 'from_profile_id', 'to_profile_id', 'run_id'),
      splits: await rows('splits', 'from_profile_id', 'to_profile_id', 'run_id'),
      aliases: await rows('aliases', 'alias', 'profile_id'),
      refused: await rows('refused_edges', 'type_a', 'value_a', 'type_b', 'value_b', 'reason', 'detail'),
    }),
    load,
  }
}

/** What the report counts of the only identity graph. */
export function countsOf({ models }: Build): Readonly<Record<string, number>> {
  const counts = models.find(({ model }) => model.kind === 'identity')?.counts ?? {}
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)]))
}
