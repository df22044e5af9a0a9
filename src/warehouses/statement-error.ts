import { CdpError, failure } from '../error.ts'

/** What went wrong with a statement, as far as the warehouse says by a code of its own. */
export type Refusal = 'statement' | 'permission'

/** A failed statement: its name and the warehouse's own words in the message, its text apart, for a log. */
export class StatementError extends CdpError {
  /** The statement as it was sent. */
  readonly text: string

  /** `fix`: an instruction, where there is a sure one. */
  constructor(name: string, text: string, cause: unknown, refusal: Refusal = 'statement', fix = FIXES[refusal]) {
    const message = `${name} failed: ${firstLines(cause)}`
    const { who, diagnostics } = failure('warehouse', `warehouse/${refusal}`, message, fix)
    super(who, diagnostics, cause)
    this.text = text
  }
}

const FIXES: Readonly<Record<Refusal, string | undefined>> = {
  statement: undefined,
  permission: 'Have an administrator give the right: `cdp doctor --grants` prints the whole script.',
}

function firstLines(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // An empty line parts the words from the piece of the statement that they point at.
  const [words = ''] = message.split('\n\n')
  return words.split('\n').slice(0, 3).join('\n').trim()
}
