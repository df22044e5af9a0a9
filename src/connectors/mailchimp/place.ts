import { z } from 'zod'

/** The options of `into:`. */
export const into = z
  .strictObject({
    list: z.string().min(1).meta({ description: 'Audience id, from Audience > Settings.' }),
    tag: z.string().min(1).optional().meta({
      description: 'Contacts carry this tag while they are in the audience of the sync; the list holds others, too.',
    }),
    segment: z.string().min(1).optional().meta({
      description: 'Name of a static segment that holds them; 500 contacts a call, and automations may start.',
    }),
    status_if_new: z
      .enum(['subscribed', 'pending', 'unsubscribed', 'transactional'])
      .default('subscribed')
      .meta({ description: 'Status of contacts that the list does not have yet; "pending" sends the opt-in mail.' }),
    tags: z.array(z.string().min(1)).default([]).meta({ description: 'Tags given to contacts when they are created.' }),
    create_fields: z.boolean().default(false).meta({
      description: 'Makes merge fields that the list lacks; their types follow from the first values.',
    }),
    create_segment: z.boolean().default(false).meta({ description: 'Makes the static segment where it is missing.' }),
    raise_permissions: z.boolean().default(false).meta({
      description:
        'Gives marketing permissions also to contacts who are there, and may have taken them back at Mailchimp. Default: to new contacts only.',
    }),
  })
  .refine((one) => one.tag === undefined || one.segment === undefined, {
    message: 'needs either "tag" or "segment", not both',
  })

export type Into = z.infer<typeof into>

/** What a field of a sync is at Mailchimp. */
export type Target =
  | { readonly kind: 'merge'; readonly tag: string }
  /** An interest of a group, or a marketing permission, by its id or its name. */
  | { readonly kind: 'interest' | 'permission'; readonly name: string }
  /** A property of the contact itself. */
  | { readonly kind: 'contact'; readonly name: string }

const MERGE_TAG = /^[A-Z][A-Z0-9_]{0,9}$/

/** Properties of a contact that are texts, with what they are. */
export const PROPERTIES: ReadonlyMap<string, string> = new Map([
  ['language', 'Language of the contact, as en or pt_BR.'],
  ['ip_signup', 'Address from which the contact signed up.'],
  ['timestamp_signup', 'When the contact signed up.'],
  ['ip_opt', 'Address from which the contact confirmed.'],
  ['timestamp_opt', 'When the contact confirmed.'],
])

/** What the field of that name is, or undefined where it can be nothing. */
export function targetOf(name: string): Target | undefined {
  if (PROPERTIES.has(name)) return { kind: 'contact', name }
  const [, kind, rest] = /^(interests|marketing_permissions)\.(.+)$/s.exec(name) ?? []
  if (rest !== undefined) return { kind: kind === 'interests' ? 'interest' : 'permission', name: rest }
  return MERGE_TAG.test(name) ? { kind: 'merge', tag: name } : undefined
}

/** The merge tags among the fields of a sync. */
export function mergeTags(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const target = targetOf(name)
    return target?.kind === 'merge' ? [target.tag] : []
  })
}
