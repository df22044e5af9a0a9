import { SnowflakeError } from './snowflake-errors.ts'
import { argumentsAt, meaning, next, type Token, tokens, written } from './sql-tokens.ts'

/** A statement of Snowflake Scripting, as far as it is emulated. */
type Step = { readonly line: number; readonly position: number } & (
  | { readonly kind: 'sql'; readonly sql: string }
  | { readonly kind: 'set'; readonly name: string; readonly declares: boolean; readonly value: Value }
  | { readonly kind: 'return'; readonly value: Value }
  | { readonly kind: 'raise' }
  | { readonly kind: 'block'; readonly block: Block }
)

type Value =
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'joined'; readonly of: readonly Value[] }
  | { readonly kind: 'table'; readonly name: string }

interface Block {
  readonly steps: readonly Step[]
  readonly handler: readonly Step[] | undefined
}

/** What a block may ask of its session. */
export interface Runs<A> {
  /** Runs one statement. */
  run(sql: string): Promise<A>
  /** How many rows a statement wrote; undefined where it is none that writes. */
  written(answer: A): number | undefined
  /** The first value of a query's answer. */
  scalar(answer: A): string | null
  /** The answer that is one text. */
  text(value: string | null): A
  isInTransaction(): boolean
}

/** Whether a text is a block, and not the begin of a transaction. */
export function isBlock(all: readonly Token[]): boolean {
  const said = all.filter(({ kind }) => kind !== 'blank')
  return said[0]?.text.toLowerCase() === 'begin' && !isTransaction(said[1])
}

/** Runs a block, and answers with what it returns. Throws a SnowflakeError in the service's words. */
export async function runBlock<A>(sql: string, session: Runs<A>): Promise<A> {
  const block = new Reader(sql).whole()
  const answer = await new Interpreter(session).block(block)
  if (session.isInTransaction())
    throw new SnowflakeError('090232', '57014', 'A transaction that was begun in a block must end in it.')
  return answer ?? session.text(null)
}

function isTransaction(after: Token | undefined): boolean {
  return after === undefined || [';', 'transaction', 'work', 'name'].includes(after.text.toLowerCase())
}

/** Reads the steps of a block off its tokens. */
class Reader {
  readonly #all: readonly Token[]
  #at = 0

  constructor(sql: string) {
    this.#all = tokens(sql)
    const unnamed = this.#all.find(({ kind }) => kind === 'bind')
    if (unnamed !== undefined)
      throw new SnowflakeError('002049', '42601', `SQL compilation error:\nunexpected bind '${unnamed.text}' in sql`)
  }

  whole(): Block {
    const block = this.#block()
    if (this.#word() === ';') this.#take()
    if (this.#at < this.#all.length && this.#word() !== '') throw this.#unexpected()
    return block
  }

  #block(): Block {
    this.#expect('begin')
    const steps = this.#steps(['exception', 'end'])
    let handler: readonly Step[] | undefined
    if (this.#word() === 'exception') {
      for (const word of ['exception', 'when', 'other', 'then']) this.#expect(word)
      handler = this.#steps(['end'])
    }
    this.#expect('end')
    return { steps, handler }
  }

  #steps(ends: readonly string[]): readonly Step[] {
    const steps: Step[] = []
    while (!ends.includes(this.#word())) steps.push(this.#step())
    return steps
  }

  #step(): Step {
    const start = next(this.#all, this.#at)
    const place = placeOf(written(this.#all.slice(0, start)))
    const [first, second] = [this.#word(), this.#all[next(this.#all, start + 1)]]
    if (first === 'begin' && !isTransaction(second)) {
      const block = this.#block()
      this.#expect(';')
      return { ...place, kind: 'block', block }
    }
    const said = this.#upTo()
    const words = said.filter(({ kind }) => kind !== 'blank')
    if (first === 'raise' && words.length === 1) return { ...place, kind: 'raise' }
    if (first === 'return') return { ...place, kind: 'return', value: read(words.slice(1)) }
    const sign = words.findIndex(({ text }, at) => text === ':' && words[at + 1]?.text === '=')
    if (sign === -1) return { ...place, kind: 'sql', sql: written(said) }
    const declares = first === 'let'
    const name = words[declares ? 1 : 0]?.text.toUpperCase() ?? ''
    return { ...place, kind: 'set', name, declares, value: read(words.slice(sign + 2)) }
  }

  /** The tokens up to the semicolon that ends a statement, which is taken too. */
  #upTo(): readonly Token[] {
    const start = next(this.#all, this.#at)
    let depth = 0
    for (let at = start; at < this.#all.length; at++) {
      const token = this.#all[at]?.text
      if (token === '(') depth++
      if (token === ')') depth--
      if (token !== ';' || depth !== 0) continue
      this.#at = at + 1
      return this.#all.slice(start, at)
    }
    throw new SnowflakeError('001003', '42000', 'SQL compilation error:\nsyntax error unexpected <EOF>.')
  }

  #word(): string {
    return this.#all[next(this.#all, this.#at)]?.text.toLowerCase() ?? ''
  }

  #take(): void {
    this.#at = next(this.#all, this.#at) + 1
  }

  #expect(word: string): void {
    if (this.#word() !== word) throw this.#unexpected()
    this.#take()
  }

  #unexpected(): SnowflakeError {
    const { line, position } = placeOf(written(this.#all.slice(0, next(this.#all, this.#at))))
    return new SnowflakeError(
      '001003',
      '42000',
      `SQL compilation error:\nsyntax error line ${line} at position ${position} unexpected '${this.#word()}'.`,
    )
  }
}

function placeOf(before: string): { readonly line: number; readonly position: number } {
  const lines = before.split('\n')
  return { line: lines.length, position: lines.at(-1)?.length ?? 0 }
}

function read(words: readonly Token[]): Value {
  const [first, , inner] = words
  if (first?.text === '(') {
    const query = words.slice(1, argumentsAt(words, 0).close)
    return { kind: 'query', sql: query.map(({ text }) => text).join(' ') }
  }
  if (first?.text.toLowerCase() === 'table') return { kind: 'table', name: inner?.text.toUpperCase() ?? '' }
  const pieces = words.filter(({ text: sign }) => sign !== '||')
  const of = pieces.map((piece): Value => {
    if (piece.kind === 'text') return { kind: 'text', text: meaning(piece.text) }
    if (piece.kind === 'number') return { kind: 'text', text: piece.text }
    return { kind: 'name', name: piece.text.toUpperCase() }
  })
  return of.length === 1 && of[0] ? of[0] : { kind: 'joined', of }
}

/** Runs the steps of blocks, and keeps their variables. */
class Interpreter<A> {
  readonly #session: Runs<A>
  readonly #texts = new Map<string, string | null>()
  readonly #tables = new Map<string, A>()

  constructor(session: Runs<A>) {
    this.#session = session
    this.#texts.set('SQLROWCOUNT', null)
  }

  /** What the block returns; undefined where it ends without. */
  async block({ steps, handler }: Block): Promise<A | undefined> {
    try {
      return await this.#steps(steps, undefined)
    } catch (error) {
      if (handler === undefined) throw error
      return await this.#steps(handler, error)
    }
  }

  async #steps(steps: readonly Step[], raised: unknown): Promise<A | undefined> {
    for (const step of steps) {
      if (step.kind === 'raise') throw raised
      const returned = await this.#step(step).catch((error: unknown) => {
        throw uncaught(error, step)
      })
      if (returned !== undefined) return returned
    }
    return undefined
  }

  async #step(step: Exclude<Step, { kind: 'raise' }>): Promise<A | undefined> {
    switch (step.kind) {
      case 'sql': {
        const answer = await this.#session.run(step.sql)
        this.#texts.set('SQLROWCOUNT', this.#session.written(answer)?.toString() ?? null)
        return undefined
      }
      case 'set':
        await this.#set(step)
        return undefined
      case 'return':
        return this.#returned(step.value)
      case 'block':
        return await this.block(step.block)
    }
  }

  async #set({ name, declares, value }: Step & { readonly kind: 'set' }): Promise<void> {
    if (!declares && !this.#texts.has(name)) throw undeclared(name)
    if (value.kind !== 'query') {
      this.#texts.set(name, this.#text(value))
      return
    }
    const answer = await this.#session.run(value.sql)
    this.#tables.set(name, answer)
    this.#texts.set(name, this.#session.scalar(answer))
  }

  #returned(value: Value): A {
    if (value.kind !== 'table') return this.#session.text(this.#text(value))
    const found = this.#tables.get(value.name)
    if (found === undefined) throw undeclared(value.name)
    return found
  }

  #text(value: Value): string | null {
    switch (value.kind) {
      case 'text':
        return value.text
      case 'name': {
        const found = this.#texts.get(value.name)
        if (found === undefined) throw undeclared(value.name)
        return found
      }
      case 'joined': {
        const all = value.of.map((one) => this.#text(one))
        return all.includes(null) ? null : all.join('')
      }
      case 'query':
      case 'table':
        throw new SnowflakeError('001003', '42000', 'SQL compilation error:\nan expression was expected')
    }
  }
}

/** The sentence names the statement that failed, however deep it stands; code and state stay its own. */
function uncaught(error: unknown, { line, position }: Step): unknown {
  if (!(error instanceof SnowflakeError) || error.message.startsWith('Uncaught exception')) return error
  const sentence = `Uncaught exception of type 'STATEMENT_ERROR' on line ${line} at position ${position} : `
  return new SnowflakeError(error.code, error.sqlState, sentence + error.message)
}

function undeclared(name: string): SnowflakeError {
  return new SnowflakeError('000904', '42000', `SQL compilation error:\ninvalid identifier '${name}'`)
}
