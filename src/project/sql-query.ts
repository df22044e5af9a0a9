import { isWord, type SqlToken, sqlTokens } from './sql-tokens.ts'

/** What is wrong with a user's SQL, and where in its text. */
export interface SqlMistake {
  readonly code: 'sql/syntax' | 'sql/not-a-query'
  readonly message: string
  readonly from: number
  readonly to: number
}

const READS = ['select', 'with', 'from', 'values', 'table', 'pivot', 'unpivot', 'describe', 'summarize']

/** Is the text one query that reads and does nothing else? A semicolon at its end is allowed: `end` lies before it. */
export function queryMistake(text: string): { readonly mistake: SqlMistake | undefined; readonly end: number } {
  const { tokens, fault } = sqlTokens(text)
  if (fault) return { mistake: { code: 'sql/syntax', ...fault }, end: text.length }
  const last = tokens.findLastIndex((token) => token.text !== ';')
  const kept = tokens.slice(0, last + 1)
  const end = kept.at(-1)?.to ?? 0
  return { mistake: several(kept) ?? other(kept, text) ?? writing(kept), end }
}

/** Is the text one expression? */
export function expressionMistake(text: string): SqlMistake | undefined {
  const { tokens, fault } = sqlTokens(text)
  if (fault) return { code: 'sql/syntax', ...fault }
  const [first] = tokens
  if (!first) return { code: 'sql/syntax', message: 'There is no SQL here.', from: 0, to: Math.max(1, text.length) }
  const isWrite = isWord(first, 'insert', 'update', 'delete', 'drop', 'create', 'alter', 'truncate', 'merge')
  return several(tokens) ?? (isWrite ? notQuery(first) : writing(tokens))
}

function several(tokens: readonly SqlToken[]): SqlMistake | undefined {
  const split = tokens.find((token) => token.kind === 'symbol' && token.text === ';')
  return (
    split && {
      code: 'sql/not-a-query',
      message: 'One query is expected, and this ";" ends it.',
      from: split.from,
      to: split.to,
    }
  )
}

function other(tokens: readonly SqlToken[], text: string): SqlMistake | undefined {
  const first = tokens.find((token) => token.text !== '(')
  if (!first)
    return { code: 'sql/not-a-query', message: 'There is no query here.', from: 0, to: Math.max(1, text.length) }
  return isWord(first, ...READS) ? undefined : notQuery(first)
}

/** `with x as (delete from …)`: a statement in the place of a query. */
function writing(tokens: readonly SqlToken[]): SqlMistake | undefined {
  const found = tokens.find((token, index) => {
    const before = tokens[index - 1]
    if (before?.text !== '(' && before?.text !== ')') return false
    const next = tokens[index + 1]
    if (isWord(token, 'insert', 'merge')) return isWord(next, 'into')
    if (isWord(token, 'delete')) return isWord(next, 'from')
    return isWord(token, 'update') && tokens.slice(index + 2, index + 8).some((one) => isWord(one, 'set'))
  })
  return found && notQuery(found)
}

function notQuery(token: SqlToken): SqlMistake {
  const { from, to } = token
  return {
    code: 'sql/not-a-query',
    message: `A query is expected, and "${token.text}" begins something else.`,
    from,
    to,
  }
}
