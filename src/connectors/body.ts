import type Handlebars from 'handlebars'
import { DestinationError, type Json } from './connector.ts'

/** Turns values into a request's body. Throws DestinationError `config` where the template does not fit the values. */
export type Body = (values: Readonly<Record<string, Json>>) => string

/**
 * Reads a Handlebars template for bodies of the given content type. What `{{…}}` prints is escaped for that type, so a
 * value can never add a property; `{{json x}}` prints a value as JSON. Unknown names are errors, prototypes are out of
 * reach, and no helpers but `json`, `if`, `unless`, `each` and `with` exist. Throws DestinationError `config` for a
 * template that cannot be read.
 */
export async function readBody(template: string, contentType: string, more: BodyOptions = {}): Promise<Body> {
  const { default: library } = await import('handlebars')
  const { option = 'body', text = (one) => one } = more
  const engine = library.create()
  const guard = escaperOf(contentType)
  const inside = (_: string, one: unknown) => (typeof one === 'string' ? text(one) : named(one, text))
  engine.registerHelper('json', (value: unknown) => JSON.stringify(present(value), inside))
  engine.registerHelper(ESCAPE, (value: unknown) => guard(text(printed(present(value)))))
  const render = compiled(engine, template, option)
  return (values) => {
    const body = rendered(render, values, option)
    if (isJson(contentType)) checkJson(body, option)
    return body
  }
}

/** An object whose names are texts of the values, too; anything else as it is. */
function named(one: unknown, text: (value: string) => string): unknown {
  if (typeof one !== 'object' || one === null || Array.isArray(one)) return one
  return Object.fromEntries(Object.entries(one).map(([name, value]) => [text(name), value]))
}

export interface BodyOptions {
  /** The option that holds the template, for messages. */
  readonly option?: string
  /** What is done to every text of the values, before it is escaped for the content type. */
  readonly text?: (value: string) => string
}

/** Is this the media type of JSON? */
export function isJson(contentType: string): boolean {
  return /^application\/(.+\+)?json\b/i.test(contentType)
}

const ESCAPE = 'escaped'

/** Handlebars knows its own helpers unless told otherwise. */
const KNOWN: Readonly<Record<string, boolean>> = { json: true, [ESCAPE]: true, log: false, lookup: false }

function compiled(engine: typeof Handlebars, template: string, option: string): Handlebars.TemplateDelegate<unknown> {
  try {
    return engine.compile(withEscapes(engine.parse(template)), {
      noEscape: true,
      strict: true,
      knownHelpersOnly: true,
      knownHelpers: KNOWN as unknown as Record<string, boolean> & CompileOptions['knownHelpers'],
    })
  } catch (error) {
    throw badBody(option, 'cannot be read', error)
  }
}

/** Said aloud, or the library warns of what it denies. */
const OWN_ONLY = { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false }

function rendered(
  render: Handlebars.TemplateDelegate<unknown>,
  values: Readonly<Record<string, Json>>,
  option: string,
): string {
  try {
    return render(values, OWN_ONLY)
  } catch (error) {
    throw badBody(option, 'does not fit the changes', error)
  }
}

function badBody(option: string, what: string, error: unknown): DestinationError {
  const said = error instanceof Error ? error.message : ''
  const reason = said.includes("'CLOSE_UNESCAPED'")
    ? 'put a space between a closing }} and the } after it.'
    : (said.split('\n')[0] ?? '')
  return new DestinationError('config', 'bad_body', `The template in "${option}:" ${what}: ${reason}`, { cause: error })
}

function checkJson(body: string, option: string): void {
  try {
    JSON.parse(body)
  } catch (error) {
    // The parser's own words quote the body, and with it a person's data.
    throw new DestinationError('config', 'bad_body', `The template in "${option}:" does not print a JSON document.`, {
      cause: error instanceof SyntaxError ? undefined : error,
    })
  }
}

/** Wraps every `{{path}}` into the escaping helper: Handlebars' own escaping is for HTML and cannot be replaced. */
function withEscapes(program: hbs.AST.Program): hbs.AST.Program {
  for (const statement of program.body) {
    if (statement.type === 'MustacheStatement') escapeOne(statement as hbs.AST.MustacheStatement)
    if (statement.type !== 'BlockStatement') continue
    const block = statement as hbs.AST.BlockStatement
    // A list or a condition that is misspelt would print nothing, and nobody would know. Below a value that is there,
    // a name may be missing: a change need not speak of every field.
    for (const argument of block.params) if (isName(argument)) Object.assign(argument, { strict: true })
    if (block.program) withEscapes(block.program)
    if (block.inverse) withEscapes(block.inverse)
  }
  return program
}

function escapeOne(statement: hbs.AST.MustacheStatement): void {
  // `{{{x}}}` would print a value unescaped.
  if (!statement.escaped) throw new Error('write {{json x}} instead of {{{x}}} or {{&x}}')
  if (statement.params.length === 0) {
    statement.params = [statement.path]
    statement.path = { ...PATH, loc: statement.loc } as hbs.AST.PathExpression
  }
  // Handlebars' strict mode leaves out the arguments of helpers, except those whose node says so.
  for (const argument of statement.params) Object.assign(argument, { strict: true })
}

function isName(argument: hbs.AST.Expression): boolean {
  const { type, data, parts } = argument as hbs.AST.PathExpression
  return type === 'PathExpression' && !data && parts.length === 1
}

const PATH = { type: 'PathExpression', data: false, depth: 0, parts: [ESCAPE], original: ESCAPE }

/** A prototype's member passes strict mode and then reads as undefined, which no JSON value is. */
function present(value: unknown): unknown {
  if (value === undefined) throw new Error('a name in it is not among the values')
  return value
}

function printed(value: unknown): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function escaperOf(contentType: string): (text: string) => string {
  // JSON lines too: their media types end in json.
  if (/json/i.test(contentType)) return (text) => JSON.stringify(text).slice(1, -1)
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return encodeURIComponent
  if (/xml|html/i.test(contentType)) return (text) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
  return (text) => text
}
