import { ask, cleaned, failureOf, jsonOf, member, textOf, tryJson } from './answer.ts'
import { DestinationError, type HttpResponse, type Io, type Json, type Ms } from './connector.ts'

/** A token that somebody gave out, and what else the answer said. */
export interface Token {
  readonly value: string
  /** The answer that it came with. */
  readonly answer: Json
  /** Milliseconds since 1970; undefined where the answer does not say. */
  readonly expires: Ms | undefined
}

/** Tokens of one account: asked for when first needed, kept while they are good, asked for once by many at a time. */
export interface Tokens {
  /** The token at hand, or a new one. Throws DestinationError with `applied: 'no'`. */
  get(): Promise<Token>
  /** A new token in place of one that was refused; those who were refused together share it. */
  renew(refused: Token): Promise<Token>
}

/** A token is not used in its last minute: the request that carries it must arrive, too. */
const MARGIN: Ms = 60_000

/** Keeps what `mint` gives. A failure is not remembered: the next request tries again. */
export function keepTokens(mint: () => Promise<Token>, now: () => Ms): Tokens {
  let held: Promise<Token> | undefined
  const fresh = () => {
    const attempt = mint().catch(notApplied)
    held = attempt
    attempt.catch(() => {
      if (held === attempt) held = undefined
    })
    return attempt
  }
  return {
    get: async () => {
      const token = await (held ?? fresh())
      return token.expires !== undefined && token.expires - MARGIN <= now() ? fresh() : token
    },
    renew: async (refused) => ((await held) === refused ? fresh() : (held ?? fresh())),
  }
}

/** Sends what needs a token, and once more with a new one where the first was refused (401). */
export async function withToken(
  tokens: Tokens,
  request: (token: Token) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const token = await tokens.get()
  const first = await request(token)
  return first.status === 401 ? request(await tokens.renew(token)) : first
}

interface Grant {
  /** Where tokens are given out. */
  readonly url: string
  /** The form that is posted (https://datatracker.ietf.org/doc/html/rfc6749#section-4). */
  readonly form: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Who gives the token, for messages. */
  readonly issuer: string
  /** What no message may show. */
  readonly secrets: readonly string[]
}

/** Asks an OAuth 2 server for a token (RFC 6749, 5). A refusal is DestinationError `auth`. */
export async function grantToken(io: Pick<Io, 'fetch' | 'now'>, grant: Grant): Promise<Token> {
  const response = await ask(io, {
    method: 'POST',
    url: grant.url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', ...grant.headers },
    body: new URLSearchParams(grant.form).toString(),
  })
  if ([400, 401, 403].includes(response.status)) {
    const answer = tryJson(response.body)
    const said = [`${response.status}`, textOf(answer, 'error'), textOf(answer, 'error_description')]
    const shown = cleaned(said.filter(Boolean).join(': '), grant.secrets)
    throw new DestinationError('auth', 'no_login', `${grant.issuer} refused the login: ${shown}`)
  }
  if (response.status !== 200) throw failureOf(response, '', io.now())
  const answer = jsonOf(response)
  const value = textOf(answer, 'access_token')
  if (value === '')
    throw new DestinationError('auth', 'no_login', `${grant.issuer} answered the login without a token.`)
  const seconds = Number(member(answer, 'expires_in') ?? Number.NaN)
  return { value, answer, expires: seconds > 0 ? io.now() + seconds * 1000 : undefined }
}

/** Throws what went wrong with a login, or with whatever else comes before the rows: none of them was changed by it. */
export function notApplied(error: unknown): never {
  if (!(error instanceof DestinationError)) throw error
  const { kind, code, message, after, cause } = error
  throw new DestinationError(kind, code, message, { applied: 'no', cause, ...(after !== undefined && { after }) })
}
