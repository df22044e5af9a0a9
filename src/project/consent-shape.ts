import { z } from 'zod'
import { named } from './schema-parts.ts'
import { entries, planned, scalar, scalars } from './shapes.ts'

/** Why a person may be contacted under the GDPR (article 6); only `consent` asks for a row of a consent source. */
export const BASES = [
  'consent',
  'contract',
  'legal_obligation',
  'vital_interests',
  'public_task',
  'legitimate_interests',
] as const

const feed = {
  source: scalar('The source whose rows say who agreed.'),
  status: scalar('The column that says whether.'),
  at: scalar('The column that says when. Default: the `updated_at` or `at` of the source.').optional(),
  granted: scalars('The statuses that mean yes; any other means no.'),
  max_age: scalar('How old the newest row may be before nothing is sent: 2 days.', 'a duration').optional(),
  expires_after: scalar('How long a yes holds: 2 years. Default: until there is a no.', 'a duration').optional(),
}

/** `consent:`, one block a project. */
export const consentShape = z.object({
  ...feed,
  purpose: scalar('The column that names the purpose.'),
})

/** One entry of `purposes:`. */
export const purposeShape = planned(
  z.object({
    basis: z.enum(BASES).describe('The legal basis. Only `consent` needs a row that says yes.'),
    from: z.object(feed).describe('Where the rows of this purpose are, instead of in `consent:`.').optional(),
    ...named,
  }),
  {},
)

/** `on_withdraw:` of a sync. */
export const withdrawShape = z
  .union([scalar('A verb of the connector.'), entries(scalar('Its argument.'), 'A verb and its argument.')])
  .describe(
    "What happens to people who withdraw their consent or are suppressed. Default: the connector's mildest act that stops contact, never a deletion.",
  )

export type ConsentShape = z.infer<typeof consentShape>
export type PurposeShape = z.infer<typeof purposeShape>
