import { Lexer } from 'yaml'
import { type Diagnostic, problem } from '../error.ts'
import { place, type SourceFile } from './place.ts'

/** How deep maps and lists may nest in one file. */
export const DEPTH = 40

/** How many aliases one file may hold, and how many nodes they may stand for. */
export const ALIASES = 50

/** A file of 1 MB that people wrote has fewer; composing more would take seconds. */
const LEXEMES = 600_000

/** The lexer's own signs (document, error, scalar follows), which do not stand in the file. */
const MARKS = new Set(['\u0002', '\u0018', '\u001f'])

/**
 * The lexemes of a file, for a parser. What nests without end or repeats itself by aliases is refused while that is
 * still cheap: the composer of `yaml` is recursive, and slow on such files.
 */
export function scan(file: SourceFile): { readonly lexemes: readonly string[] } | { readonly refused: Diagnostic } {
  const depth = new Depth()
  const lexemes: string[] = []
  let aliases = 0
  let at = 0
  for (const lexeme of new Lexer().lex(file.text)) {
    lexemes.push(lexeme)
    if (MARKS.has(lexeme)) continue
    if (lexeme.startsWith('*') && ++aliases > ALIASES)
      return refuse(file, 'yaml/too-many-aliases', `The file holds more than ${ALIASES} aliases.`, at, lexeme.length)
    if (lexemes.length > LEXEMES)
      return refuse(file, 'yaml/too-large', 'The file holds too many values to be read.', at, 1)
    if (depth.after(lexeme) > DEPTH)
      return refuse(file, 'yaml/too-large', `Maps and lists nest more than ${DEPTH} deep.`, at, 1)
    at += lexeme.length
  }
  return { lexemes }
}

function refuse(
  file: SourceFile,
  code: 'yaml/too-large' | 'yaml/too-many-aliases',
  why: string,
  at: number,
  length: number,
): { readonly refused: Diagnostic } {
  const fix = code === 'yaml/too-large' ? 'Split the file.' : undefined
  return { refused: problem(code, why, place(file, at, at + length), fix) }
}

/** How deep the reader stands, by indentation and brackets, as far as tokens tell: never less than half the truth. */
class Depth {
  #flow = 0
  #compact = 0
  #column = 0
  #fresh = true
  readonly #indents: number[] = []

  after(lexeme: string): number {
    if (lexeme.includes('\n')) {
      this.#fresh = true
      this.#compact = 0
      this.#column = lexeme.length - 1 - lexeme.lastIndexOf('\n')
      return 0
    }
    if (this.#fresh && !/^\s*$/.test(lexeme)) this.#indent()
    this.#column += lexeme.length
    if (lexeme === '{' || lexeme === '[') this.#flow++
    else if (lexeme === '}' || lexeme === ']') this.#flow = Math.max(0, this.#flow - 1)
    else if (lexeme === '-' || lexeme === '?') this.#compact++
    return this.#indents.length + this.#flow + this.#compact
  }

  #indent(): void {
    this.#fresh = false
    while ((this.#indents.at(-1) ?? -1) >= this.#column) this.#indents.pop()
    this.#indents.push(this.#column)
  }
}
