/** How SIGINT and SIGTERM reach a command. */
export interface Signals {
  /** Aborts at the first; its reason is the exit code, 130 or 143. */
  readonly signal: AbortSignal
  /** Aborts at the second. */
  readonly hurry: AbortSignal
  /** To be called before anything is sent: from then on no signal ends the process before the state is saved. */
  readonly sends: () => void
}

const CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** Schedulers kill so long after they asked to stop; a statement of the warehouse may take longer than that. */
const PATIENCE = 30_000

const STOPPING = 'Stopping: what is in flight is finished and remembered. Once more gives it up.'
const HURRYING = 'What is in flight is given up; that it may have arrived is remembered.'

/**
 * What SIGINT and SIGTERM do. A command that sends finishes what is in flight, at the second signal gives that up, and
 * saves its state in both cases. Before anything is sent there is nothing to save: a second signal ends the command, and
 * so do 30 seconds after the first. Commands that never send end at once.
 */
export function listenForSignals(command: string): Signals {
  const first = new AbortController()
  const second = new AbortController()
  let sending = false
  const on = (code: number) => {
    if (!sending && (!SENDING.has(command) || first.signal.aborted)) process.exit(code)
    if (!first.signal.aborted) {
      say(STOPPING)
      first.abort(code)
      setTimeout(() => sending || process.exit(code), PATIENCE).unref()
    } else if (!second.signal.aborted) {
      say(HURRYING)
      second.abort()
    }
  }
  for (const [signal, code] of Object.entries(CODES)) process.on(signal, () => on(code))
  return {
    signal: first.signal,
    hurry: second.signal,
    sends: () => {
      sending = true
    },
  }
}

const SENDING: ReadonlySet<string> = new Set(['run', 'apply', 'sync', 'retry'])

function say(text: string): void {
  process.stderr.write(`\n${text}\n`)
}
