import { failure } from '../error.ts'

/**
 * A name of the project as Snowflake is told it, always in quotes. Snowflake itself puts names that stand bare in capitals,
 * so that a plain name in small letters is one in capitals there; a name that the project puts in double quotes, and any
 * other, is taken as it is.
 */
export function quoteName(name: string): string {
  const stored = storedName(name)
  if (stored === '' || stored.includes('\0')) throw new Error(`${JSON.stringify(name)} cannot be a name`)
  if ([...stored].length > LONGEST_NAME)
    throw failure(
      'project',
      'project/bad-name',
      `"${name}" has ${[...stored].length} characters; a name in Snowflake has at most ${LONGEST_NAME}.`,
      'Choose a shorter name.',
    )
  return `"${stored.replaceAll('"', '""')}"`
}

/** The name that the project uses for a name as Snowflake keeps it: of several the one in small letters. */
export function knownName(stored: string): string {
  if (IN_CAPITALS.test(stored)) return stored.toLowerCase()
  return PLAIN.test(stored) || isQuoted(stored) ? `"${stored.replaceAll('"', '""')}"` : stored
}

/** The name as Snowflake keeps it. */
export function storedName(name: string): string {
  if (isQuoted(name)) return name.slice(1, -1).replaceAll('""', '"')
  return PLAIN.test(name) ? name.toUpperCase() : name
}

/** docs.snowflake.com/en/sql-reference/identifiers-syntax */
const LONGEST_NAME = 255

/** What Snowflake would read bare, in small letters and in the capitals that it makes of them. */
const PLAIN = /^[a-z_][a-z0-9_$]*$/
const IN_CAPITALS = /^[A-Z_][A-Z0-9_$]*$/

function isQuoted(name: string): boolean {
  return name.length > 2 && name.startsWith('"') && name.endsWith('"')
}
