import { z } from 'zod'
import { condition, forEach, named } from './schema-parts.ts'
import { entries, planned, scalar, scalars } from './shapes.ts'

const limit = z
  .object({
    rows: z
      .number()
      .int()
      .positive()
      .describe('The most people, all variants together; with `per`, of each of its values.'),
    by: scalars(
      'Who comes first: `lifetime_value desc`, or a list of such. Asc where nothing is said; people without a value come last. Default: by chance, always the same.',
    ).optional(),
    per: scalar(
      'A trait, or an entity that groups profiles: so many rows of each. Whoever has none is on their own.',
    ).optional(),
  })
  .describe('The most members.')

export const segmentShape = planned(
  z.object({
    of: scalar('The entity. May be left out when there is one.').optional(),
    where: condition('traits, events and other segments').optional(),
    exclude: scalars('Segments whose members are left out.').optional(),
    waterfall: scalars(
      'Segments by rank, instead of `where` or with it: everybody is in one variant, that of the first of which they are a member.',
    ).optional(),
    split: entries(
      scalar('Its share of the people: 40%.', 'a share like 40%'),
      'Variants and their shares, by chance; what they leave of 100% is held out.',
    ).optional(),
    holdout: scalar('The share of the people that is held out, by chance: 10%.', 'a share like 10%').optional(),
    limit: limit.optional(),
    purpose: scalar(
      'The purpose for which its people are contacted: those who may not be go before split and limit.',
    ).optional(),
    was: scalar('Its former name: sides, exposures and history follow it.').optional(),
    for_each: forEach('segment').optional(),
    ...named,
  }),
  {},
)

export type SegmentShape = z.infer<typeof segmentShape>
