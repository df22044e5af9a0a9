// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { z } from 'zod'
import { consentShape, purposeShape, withdrawShape } from './consent-shape.ts'
import { dataTests, freshnessShape } from './data-test-shapes.ts'
import { condition, expression, forEach, later, named } from './schema-parts.ts'
import { segmentShape } from './segment-shape.ts'
import { entries, jsonSchema, planned, scalar, scalars, tree, withoutDraft } from './shapes.ts'
import { traitShape } from './trait-shape.ts'
import { unitTestShape } from './unit-test-shape.ts'

export const configShape = z.object({
  name: z.string().min(1).describe('The name of the project.'),
  warehouse: scalar('The default target: one of `warehouses`.').optional(),
  warehouses: entries(
    tree('The options of one warehouse: `type:` and what that type takes.', 'a map'),
    'Targets by name.',
  ),
  schemas: z
    .object({
      models: scalar('Schema for what others read: profiles, segments.').optional(),
      state: scalar("Schema for the tool's own tables.").optional(),
    })
    .describe('Where tables and views are made. Default: cdp and _cdp.')
    .optional(),
  defaults: z
    .object({
      phone_country: scalar('Two letters: the country of phones that name none.').optional(),
      timezone: scalar('IANA zone of dates and `start of …`. Default: UTC.').optional(),
      exclude: scalars('Segments that no sync sends.').optional(),
      history: scalar(
        'How long ended memberships and the sizes of segments are remembered. Default: 730 days.',
        'a duration',
      ).optional(),
    })
    .describe('What holds where nothing else is said.')
    .optional(),
  vars: entries(tree('The value.', 'text'), 'Values of `${var:name}`.').optional(),
  now: scalar('Fixes the business time: 2026-11-01T08:00:00Z.').optional(),
  dbt: z
    .object({
      manifest: scalar(
        'The manifest that `dbt:` of sources is looked up in, from the project folder. Default: target/manifest.json here, else in the folder above.',
      ).optional(),
      owner: z
        .string()
        .min(1)
        .describe('Who owns exposures of syncs without an owner: a name or an address.')
        .optional(),
    })
    .describe('The dbt project beside this one.')
    .optional(),
  paths: z
    .object({
      models: scalar('Folder of models. Default: models.').optional(),
      destinations: scalar('Folder of destinations. Default: destinations.').optional(),
    })
    .describe('Where the other files lie.')
    .optional(),
})

const identifierColumn = z.object({
  column: scalar('The column that holds the value.'),
  country: scalar('The column that holds the country of a phone.').optional(),
})

const columnName = scalar('A column.')

const identifierColumns = z.union([columnName, identifierColumn, z.array(z.union([columnName, identifierColumn]))])

/** Where the rows of a source or of a list are. */
const relation = {
  table: scalar('A table or view: raw.orders.').optional(),
  file: scalar('Files, where the warehouse reads them: data/*.csv, *.parquet or *.json.').optional(),
  sql: scalar('A select, or the path of one that ends in .sql.').optional(),
  dbt: scalar(
    'A model, seed or snapshot of dbt, or source.table of it: where its table is stands in the manifest.',
  ).optional(),
}

const mayBeEmpty = z
  .boolean()
  .describe('true: no rows are no reason to stop. Default: a build stops where there were rows and now are none.')
  .optional()

export const sourceShape = planned(
  z.object({
    ...relation,
    category: z
      .enum(['profile', 'event', 'transaction', 'product', 'consent', 'support'])
      .describe('What a row is. Default: event where `at:` is named, else profile.')
      .optional(),
    key: scalar('The column that identifies a row.').optional(),
    at: scalar('The column that says when it happened.').optional(),
    updated_at: scalar('The column that says when the row last changed.').optional(),
    loaded_at: scalar(
      'The column that says when the row reached the warehouse: only new rows are read then. A row that changes must change it.',
    ).optional(),
    overlap: scalar(
      'How late a row may still arrive: so far back from the newest `loaded_at` rows are read again. Default: 96 hours.',
      'a duration',
    ).optional(),
    append_only: z
      .boolean()
      .describe(
        'Rows never change once they are loaded: what traits add up of them is kept from build to build, and only new rows are read. Needs `loaded_at`. `--full-refresh` reads all.',
      )
      .optional(),
    may_be_empty: mayBeEmpty,
    identifiers: entries(
      identifierColumns,
      'Identifier type → the column that holds it; several columns join one another.',
    ).optional(),
    columns: entries(
      z.object({
        type: z
          .enum(['text', 'integer', 'decimal', 'float', 'boolean', 'date', 'timestamp', 'list'])
          .describe('The type of the column, where it matters before the warehouse is asked.')
          .optional(),
        pii: z.string().describe('What kind of personal data it holds: email, phone, name, …').optional(),
        description: z.string().describe('What it holds.').optional(),
        tests: dataTests('column').optional(),
      }),
      'What is known of columns.',
    ).optional(),
    belongs_to: entries(columnName, "Parent source → the column here that holds the parent's key.").optional(),
    freshness: freshnessShape.describe('How old the newest row may be.').optional(),
    tests: dataTests('source').optional(),
    ...named,
  }),
  later,
)

const identityList = (what: string) =>
  z
    .object({
      ...relation,
      identifiers: entries(
        identifierColumns,
        'Identifier type → the columns that hold it; a row names at least two values. Default: the rows have the columns type_a, value_a, type_b and value_b.',
      ).optional(),
      may_be_empty: mayBeEmpty,
    })
    .describe(what)

export const entityShape = planned(
  z.object({
    of: scalar('The entity whose profiles are its members: a household is of: customer.').optional(),
    identifiers: entries(
      z.object({
        normalize: z
          .enum(['email', 'phone', 'text', 'exact'])
          .describe('How values are compared. Default: email for email, phone for phone, else exact.')
          .optional(),
        link: z.boolean().describe('false: kept on the profile, joins nobody.').optional(),
        limit: z
          .number()
          .int()
          .positive()
          .describe('The most values that one profile may have: what would join more is left apart.')
          .optional(),
        max_fanout: z
          .number()
          .int()
          .positive()
          .describe(
            'A value seen with more values of one stronger type joins nobody; with `of:` also one seen with more members.',
          )
          .optional(),
        block: z
          .array(scalar('A value, or a pattern between slashes.'))
          .describe('Values that identify nobody, added to the default list.')
          .optional(),
      }),
      'Identifier types, strongest first.',
    ),
    always_merge: identityList('Pairs of identifiers that are one profile, whatever `limit` says.').optional(),
    never_merge: identityList('Pairs of identifiers that are never one profile.').optional(),
    guard: z
      .object({
        max_profile_size: z
          .number()
          .int()
          .positive()
          .describe('The most identifiers that one profile may have. Default: no bound.')
          .optional(),
        max_merge_rate: scalar(
          'The share of the published profiles that may merge into others at once: 2%. Default: no bound.',
          'a share like 2%',
        ).optional(),
        on_violation: z
          .enum(['fail', 'quarantine'])
          .describe(
            'fail (the default): nothing is published. quarantine: the weakest identifiers of a profile over max_profile_size join nobody; max_merge_rate still fails.',
          )
          .optional(),
      })
      .describe('Limits that stop a build before it is published.')
      .optional(),
    tests: dataTests('entity').optional(),
    ...named,
  }),
  later,
)

export const destinationShape = planned(
  z.object({
    type: scalar('The connector: what kind of vendor it is.'),
    settles_within: scalar('How long a sent request may still take effect.', 'a duration').optional(),
    allow_private: z.boolean().describe('Allow http and private addresses for the declared host and port.').optional(),
    targets: scalars('Targets under which it is written. Default: all.').optional(),
    exclude: scalars('Segments that are never sent there.').optional(),
    was: scalar('Its former name: what the sandbox holds of it follows.').optional(),
    for_each: forEach('destination').optional(),
    ...named,
  }),
  {},
)

const text = scalar('A trait, or text with {{trait}}.')

const field = planned(
  z.object({
    trait: scalar('The trait that is sent.').optional(),
    value: scalar('A value that is the same for everybody.').optional(),
    expr: expression('An expression over traits.').optional(),
    on_null: z.enum(['skip', 'clear']).describe('What a null does. Default: skip.').optional(),
    write: z.enum(['always', 'on_create', 'if_empty']).describe('When the field is sent. Default: always.').optional(),
  }),
  {},
)

export const syncShape = planned(
  z.object({
    to: scalar('The destination.'),
    into: tree('The place inside it, as its connector describes.', 'a map').optional(),
    audience: scalar(
      'The segment or segment.variant whose members are sent, or an entity for all of its profiles.',
    ).optional(),
    source: scalar('The source whose rows are sent, in place of an audience.').optional(),
    start_at: scalar(
      'Rows that happened before are not sent: a time, 30 days ago, or beginning. Default in mode append: the first run; else beginning.',
    ).optional(),
    where: condition('traits, with `source:` on columns').optional(),
    exclude: scalars('Segments that are left out.').optional(),
    mode: scalar(
      'upsert, update, insert, mirror or append. Default: upsert where the connector has it; for events append.',
    ).optional(),
    on_leave: z
      .union([
        scalar('A verb of the connector, or keep.'),
        entries(scalar('Its argument.'), 'A verb and its argument.'),
      ])
      .describe("What happens to rows that leave. Default for mirror: the connector's mildest removal; else keep.")
      .optional(),
    key: z
      .union([scalar('A trait of the same name on both sides.'), entries(scalar('Our trait.'), 'Theirs → ours.')])
      .describe("What identifies a row there. With `source:` a column; default: the source's key.")
      .optional(),
    fields: entries(z.union([text, field]), 'Theirs → ours.').optional(),
    guard: z
      .object({
        max_removed: scalar(
          'The share of known rows that may leave at once. Default: 10%; fewer than 20 rows always may.',
          'a share like 10%',
        ).optional(),
        max_changed: scalar(
          'The share of known rows that may be updated or leave at once. Default: 50%, once 1,000 rows are known.',
          'a share like 50%',
        ).optional(),
        max_invalid: scalar(
          'The share of the audience that may have a null or double key. Default: 0.1%, and at most 1,000 rows; fewer than 20 always may.',
          'a share like 1%',
        ).optional(),
        max_creates: z.number().int().positive().describe('The most new rows at once. Default: no bound.').optional(),
        max_calls: scalar(
          "The share of the vendor's daily quota that one run may use, where a quota is known. Default: 80%.",
          'a share like 80%',
        ).optional(),
        on_mass_remove: z
          .enum(['block', 'hold'])
          .describe(
            'Where max_removed is exceeded: block (the default) sends nothing, hold sends all but the removals.',
          )
          .optional(),
      })
      .describe('Limits that stop the sync before it sends.')
      .optional(),
    purpose: scalar('The purpose for which its people are contacted: one of `purposes:`.').optional(),
    on_withdraw: withdrawShape.optional(),
    on_mapping_change: z
      .enum(['ask', 'resync', 'rebase'])
      .describe(
        'When fields were added or changed: resync sends every row anew, rebase only rows whose data changed as well. ask (the default) blocks until one is chosen.',
      )
      .optional(),
    after: scalars('Syncs that must have ended before.').optional(),
    every: scalar('How often it is due; read by `cdp run --due` only.').optional(),
    wait: scalar(
      'How long a run waits for jobs of the vendor that it started: 10m, or 0. Default: 2 minutes.',
    ).optional(),
    owned: z
      .boolean()
      .describe('true: a mirror removes also rows that cdp never sent. Default: only rows that it sent.')
      .optional(),
    was: scalar('Its former name: what its destination acknowledged follows, and nothing is sent anew.').optional(),
    for_each: forEach('sync').optional(),
    ...named,
  }),
  {},
)

export type ConfigShape = z.infer<typeof configShape>
export type SourceShape = z.infer<typeof sourceShape>
export type EntityShape = z.infer<typeof entityShape>
export type SyncShape = z.infer<typeof syncShape>

/** The kinds of things in files below `models/` and `destinations/`, by top-level key. */
export const KINDS = [
  'sources',
  'entities',
  'traits',
  'segments',
  'purposes',
  'destinations',
  'syncs',
  'tests',
] as const

export type Kind = (typeof KINDS)[number]

/** Blocks of which a project has one, by top-level key. */
export const BLOCKS = { consent: consentShape } as const

const SHAPES = {
  sources: sourceShape,
  entities: entityShape,
  traits: traitShape,
  segments: segmentShape,
  purposes: purposeShape,
  destinations: destinationShape,
  syncs: syncShape,
  tests: unitTestShape,
} as const

/** JSON Schemas for editors: of cdp.config.yaml, of any other file, and of each kind alone. */
export function jsonSchemas(): Readonly<Record<'config' | 'file' | Kind, object>> {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, jsonSchema(SHAPES[kind])])) as Record<Kind, object>
  // What a connector takes stands beside the keys that all destinations have.
  kinds.destinations = { ...kinds.destinations, additionalProperties: true }
  const maps = KINDS.map((kind): [string, object] => {
    const map = { type: 'object', additionalProperties: withoutDraft(kinds[kind]) }
    return [kind, kind === 'traits' ? { type: 'object', additionalProperties: map } : map]
  })
  const rest = Object.entries(BLOCKS).map(([key, shape]) => [key, withoutDraft(jsonSchema(shape))])
  const file = {
    $schema: DRAFT,
    type: 'object',
    properties: Object.fromEntries([...maps, ...rest]),
    additionalProperties: false,
  }
  const config = jsonSchema(configShape) as { properties: object }
  return { ...kinds, file, config: { ...config, properties: { ...config.properties, ...file.properties } } }
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'
