/**
 * A regular expression in RE2's syntax as Postgres's own engine reads it. Facts:
 * postgresql.org/docs/15/functions-matching.html, github.com/google/re2/wiki/Syntax. There, a dot finds line ends and
 * `\b` is a backspace.
 */
export function postgresPattern(pattern: string): string {
  let isClass = false
  return pattern.replace(TOKEN, (token: string, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
    if (isClass) {
      if (token === ']') isClass = false
      return CLASS_ESCAPES.get(token) ?? token
    }
    if (token.startsWith('[') && !token.startsWith('[:')) isClass = true
    if (token === '.') return '[^\\n]'
    if (token.startsWith('(?P<')) return '('
    return ESCAPES.get(token) ?? hexadecimal(token)
  })
}

/** `\Q…\E`; any other escape, code points in braces included; the name of a group; classes; single characters. */
const TOKEN = /\\Q(.*?)(?:\\E|$)|\\x\{[0-9a-fA-F]+\}|\\.|\(\?P?<\w+>|\[:\^?\w+:\]|\[\^?\]?|[\s\S]/gs

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\b', '\\y'],
  ['\\B', '\\Y'],
  ['\\z', '\\Z'],
])

const CLASS_ESCAPES: ReadonlyMap<string, string> = new Map([['\\-', '\\-']])

function hexadecimal(token: string): string {
  const digits = /^\\x\{([0-9a-fA-F]+)\}$/.exec(token)?.[1]
  return digits === undefined ? token : `\\U${digits.padStart(8, '0')}`
}
