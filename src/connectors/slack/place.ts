import { z } from 'zod'
import { secret } from '../../secret.ts'

/** The options of a destination. */
export const account = z
  .strictObject({
    webhook_url: secret(
      'Address of an incoming webhook: it is its own password, and posts into one channel.',
    ).optional(),
    token: secret('Bot token (xoxb-…) with the scope chat:write, instead of "webhook_url".').optional(),
  })
  .refine((one) => (one.webhook_url === undefined) !== (one.token === undefined), {
    message: 'needs either "webhook_url" or "token"',
  })

/** The options of `into:`. */
export const into = z
  .strictObject({
    channel: z.string().min(1).optional().meta({
      description: 'Id of the channel (C0123…), from its About tab; needed with a token, fixed by a webhook.',
    }),
    per: z.enum(['digest', 'row']).default('digest').meta({
      description: 'One message for all rows of a batch, or one for each row, at most one a second.',
    }),
    message: z.string().min(1).optional().meta({
      description:
        'Handlebars template of the text. Default, of a digest: the name of the sync and the number of rows.',
    }),
    blocks: z
      .union([z.string().min(1), z.array(z.unknown())])
      .optional()
      .meta({
        description:
          'Handlebars template that prints a JSON list of blocks, or the list itself with templates in its texts.',
      }),
    first: z.number().int().min(1).max(50).default(10).meta({ description: 'Rows that a digest lists, at most.' }),
    when_unsure: z.enum(['repeat', 'leave']).default('repeat').meta({
      description:
        'What is done where no answer says whether a message was posted: a later run posts it again, or its rows count as refused.',
    }),
    check_history: z.boolean().default(false).meta({
      description:
        'Looks into the channel before it posts, so that nothing is told twice; a token with channels:history or groups:history.',
    }),
  })
  .refine((one) => one.per === 'digest' || one.message !== undefined || one.blocks !== undefined, {
    message: 'needs "message" or "blocks" where each row is a message',
  })

export type Account = z.infer<typeof account>
export type Into = z.infer<typeof into>
