import { z } from 'zod'
import { scalar, tree } from './shapes.ts'

/** What everything that an analyst names may say. */
export const named = {
  description: z.string().describe('What this is, for people.').optional(),
  owner: z.string().describe('Who answers for it.').optional(),
  tags: z.array(z.string()).describe('Words to select by.').optional(),
  enabled: z.boolean().describe('false leaves it out, as if it were not written.').optional(),
}

/** Keys of the design that nothing named can say yet. */
export const later = {
  was: 'does not carry state over to a new name',
  for_each: 'does not copy entries',
}

/** `for_each:`, which is taken out before the shapes are read: see `withCopies`. */
export const forEach = (what: string) =>
  tree(
    `A list of maps: one ${what} for each, with \`\${each:key}\` replaced. Unless the name holds one itself, it ends in the first value: <name>_fr.`,
    'a list of maps',
  )

/** A `where:`, which is read once the names are known. */
export const condition = (speaksOf: string) =>
  tree(`A condition on ${speaksOf}: text, a list (all of them), or a map of all, any, not, …`, 'a condition')

/** An expression, which is read once the names are known. */
export const expression = (what: string) => scalar(what, 'an expression')
