import { deepTranspile } from './deep-transpile.ts'
import { CALLS } from './snowflake-calls.ts'
import { SnowflakeError } from './snowflake-errors.ts'
import { kept } from './snowflake-names.ts'
import { argumentsAt, meaning, next, type Token, tokens } from './sql-tokens.ts'

/** Snowflake's SQL in DuckDB's words. Throws a SnowflakeError where Snowflake would not read it. */
export function translated(sql: string): string {
  const known = cache.get(sql)
  if (known !== undefined) return known
  const made = translate(sql)
  if (cache.size > 2_000) cache.clear()
  cache.set(sql, made)
  return made
}

const cache = new Map<string, string>()

function translate(sql: string): string {
  const held: string[] = []
  const hold = (text: string): string => `${held.push(text) - 1}`
  const all = tokens(sql)
  refuseReserved(all)
  const rewritten = rewrite(all, hold)
  const { success, sql: made, error } = deepTranspile(rewritten)
  if (!success || made === undefined || made.length !== 1)
    throw new SnowflakeError('001003', '42000', `SQL compilation error:\n${error ?? 'one statement is expected'}`)
  return (
    (made[0] ?? '')
      .replace(/'SFTEXT(\d+)'/g, (_, at: string) => held[Number(at)] ?? '')
      // The translator takes the quotes off some aliases.
      .replace(/"SFNAME(\d+)"|\bSFNAME(\d+)\b/g, (_, at?: string, bare?: string) => held[Number(at ?? bare)] ?? '')
      .replace(/\bSFBIND(\d+)\b/gi, '$$$1')
      .replace(/\bSF_REDUCE\(/g, 'list_reduce(')
      .replace(/\bSF_(LEAST|GREATEST)\(/g, '$1(')
      .replace(/\bSF_LIST_TYPE\b/gi, 'variant[]')
      .replace(/\bSF_INSTANT_TYPE\b/gi, 'timestamptz')
      .replace(/\bSF_NOW\(\)/gi, 'now()')
  )
}

type Hold = (text: string) => string

/** Names keep their case, texts their characters, and calls are those of the prelude. */
function rewrite(all: readonly Token[], hold: Hold): string {
  let made = ''
  for (let at = 0; at < all.length; at++) {
    const token = all[at] as Token
    const after = next(all, at + 1)
    if (token.kind === 'word' && all[after]?.text === '(') {
      const call = callAt(all, { at, open: after, hold })
      if (call !== undefined) {
        made += call.text
        at = call.close
        continue
      }
    }
    made += plain(token, all, at, hold)
  }
  return made
}

function callAt(
  all: readonly Token[],
  { at, open, hold }: { readonly at: number; readonly open: number; readonly hold: Hold },
): { text: string; close: number } | undefined {
  const name = all[at]?.text.toLowerCase() ?? ''
  if (name === 'table') return flattened(all, open, hold)
  if (name === 'array_agg') return gathered(all, open, hold)
  const call = CALLS.get(name)
  if (call === undefined) return undefined
  const { args, close } = argumentsAt(all, open)
  const texts = args.map((arg) => rewrite(arg, hold).trim())
  return { text: call(texts, args), close }
}

/** `array_agg(…) within group (…)`: of no rows it is an empty list. */
function gathered(all: readonly Token[], open: number, hold: Hold): { text: string; close: number } {
  const { args, close } = argumentsAt(all, open)
  const within = next(all, close + 1)
  const isOrdered = all[within]?.text.toLowerCase() === 'within'
  const end = isOrdered ? argumentsAt(all, next(all, next(all, within + 1) + 1)).close : close
  const order = isOrdered ? rewrite(all.slice(close + 1, end + 1), hold) : ''
  const [of = ''] = args.map((arg) => rewrite(arg, hold))
  return { text: `sf_gathered(array_agg(${of})${order})`, close: end }
}

/** `table(flatten(input => …))` */
function flattened(all: readonly Token[], open: number, hold: Hold): { text: string; close: number } | undefined {
  const { args, close } = argumentsAt(all, open)
  const [inner = []] = args
  const start = next(inner, 0)
  if (inner[start]?.text.toLowerCase() !== 'flatten') return undefined
  const [input = []] = argumentsAt(inner, next(inner, start + 1)).args
  const arrow = input.findIndex(({ text }) => text === '=>')
  return { text: `sf_flatten(${rewrite(input.slice(arrow + 1), hold).trim()})`, close }
}

function plain(token: Token, all: readonly Token[], at: number, hold: Hold): string {
  switch (token.kind) {
    case 'blank':
      // A comment may hold what looks like something else.
      return ' '
    case 'text':
      return heldText(meaning(token.text), hold)
    case 'name':
      return heldName(token.text.slice(1, -1).replaceAll('""', '"'), hold)
    case 'bind':
      return `SFBIND${token.text.slice(1)}`
    case 'word':
      // A column of ours, which the translator takes for the clock.
      return /^now$/i.test(token.text) ? heldName('NOW', hold) : word(token.text.toUpperCase(), all, at)
    case 'number':
    case 'sign':
      return token.text
  }
}

/** Bare names are capitals; some types have no name that the translator would leave alone. */
function word(text: string, all: readonly Token[], at: number): string {
  if (text === 'TIMESTAMP_LTZ') return 'SF_INSTANT_TYPE'
  if (text !== 'ARRAY') return text === 'COPY' || (text === 'GRANTS' && isCopyGrants(all, at)) ? '' : text
  return ['(', '['].includes(all[next(all, at + 1)]?.text ?? '') ? text : 'SF_LIST_TYPE'
}

function isCopyGrants(all: readonly Token[], at: number): boolean {
  return (
    all
      .slice(0, at)
      .findLast(({ kind }) => kind !== 'blank')
      ?.text.toLowerCase() === 'copy'
  )
}

function heldText(value: string, hold: Hold): string {
  if (/^[\w .:+/%-]*$/.test(value) && !value.startsWith('SF')) return `'${value}'`
  const pieces = value.split('\0').map((piece) => `'${piece.replaceAll("'", "''")}'`)
  return `'SFTEXT${hold(pieces.length === 1 ? pieces.join('') : `(${pieces.join(' || chr(0) || ')})`)}'`
}

function heldName(name: string, hold: Hold): string {
  return `"SFNAME${hold(`"${kept(name).replaceAll('"', '""')}"`)}"`
}

/** docs.snowflake.com/en/sql-reference/reserved-keywords: not as the name of a column, unless in quotes. */
const RESERVED = new Set(
  `all alter and any as between by case cast check column connect constraint create cross current delete distinct drop
  else exists false following for from full grant group having ilike in increment inner insert intersect into is issue
  join lateral left like localtime localtimestamp minus natural not null of on or order organization qualify regexp
  revoke right rlike row rows sample schema select set some start table tablesample then to trigger true try_cast union
  unique update using values view when whenever where with`.split(/\s+/),
)

function refuseReserved(all: readonly Token[]): void {
  const said = all.filter(({ kind }) => kind !== 'blank')
  said.forEach(({ kind, text }, at) => {
    const before = said[at - 1]?.text.toLowerCase()
    const isName = before === '.' || (before === 'as' && !STARTS_QUERY.has(text.toLowerCase()))
    if (kind === 'word' && isName && RESERVED.has(text.toLowerCase()))
      throw new SnowflakeError('001003', '42000', `SQL compilation error:\nsyntax error unexpected '${text}'.`)
  })
}

const STARTS_QUERY = new Set(['select', 'with', 'table'])
