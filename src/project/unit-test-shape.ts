// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { z } from 'zod'
import { named } from './schema-parts.ts'
import { entries, jsonSchema, scalar, scalars, tree, withoutDraft } from './shapes.ts'

const who = scalar('An identifier of a given row, `type:value`, or the key of a row without identifiers.')

const pairs = (what: string) => z.array(z.array(who)).describe(what)

/** What is expected of a segment. */
export const segmentExpectation = z.object({
  in: scalars('People who are members.').optional(),
  out: scalars('People who are not.').optional(),
  count: z.number().int().nonnegative().describe('How many members there are.').optional(),
  variants: entries(scalar('The variant.'), 'Member → the variant in which they are.').optional(),
})

/** What is expected of an entity. */
export const entityExpectation = z.object({
  same: pairs('Lists of identifiers, each of one profile: [[a, b], [c, d, e]].').optional(),
  apart: pairs('Lists of identifiers, each of another profile: [[a, b]].').optional(),
  count: z.number().int().nonnegative().describe('How many profiles there are.').optional(),
})

const value = (what: string) => tree(what, 'a value')

/** What is expected of traits. */
export const traitExpectations = entries(
  entries(value('The value; null where there is none.'), 'Trait → its value.'),
  'Who → traits.',
)

const expectation = jsonSchema(z.union([segmentExpectation, entityExpectation, traitExpectations]))

const cell = value('The value as the source would hold it; a time also as `1 day ago`.')

export const unitTestShape = z.object({
  now: scalar('The business time: 2026-03-01T12:00:00Z. Default: that of the project.').optional(),
  vars: entries(scalar('The value.'), 'Values of `${var:name}` in this test.').optional(),
  given: entries(
    z.array(entries(cell, 'Column → value; a column left out is null.')),
    'Source → its rows; a source left out is empty.',
  ).optional(),
  members_before: entries(
    z.union([
      z.array(who),
      entries(
        z.object({
          from: scalar('Since when: 90 days ago.'),
          to: scalar('Until when. Default: they are members still.').optional(),
        }),
        'Who → from when to when.',
      ),
    ]),
    'Segment → people who were members when it was last published, for `was_member_of`.',
  ).optional(),
  expect: entries(
    tree('What must hold.', 'a map', withoutDraft(expectation)),
    'A segment, an entity, or `traits` → what must hold.',
  ),
  ...named,
})

export type UnitTestShape = z.infer<typeof unitTestShape>
