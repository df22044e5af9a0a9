import { DestinationError, type Ms, NetworkError } from '../connectors/connector.ts'
import type { Closed } from './pace.ts'

/** Why sending ended before the plan did. */
export type Ending =
  | Closed
  | { readonly kind: 'interrupted' | 'fenced' }
  /** Consents are not to be believed any more; `nothingSent`: it was found before the first request. */
  | { readonly kind: 'consent'; readonly message: string; readonly fix: string; readonly nothingSent: boolean }
  | { readonly kind: 'auth' | 'config' | 'many-refused'; readonly message: string }
  | { readonly kind: 'failure'; readonly error: unknown }

/** What an exception of a connector means for the rows of its request. */
export type Trouble =
  | { readonly kind: 'stop'; readonly ending: Ending; readonly applied: 'no' | 'maybe' }
  | { readonly kind: 'batch'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'transient' | 'throttle'
      readonly message: string
      readonly applied: 'no' | 'maybe'
      /** Nobody answered in time, here or behind a gateway: a sign of too much rather than of nobody there. */
      readonly timedOut: boolean
      readonly after: Ms | undefined
    }

/** A request that was given up because the run was interrupted. */
export const INTERRUPTED: Trouble = {
  kind: 'stop',
  ending: { kind: 'interrupted' },
  applied: 'maybe',
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof NetworkError) {
    const { message, sent, timedOut } = error
    return { kind: 'transient', message, applied: sent ? 'maybe' : 'no', timedOut, after: undefined }
  }
  // Anything else is a bug of the connector: the request may have gone out.
  if (!(error instanceof DestinationError))
    return { kind: 'stop', ending: { kind: 'failure', error }, applied: 'maybe' }
  const { kind, code, message, applied, after } = error
  switch (kind) {
    case 'auth':
    case 'config':
      return { kind: 'stop', ending: { kind, message }, applied }
    case 'batch':
      return { kind, code, message }
    case 'transient':
    case 'throttle':
      return { kind, message, applied, timedOut: OVERDUE.has(code), after }
  }
}

/** Codes of a time that was up: of our own request, or as a server says it (RFC 9110, 15.5.9 and 15.6.5). */
const OVERDUE = new Set(['timeout', 'http_408', 'http_504'])
