import { CdpError, failure } from '../error.ts'

/** A failed statement: its name and the warehouse's own words in the message, its text apart, for a log. */
export class StatementError extends CdpError {
  /** The statement as it was sent. */
  readonly text: string

  constructor(name: string, text: string, cause: unknown, fix?: string) {
    const words = `${name} failed: ${firstLines(cause)}`
    const { who, diagnostics } = failure('warehouse', 'warehouse/statement', words, fix)
    super(who, diagnostics, cause)
    this.text = text
  }
}

function firstLines(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // An empty line parts the words from the piece of the statement that they point at.
  const [words = ''] = message.split('\n\n')
  return words.split('\n').slice(0, 3).join('\n').trim()
}
