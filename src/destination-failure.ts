import { DestinationError, NetworkError } from './connectors/connector.ts'
import { type CdpError, type Code, failure } from './error.ts'

/** What a destination called `name` threw, as a CdpError; anything that is no answer of it stays as it is. */
export function destinationFailure(error: unknown, name: string): unknown {
  const { code, isPassing } = meaning(error)
  if (code === undefined || !(error instanceof Error)) return error
  return told(error, name, code, isPassing)
}

function told(error: Error, name: string, code: Code, isPassing: boolean): CdpError {
  const fix = isPassing ? 'Try again later; nothing was changed.' : undefined
  const sentence = /[.?!…]$/.test(error.message) ? error.message : `${error.message}.`
  return failure('destination', code, `"${name}": ${sentence}`, fix, error)
}

function meaning(error: unknown): { readonly code: Code | undefined; readonly isPassing: boolean } {
  if (error instanceof NetworkError) return { code: 'destination/unreachable', isPassing: true }
  if (!(error instanceof DestinationError)) return { code: undefined, isPassing: false }
  switch (error.kind) {
    case 'auth':
      return { code: 'destination/auth', isPassing: false }
    case 'config':
    case 'batch':
      return { code: 'destination/config', isPassing: false }
    case 'transient':
    case 'throttle':
      return { code: 'destination/unreachable', isPassing: true }
  }
}
