import { TIME_FORM } from './time.ts'

/**
 * One piece of an expression, `from`..`to` in its text. `word`: a bare name, or a bare value right of an operator;
 * `quoted`: the same in double quotes, so that it may hold any character; `text`: in single quotes; `unclosed`: a
 * quote without an end. `value` has quotes and doubled quotes resolved.
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'time' | 'symbol' | 'unclosed' | 'end'
  readonly value: string
  readonly from: number
  readonly to: number
}

/** The piece at `position` where names, operators and numbers stand. */
export function nameToken(text: string, position: number): Token {
  return tokenAt(text, position, NAME_FORMS)
}

/** The piece at `position` right of an operator in `where:`, where everything up to a blank or bracket is one value. */
export function valueToken(text: string, position: number): Token {
  return tokenAt(text, position, VALUE_FORMS)
}

type Forms = readonly (readonly [Token['kind'], RegExp])[]

const QUOTES: Forms = [
  ['text', /'[^']*(?:''[^']*)*'(?!')/y],
  ['quoted', /"[^"]*(?:""[^"]*)*"(?!")/y],
  ['unclosed', /['"].*/sy],
]

const NAME_FORMS: Forms = [
  ['time', new RegExp(String.raw`${TIME_FORM}(?![\p{L}\p{N}_:-])`, 'uy')],
  ['number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ['word', /[\p{L}_][\p{L}\p{M}\p{N}_$]*/uy],
  ...QUOTES,
  ['symbol', /!=|>=|<=|<>|==|&&|\|\||::|./suy],
]

const VALUE_FORMS: Forms = [
  ['time', new RegExp(String.raw`${TIME_FORM}(?=[\s()[\],]|$)`, 'uy')],
  ...QUOTES,
  ['word', /[^\s()[\],=<>!'"][^\s()[\],=<>!]*/uy],
  ['symbol', /./suy],
]

function tokenAt(text: string, position: number, forms: Forms): Token {
  BLANK.lastIndex = position
  const from = position + (BLANK.exec(text)?.[0].length ?? 0)
  if (from >= text.length) return { kind: 'end', value: '', from: text.length, to: text.length }
  for (const [kind, form] of forms) {
    form.lastIndex = from
    const found = form.exec(text)?.[0]
    if (found !== undefined) return { kind, value: resolved(kind, found), from, to: from + found.length }
  }
  // A half of a surrogate pair matches no form.
  return { kind: 'symbol', value: text.charAt(from), from, to: from + 1 }
}

const BLANK = /\s*/y

function resolved(kind: Token['kind'], found: string): string {
  if (kind === 'text') return found.slice(1, -1).replaceAll("''", "'")
  return kind === 'quoted' ? found.slice(1, -1).replaceAll('""', '"') : found
}
