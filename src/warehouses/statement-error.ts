import { CdpError, failure } from '../error.ts'

/** What went wrong with a statement, as far as the warehouse says by a code of its own. */
export type Refusal = 'statement' | 'permission'

/** A failed statement: its name and the warehouse's own words in the message, its text apart, for a log. */
export class StatementError extends CdpError {
  /** The statement as it was sent. */
  readonly text: string

  /** `fix`: what somebody can do about it, where there is a sure thing. */
  constructor(name: string, text: string, cause: unknown, fix?: string, refusal: Refusal = 'statement') {
    const said = `${name} failed: ${firstLines(cause)}`
    const { who, diagnostics } = failure('warehouse', `warehouse/${refusal}`, said, fix)
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
