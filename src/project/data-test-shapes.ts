import { z } from 'zod'
import { condition } from './schema-parts.ts'
import { jsonSchema, scalar, tree, withoutDraft } from './shapes.ts'
import type { Node } from './tree.ts'

/** What data tests may stand under. */
export type Tested = 'column' | 'source' | 'trait' | 'entity'

/** What may be tested, as its key names it, and where. `freshness:` is a key of a source, and no item of a list. */
export const DATA_TESTS = {
  not_null: ['column', 'trait'],
  unique: ['column', 'trait', 'source', 'entity'],
  accepted_values: ['column', 'trait'],
  relationships: ['column', 'trait'],
  row_count: ['source', 'entity'],
  expression: ['source', 'entity'],
} as const satisfies Readonly<Record<string, readonly Tested[]>>

export type DataTestKind = keyof typeof DATA_TESTS

/** The tests that may stand under a thing, in the order in which messages name them. */
export function testsOf(what: Tested): readonly DataTestKind[] {
  const kinds = Object.keys(DATA_TESTS) as DataTestKind[]
  return kinds.filter((kind) => DATA_TESTS[kind].some((one) => one === what))
}

const always = {
  name: scalar('What the test is called in reports. Default: what it tests.').optional(),
  severity: z
    .enum(['error', 'warn'])
    .describe('error (the default): a run publishes and sends nothing. warn: it is shown only.')
    .optional(),
  where: condition('the rows: only those on which it holds are tested').optional(),
}

const options = {
  ...always,
  max_failures: scalar(
    'How many rows may fail, or which share of them: 10, or 1%. Default: none.',
    'a number of rows, or a share like 1%',
  ).optional(),
}

const columns = z.array(scalar('A column, or a trait.')).min(1).describe('Columns, or traits.')
const values = z.array(scalar('A value.')).min(1).describe('The values that may stand here.')

/** The shapes of one test each: a map with the test's own key. Options stand beside that key or below it. */
export const dataTestShapes = {
  not_null: z.object({ not_null: z.object(options).describe('No row is null here.'), ...options }),
  unique: z.object({
    unique: z.object(options).describe('No two rows have the same value; nulls are not compared.'),
    ...options,
  }),
  uniqueTogether: z.object({
    unique: z
      .union([columns, z.object({ columns, ...options })])
      .describe('No two rows agree in all of these columns; rows with a null in one are not compared.'),
    ...options,
  }),
  accepted_values: z.object({
    accepted_values: z
      .union([values, z.object({ values, ...options })])
      .describe('The values that may stand here; null may, too.'),
    ...options,
  }),
  relationships: z.object({
    relationships: z
      .object({
        to: scalar('The source that has these values.'),
        column: scalar('Its column. Default: its key.').optional(),
        ...options,
      })
      .describe('Every value stands in a column of another source; null needs not.'),
    ...options,
  }),
  row_count: z.object({
    row_count: z
      .object({
        min: z.number().int().nonnegative().describe('The least number of rows.').optional(),
        max: z.number().int().nonnegative().describe('The greatest number of rows.').optional(),
        ...always,
      })
      .describe('How many rows there are.'),
    ...always,
  }),
  expression: z.object({
    expression: scalar('What holds on every row; where it is null it holds.', 'an expression'),
    ...options,
  }),
} as const

/** How old the newest row of a source may be. */
export const freshnessShape = z.object({
  warn_after: scalar('An older source is shown as a warning: 24h.', 'a duration').optional(),
  error_after: scalar('With an older source a run publishes and sends nothing: 72h.', 'a duration').optional(),
  where: always.where,
})

export type FreshnessShape = z.infer<typeof freshnessShape>

/** A list of data tests: read one by one when names are resolved, because only then it is known what each may say. */
export function dataTests(what: Tested): z.ZodType<Node> {
  const kinds = testsOf(what)
  const bare = kinds.filter((kind) => NEEDS_NOTHING.has(kind) && !isTogether(kind, what))
  const maps = kinds.map((kind) => withoutDraft(jsonSchema(shapeFor(kind, what))))
  const anyOf = bare.length === 0 ? maps : [{ type: 'string', enum: bare }, ...maps]
  return tree(`Data tests of the ${what}: ${kinds.join(', ')}.`, 'a list of tests', { type: 'array', items: { anyOf } })
}

/** Tests that may be written as their name alone. */
export const NEEDS_NOTHING: ReadonlySet<DataTestKind> = new Set<DataTestKind>(['not_null', 'unique'])

/** `unique` names its columns where it does not stand under one. */
export function isTogether(kind: DataTestKind, what: Tested): boolean {
  return kind === 'unique' && (what === 'source' || what === 'entity')
}

function shapeFor(kind: DataTestKind, what: Tested): z.ZodType {
  return isTogether(kind, what) ? dataTestShapes.uniqueTogether : dataTestShapes[kind]
}
