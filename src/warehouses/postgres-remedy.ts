/** What somebody can do about a statement that failed, and who; undefined where it is in the server's words. */
export function remedyOf(error: unknown): string | undefined {
  const code = codeOf(error)
  // The driver gives no code where the server said nothing more.
  if (code === undefined) return GONE
  return REMEDIES[code] ?? (code.startsWith('08') || code.startsWith('57P') ? GONE : undefined)
}

/** The same about a connection that cannot be made. */
export function reachOf(error: unknown): string | undefined {
  return codeOf(error) === undefined ? UNREACHED : remedyOf(error)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && error.code !== undefined ? String(error.code) : undefined
}

/** What was said of a connection that cannot be made. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Of a host with several addresses, none of which answers, only the code says something.
  return error.message || ('code' in error ? String(error.code) : error.name)
}

const GONE = 'The server ended the connection, or the way to it was lost. What was done is safe: run the command again.'
const UNREACHED = 'Check "host" and "port" of the target, and whether this machine may reach the server.'
const LOGIN = 'Check "user" and "password" of the target; whoever administers the server says what they are.'
const FIT = '"cdp validate --warehouse" compares the project with the tables, columns and types that are there.'
const ROOM = 'Whoever administers the server must give the role more room, or the project must ask for less.'

/** By SQLSTATE (https://www.postgresql.org/docs/15/errcodes-appendix.html), or what the system calls a broken way. */
const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: UNREACHED,
  ENOENT: UNREACHED,
  ENOTFOUND: UNREACHED,
  EAI_AGAIN: UNREACHED,
  EHOSTUNREACH: UNREACHED,
  ENETUNREACH: UNREACHED,
  ETIMEDOUT: UNREACHED,
  ECONNRESET: GONE,
  EPIPE: GONE,
  '28P01': LOGIN,
  '28000': LOGIN,
  '3D000': 'Check "database" of the target; whoever administers the server can create it.',
  '53300': 'Lower "connections" of the target, or have whoever administers the server allow the role more.',
  '42501':
    'Whoever owns what is named must grant it to the role of the target: `cdp doctor --grants` prints the whole script.',
  '57014': 'The server cancelled it. Whoever administers it can raise statement_timeout of the role.',
  '25P03': 'The server ended a transaction in which nothing was said for a minute: run the command again.',
  '25006': 'The server takes no changes: the target must name the primary server, not a replica.',
  '53100': ROOM,
  '53200': ROOM,
  '53400': ROOM,
  '42P01': FIT,
  '42703': FIT,
  '42804': FIT,
  '42846': FIT,
  '42883': FIT,
  '22P02': FIT,
  '22007': FIT,
  '22008': FIT,
}
