import { type Code, nearest } from '../error.ts'
import { agree, demand } from './fit.ts'
import type { Expression, FunctionName } from './language.ts'
import { is, type Parsed, type Reader, type Span, WAY_OUT } from './reader.ts'
import { unitOf } from './time.ts'
import { typeOf } from './types.ts'

/** Whether a call follows: a word and, without a blank, a parenthesis. */
export function callAhead(reader: Reader): boolean {
  const word = reader.peek()
  const open = reader.after(word)
  return word.kind === 'word' && is(open, '(') && open.from === word.to
}

/** A call of a function. Arguments are expressions: bare words in them are names. */
export function call(reader: Reader): Parsed {
  const word = reader.take(reader.peek())
  const name = word.value.toLowerCase()
  reader.expect('(')
  if (name === 'date_trunc') return reader.deeper(() => truncation(reader, word))
  if (!isFunction(name)) return unknownFunction(reader, word.value, word)
  const args = reader.sees(')') ? [] : [reader.nested('expression')]
  while (reader.accepts(',')) args.push(reader.nested('expression'))
  if (!reader.sees(')')) reader.expected('"," or ")"')
  const { to } = reader.take(reader.peek())
  const span = { from: word.from, to }
  checkCount(reader, name, args, span)
  return reader.node({ kind: 'call', name, args: FUNCTIONS[name].fit(reader, args, name) }, span, args)
}

interface Rule {
  readonly least: number
  readonly most: number
  /** The arguments as the function takes them. */
  fit(reader: Reader, args: readonly Parsed[], name: string): readonly Expression[]
}

const ANY = Number.POSITIVE_INFINITY
const numbers: Rule['fit'] = (reader, args, name) =>
  args.map((arg) => demand(reader, arg, { type: 'decimal', asker: name }))
const texts: Rule['fit'] = (reader, args, name) => args.map((arg) => demand(reader, arg, { type: 'text', asker: name }))
const times: Rule['fit'] = (reader, args, name) =>
  args.map((arg) => demand(reader, arg, { type: 'timestamp', asker: name }))
const alike: Rule['fit'] = (reader, args) => agree(reader, args)

const FUNCTIONS: Readonly<Record<FunctionName, Rule>> = {
  coalesce: { least: 1, most: ANY, fit: alike },
  nullif: { least: 2, most: 2, fit: alike },
  least: { least: 1, most: ANY, fit: alike },
  greatest: { least: 1, most: ANY, fit: alike },
  round: { least: 1, most: 2, fit: numbers },
  abs: { least: 1, most: 1, fit: numbers },
  lower: { least: 1, most: 1, fit: texts },
  upper: { least: 1, most: 1, fit: texts },
  trim: { least: 1, most: 1, fit: texts },
  length: { least: 1, most: 1, fit: sized },
  concat: { least: 1, most: ANY, fit: joined },
  substring: { least: 2, most: 3, fit: part },
  days_between: { least: 2, most: 2, fit: times },
  year: { least: 1, most: 1, fit: times },
  month: { least: 1, most: 1, fit: times },
  day: { least: 1, most: 1, fit: times },
  weekday: { least: 1, most: 1, fit: times },
  hour: { least: 1, most: 1, fit: times },
}

/** The functions of the language, `date_trunc` included. */
const FUNCTION_NAMES: readonly string[] = [...Object.keys(FUNCTIONS), 'date_trunc']

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name)
}

/** Numbers, times and truth values may be joined to text; numbers keep the digits that were written. */
function joined(reader: Reader, args: readonly Parsed[], name: string): readonly Expression[] {
  return args.map((arg) => (arg.tree.kind === 'number' ? demand(reader, arg, { type: 'text', asker: name }) : arg.tree))
}

/** A text or a list. */
function sized(reader: Reader, args: readonly Parsed[], name: string): readonly Expression[] {
  return args.map((arg) =>
    typeOf(arg.tree) === 'list' ? arg.tree : demand(reader, arg, { type: 'text', asker: name }),
  )
}

function part(reader: Reader, args: readonly Parsed[], name: string): readonly Expression[] {
  return [...texts(reader, args.slice(0, 1), name), ...numbers(reader, args.slice(1), name)]
}

function checkCount(reader: Reader, name: FunctionName, args: readonly Parsed[], span: Span): void {
  const { least, most } = FUNCTIONS[name]
  if (args.length >= least && args.length <= most) return
  const wanted = most === ANY ? `at least ${least}` : least === most ? `${least}` : `${least} or ${most}`
  reader.stop('expr/syntax', `Expected ${wanted} arguments of ${name}, found ${args.length}.`, span)
}

function unknownFunction(reader: Reader, name: string, span: Span): never {
  const known = SPELLED_OTHERWISE.get(name.toLowerCase())
  const close = nearest(name, FUNCTION_NAMES)
  const fix = known ?? (close === undefined ? WAY_OUT : `Did you mean "${close}"? ${WAY_OUT}`)
  return reader.stop('expr/unknown-function' satisfies Code, `There is no function "${name}".`, span, fix)
}

const AGGREGATE =
  'An aggregate is a trait of its own: { from: source, sum: column }. Elsewhere it can be written under sql:.'

const SPELLED_OTHERWISE: ReadonlyMap<string, string> = new Map([
  ['now', 'Write now.'],
  ['today', 'Write today.'],
  ['current_date', 'Write today.'],
  ['datediff', `Write days_between(a, b). ${WAY_OUT}`],
  ['date_diff', `Write days_between(a, b). ${WAY_OUT}`],
  ['ifnull', `Write coalesce(a, b). ${WAY_OUT}`],
  ['nvl', `Write coalesce(a, b). ${WAY_OUT}`],
  ['if', `Write case when a then b else c end. ${WAY_OUT}`],
  ['iff', `Write case when a then b else c end. ${WAY_OUT}`],
  ['substr', `Write substring(a, from, count). ${WAY_OUT}`],
  ...['sum', 'count', 'avg', 'min', 'max'].map((name) => [name, AGGREGATE] as const),
])

/** `date_trunc(month, x)`; the unit may be quoted. */
function truncation(reader: Reader, word: Span): Parsed {
  const token = reader.peek()
  const unit = token.kind === 'word' || token.kind === 'text' ? unitOf(token.value.toLowerCase()) : undefined
  if (unit === undefined) return reader.expected('a unit such as "month"')
  reader.take(token)
  reader.expect(',')
  const arg = reader.nested('expression')
  const time = demand(reader, arg, { type: 'timestamp', asker: 'date_trunc' })
  const { to } = reader.expect(')')
  return reader.node({ kind: 'truncate', unit, time }, { from: word.from, to }, [arg])
}
