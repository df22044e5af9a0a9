/**
 * A regular expression in RE2's syntax as Snowflake reads it, and the parameters with which. Its engine is RE2 too, in the
 * mode of POSIX with the classes of Perl: groups all capture, no repetition is lazy, flags stand apart. Facts:
 * docs.snowflake.com/en/sql-reference/functions-regexp, github.com/google/re2 (re2/parse.cc).
 */
export function snowflakePattern(pattern: string): { readonly pattern: string; readonly flags: string } {
  const [start = '', flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? []
  let isClass = false
  const body = pattern.slice(start.length).replace(TOKEN, (token: string, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
    if (isClass) {
      if (token === ']') isClass = false
      return token
    }
    if (token.startsWith('[') && !token.startsWith('[:')) isClass = true
    // A search finds the same values whether or not a repetition is lazy.
    if (/^([*+?]|\{\d+,?\d*\})\?$/.test(token)) return token.slice(0, -1)
    return SAME.get(token) ?? (token.startsWith('(?P<') || token.startsWith('(?<') ? '(' : token)
  })
  return { pattern: body, flags }
}

/** `\Q…\E`; any other escape; the start of a group; lazy repetitions; classes; single characters. */
const TOKEN =
  /\\Q(.*?)(?:\\E|$)|\\x\{[0-9a-fA-F]+\}|\\.|\(\?P?<\w+>|\(\?:|(?:[*+?]|\{\d+,?\d*\})\?|\[:\^?\w+:\]|\[\^?\]?|[\s\S]/gs

const SAME: ReadonlyMap<string, string> = new Map([
  ['(?:', '('],
  ['\\A', '^'],
  ['\\z', '$'],
])
