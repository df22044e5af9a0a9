import type { Part, Sql } from '../sql/sql.ts'

/** Parts the statements of a dialect's member that takes several, such as a table that is replaced. */
export const THEN = ';\n\n'

/** The statements of a fragment, where a member made several. */
export function pieces({ parts }: Sql): readonly Sql[] {
  const found: Part[][] = [[]]
  for (const part of parts) {
    // A separator can only stand in code of ours: users' SQL, names and values are other parts.
    const texts = part.kind === 'code' && !part.verbatim ? part.text.split(THEN) : undefined
    if (texts === undefined) found.at(-1)?.push(part)
    else
      texts.forEach((text, index) => {
        if (index > 0) found.push([])
        found.at(-1)?.push({ kind: 'code', text })
      })
  }
  return found.map((each) => ({ parts: each }))
}
