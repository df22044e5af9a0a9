import { z } from 'zod'

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/

/** The place of a sync: an object, or one campaign. */
export const into = z
  .strictObject({
    object: z
      .string()
      .regex(NAME, 'must be an API name')
      .meta({ description: 'API name of the object, such as Contact; CampaignMember with "campaign".' }),
    campaign: z
      .string()
      .regex(/^701[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$/, 'must be the id of a campaign, from its address: 701…')
      .optional()
      .meta({ description: 'Id of a campaign whose members are the audience, from its address bar: 701…' }),
    member: z
      .enum(['Contact', 'Lead'])
      .default('Contact')
      .meta({ description: "Who is a member of the campaign: the sync's key is an external id of this object." }),
    status: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Status of those who become members. Default: the campaign's own." }),
    bulk_above: z.number().int().min(0).default(2_000).meta({
      description: 'More rows than this to write, or to remove, go by the Bulk API 2.0, in jobs of up to 10,000.',
    }),
    allow_duplicates: z
      .boolean()
      .default(false)
      .meta({ description: 'Write also what a duplicate rule only warns of. The Bulk API is then not used.' }),
    assignment_rules: z.boolean().default(false).meta({
      description: 'Let assignment rules give leads and cases to somebody. The Bulk API is then not used.',
    }),
  })
  .refine((one) => one.campaign === undefined || one.object === 'CampaignMember', {
    message: '"campaign" needs "object: CampaignMember"',
  })
  .refine((one) => one.status === undefined || one.campaign !== undefined, { message: '"status" needs "campaign"' })

export type Into = z.infer<typeof into>

/** The place of a sync into a campaign. */
export type CampaignInto = Into & { readonly campaign: string }

export function isCampaign(place: Into): place is CampaignInto {
  return place.campaign !== undefined
}
