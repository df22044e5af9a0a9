import { type Node, SyntaxProblem } from './bigquery-tokens.ts'

/**
 * A statement of GoogleSQL as DuckDB runs it. It knows what our dialect says and common SQL, each word of it by what the
 * reference manual says it means: what it does not know goes to DuckDB as it is, which refuses most of it.
 */
export function translate(nodes: readonly Node[], project: string): string {
  return new Translation(project).list(nodes)
}

/** Words after which a name is a table's: `a.b` in one pair of quotes is two names there. */
const BEFORE_TABLES = new Set([
  'from',
  'join',
  'into',
  'table',
  'update',
  'view',
  'exists',
  'schema',
  'using',
  'merge',
  'delete',
])

const TYPES: Readonly<Record<string, string>> = {
  ...{ string: 'varchar', int64: 'bigint', float64: 'double', bool: 'boolean', bytes: 'blob' },
  ...{ timestamp: 'timestamptz', datetime: 'timestamp', date: 'date', json: 'json' },
  ...{ numeric: 'decimal(38, 9)', bignumeric: 'decimal(38, 9)', time: 'time', boolean: 'boolean' },
}

/** Functions that mean the same under another name; the others of `FUNCTIONS` need their arguments told apart. */
const RENAMED: Readonly<Record<string, string>> = {
  ...{ char_length: 'length', array_length: 'len', array_concat: 'list_concat', logical_or: 'bool_or' },
  ...{ logical_and: 'bool_and', unix_micros: 'epoch_us', timestamp_micros: 'make_timestamptz', mod: 'bq_mod' },
  ...{ regexp_contains: 'regexp_matches', regexp_extract: 'bq_regexp_extract', to_json_string: 'bq_json' },
  ...{ is_nan: 'bq_is_nan', is_inf: 'bq_is_inf', generate_uuid: 'bq_uuid', div: 'bq_div' },
  ...{ md5: 'bq_md5', sha256: 'bq_sha256', to_hex: 'bq_hex', array_to_string: 'bq_array_to_string', pow: 'bq_pow' },
  ...{ json_query_array: 'bq_json_array', json_value_array: 'bq_json_texts', safe_divide: 'bq_safe_divide' },
}

class Translation {
  readonly #project: string

  constructor(project: string) {
    this.#project = project
  }

  list(nodes: readonly Node[]): string {
    const out: string[] = []
    for (let at = 0; at < nodes.length; ) at += this.#one(nodes, at, out)
    return out
      .reduce((before, piece, at) => `${before}${piece === '.' || out[at - 1] === '.' ? '' : ' '}${piece}`, '')
      .trim()
  }

  /** Writes what begins at a place, and gives how many nodes that took. */
  #one(nodes: readonly Node[], at: number, out: string[]): number {
    const node = nodes[at]
    if (node === undefined) return 1
    const next = nodes[at + 1]
    switch (node.kind) {
      case 'string':
        out.push(textOf(node.text))
        return 1
      case 'parameter':
        out.push(`$${node.text}`)
        return 1
      case 'name':
        out.push(this.#name(node.text, isTablePlace(nodes, at)))
        return 1
      case 'number':
      case 'operator':
        out.push(node.text)
        return 1
      case 'group':
        out.push(this.#group(node))
        return 1
      case 'word':
        return this.#word(nodes, at, node.text, next, out)
    }
  }

  #name(name: string, isTable: boolean): string {
    const parts = isTable ? name.split('.') : [name]
    const known = parts.length === 3 && parts[0] === this.#project ? parts.slice(1) : parts
    return known.map((one) => `"${one.replaceAll('"', '""')}"`).join('.')
  }

  #group(node: Extract<Node, { kind: 'group' }>): string {
    if (node.open === '(') return `(${this.list(node.nodes)})`
    const [first, second] = node.nodes
    // Places are counted from 0, in DuckDB from 1; beyond the ends there is null.
    if (first?.kind === 'word' && second?.kind === 'group' && /^(safe_)?(offset|ordinal)$/i.test(first.text)) {
      const place = this.list(second.nodes)
      return /offset/i.test(first.text) ? `[(${place}) + 1]` : `[${place}]`
    }
    return `[${this.list(node.nodes)}]`
  }

  #word(nodes: readonly Node[], at: number, word: string, next: Node | undefined, out: string[]): number {
    const lower = word.toLowerCase()
    const isCall = next?.kind === 'group' && next.open === '('
    // A column may be called like a function or a type.
    if (isDotted(nodes, at)) {
      out.push(word)
      return 1
    }
    if ((lower === 'cluster' || lower === 'partition') && isWord(nodes[0], 'create') && isWord(next, 'by'))
      return clauseLength(nodes, at)
    if (lower === 'options' && isCall) return 2
    if (lower === 'in' && isWord(next, 'unnest')) {
      const list = nodes[at + 2]
      out.push(`= any(${list?.kind === 'group' ? this.list(list.nodes) : ''})`)
      return 3
    }
    if (lower === 'like') return this.#like(nodes, at, out)
    if (lower === 'except' && isCall && out.at(-1) === '*') {
      out.push(`exclude ${this.#group(next)}`)
      return 2
    }
    if (lower === 'distinct' && /^(union|except|intersect)$/i.test(out.at(-1) ?? '')) return 1
    if (next?.kind === 'string' && LITERALS[lower] !== undefined) {
      out.push(
        LITERALS[lower] === ''
          ? `cast(${textOf(next.text)} as ${TYPES[lower]})`
          : `${LITERALS[lower]} ${textOf(next.text)}`,
      )
      return 2
    }
    if (lower === 'unnest' && isCall) return this.#unnest(nodes, at, out)
    if (isCall) {
      out.push(this.#call(lower, next.nodes))
      return 2
    }
    out.push(isTypePlace(nodes, at) ? this.#type(nodes.slice(at, at + 1)) : word)
    return 1
  }

  /** A backslash escapes without being told. */
  #like(nodes: readonly Node[], at: number, out: string[]): number {
    let end = at + 2
    while (nodes[end]?.kind === 'operator' && textIn(nodes[end]) === '.') end += 2
    if (nodes[end]?.kind === 'group' && nodes[end - 1]?.kind === 'word') end += 1
    out.push(`like ${this.list(nodes.slice(at + 1, end))} escape '\\'`)
    return end - at
  }

  #unnest(nodes: readonly Node[], at: number, out: string[]): number {
    const group = nodes[at + 1]
    const list = group?.kind === 'group' ? this.list(group.nodes) : ''
    const alias = isWord(nodes[at + 2], 'as') ? nodes[at + 3] : undefined
    if (alias === undefined || (alias.kind !== 'word' && alias.kind !== 'name')) {
      out.push(`unnest(${list})`)
      return 2
    }
    const name = `"${alias.text}"`
    out.push(`unnest(${list}) as "_of_${alias.text}"(${name})`)
    return 4
  }

  /** `value as name` */
  #field(nodes: readonly Node[]): string {
    return `${textIn(nodes.at(-1))} := ${this.list(nodes.slice(0, -2))}`
  }

  #call(name: string, nodes: readonly Node[]): string {
    const args = split(nodes)
    const arg = (index: number) => this.list(args[index] ?? [])
    const unit = (index: number) =>
      `'${textIn(args[index]?.[0])
        .replace(/^iso(week|year)$/i, '$1')
        .toLowerCase()}'`
    switch (name) {
      case 'cast':
      case 'safe_cast':
        return this.#cast(name, nodes)
      case 'array_agg':
        return this.#arrayAgg(nodes)
      case 'struct':
        return `struct_pack(${args.map((one) => this.#field(one)).join(', ')})`
      case 'timestamp':
        return args.length === 1
          ? `cast(${arg(0)} as timestamptz)`
          : `timezone(${arg(1)}, cast(${arg(0)} as timestamp))`
      case 'datetime':
        return `timezone(${args.length === 1 ? "'UTC'" : arg(1)}, cast(${arg(0)} as timestamptz))`
      case 'date':
        return args.length === 1 ? `cast(${arg(0)} as date)` : `cast(timezone(${arg(1)}, ${arg(0)}) as date)`
      case 'timestamp_add':
      case 'datetime_add':
      case 'timestamp_sub':
        return this.#moved(name, arg(0), args[1] ?? [])
      case 'timestamp_trunc':
        return `bq_trunc(${arg(0)}, ${unit(1)}, ${args.length > 2 ? arg(2) : "'UTC'"})`
      case 'timestamp_diff':
        return `bq_passed(${arg(0)}, ${arg(1)}, ${unit(2)})`
      case 'date_diff':
        return `datediff(${unit(2)}, ${arg(1)}, ${arg(0)})`
      case 'extract':
        return this.#extract(nodes)
      case 'countif':
        return `count(*) filter (where ${arg(0)})`
      case 'format_timestamp':
        return `bq_iso(${arg(1)})`
      case 'format':
        return textIn(args[0]?.[0]) === '%T' ? `bq_literal(${arg(1)})` : `bq_in_width(${arg(1)})`
      case 'normalize':
        return `nfc_normalize(${arg(0)})`
      case 'regexp_replace':
        return `regexp_replace(${arg(0)}, ${arg(1)}, ${arg(2)}, 'g')`
      case 'json_value':
      case 'json_query':
        return `bq_${name}(${arg(0)}, ${args.length > 1 ? pointer(args[1]) : "'$'"})`
      case 'current_timestamp':
        return 'get_current_timestamp()'
      case 'round':
        return args.length === 1 ? `round(${arg(0)})` : `round(${arg(0)}, cast(${arg(1)} as integer))`
      case 'substr':
        return `substr(${args.map((one) => this.list(one)).join(', ')})`
      default:
        return `${RENAMED[name] ?? name}(${this.list(nodes)})`
    }
  }

  #cast(name: string, nodes: readonly Node[]): string {
    const as = nodes.findLastIndex((node) => isWord(node, 'as'))
    const [value, type] = [this.list(nodes.slice(0, as)), this.#type(nodes.slice(as + 1))]
    if (type === 'varchar') return `bq_text(${value})`
    // From a float DuckDB would bring digits that nobody wrote.
    if (type.startsWith('decimal')) return `${name === 'cast' ? 'cast' : 'try_cast'}(bq_text(${value}) as ${type})`
    return name === 'cast' ? `cast(${value} as ${type})` : `try_cast(${value} as ${type})`
  }

  #type(nodes: readonly Node[]): string {
    const [first, second, item] = nodes
    const name = textIn(first).toLowerCase()
    if (name === 'array' && textIn(second) === '<') return `${this.#type(item ? [item] : [])}[]`
    if (second?.kind === 'group' && /numeric/.test(name)) return `decimal(${this.list(second.nodes)})`
    return TYPES[name] ?? name
  }

  /** `[distinct] value [ignore nulls] [order by …] [limit n]`. Nulls in a list would be refused when it is stored. */
  #arrayAgg(nodes: readonly Node[]): string {
    const ends = ['ignore', 'respect', 'order', 'limit'].map((word) => nodes.findIndex((node) => isWord(node, word)))
    const [ignore = -1, respect = -1, order = -1, limit = -1] = ends
    const end = Math.min(...[...ends, nodes.length].filter((one) => one >= 0))
    const distinct = isWord(nodes[0], 'distinct')
    const value = this.list(nodes.slice(distinct ? 1 : 0, end))
    if (respect >= 0) throw new SyntaxProblem('respect nulls is not emulated')
    const keys = order < 0 ? '' : ` ${this.list(nodes.slice(order, limit < 0 ? undefined : limit))}`
    const rows = ignore < 0 ? '' : ` filter (where (${value}) is not null)`
    const all = `list(${distinct ? 'distinct ' : ''}${value}${keys})${rows}`
    return limit < 0 ? all : `(${all})[:${this.list(nodes.slice(limit + 1))}]`
  }

  #moved(name: string, time: string, [interval, ...rest]: readonly Node[]): string {
    if (!isWord(interval, 'interval')) throw new SyntaxProblem('Expected an interval')
    const unit = textIn(rest.at(-1)).toLowerCase()
    const amount = this.list(rest.slice(0, -1))
    const isCalendar = unit === 'month' || unit === 'quarter' || unit === 'year'
    if (name.startsWith('timestamp') && (isCalendar || unit === 'week'))
      throw new SyntaxProblem(`${name.toUpperCase()} does not support the ${unit.toUpperCase()} date part`)
    const sign = name.endsWith('sub') ? '-' : '+'
    const one = unit === 'quarter' ? "interval '3 month'" : `interval '1 ${unit}'`
    return `(${time} ${sign} cast(${amount} as integer) * ${one})`
  }

  #extract([part, , ...of]: readonly Node[]): string {
    const name = textIn(part).toLowerCase()
    // Sunday is the first day.
    if (name === 'dayofweek') return `(extract(dow from ${this.list(of)}) + 1)`
    return `extract(${name} from ${this.list(of)})`
  }
}

/** Types before a literal; '' where a cast says it. */
const LITERALS: Readonly<Record<string, string>> = {
  timestamp: 'timestamptz',
  date: 'date',
  datetime: 'timestamp',
  numeric: '',
}

/** Text as DuckDB writes it: its parser takes NUL for the end of the statement. */
function textOf(value: string): string {
  const pieces = value.split('\0').map((piece) => `'${piece.replaceAll("'", "''")}'`)
  return pieces.length === 1 ? pieces.join('') : `(${pieces.join(' || chr(0) || ')})`
}

function isWord(node: Node | undefined, word: string): boolean {
  return node?.kind === 'word' && node.text.toLowerCase() === word
}

function textIn(node: Node | undefined): string {
  return node === undefined || node.kind === 'group' ? '' : node.text
}

function isDotted(nodes: readonly Node[], at: number): boolean {
  return textIn(nodes[at - 1]) === '.' && nodes[at - 1]?.kind === 'operator'
}

function isTablePlace(nodes: readonly Node[], at: number): boolean {
  const before = nodes[at - 1]
  return before?.kind === 'word' && BEFORE_TABLES.has(before.text.toLowerCase())
}

/** Where a column is declared: after its name. */
function isTypePlace(nodes: readonly Node[], at: number): boolean {
  const [node, before] = [nodes[at], nodes[at - 1]]
  return node?.kind === 'word' && TYPES[node.text.toLowerCase()] !== undefined && before?.kind === 'name'
}

function split(nodes: readonly Node[]): readonly (readonly Node[])[] {
  const args: Node[][] = [[]]
  for (const node of nodes) {
    if (node.kind === 'operator' && node.text === ',') args.push([])
    else args.at(-1)?.push(node)
  }
  return nodes.length === 0 ? [] : args
}

/** `cluster by a, b`: up to `as`, or the end. */
function clauseLength(nodes: readonly Node[], at: number): number {
  const end = nodes.findIndex((node, index) => index > at && isWord(node, 'as'))
  return (end === -1 ? nodes.length : end) - at
}

/** `$."a b"` or `$.a` as a JSON pointer: the path must be a literal. */
function pointer(path: readonly Node[] | undefined): string {
  const [node] = path ?? []
  if (node?.kind !== 'string') throw new SyntaxProblem('JSONPath must be a string literal or query parameter')
  const keys = [...node.text.matchAll(/\.(?:"((?:\\.|[^"\\])*)"|([A-Za-z_]\w*))/g)]
  if (`$${keys.map(([all]) => all).join('')}` !== node.text) throw new SyntaxProblem(`Invalid JSONPath: ${node.text}`)
  const names = keys.map(([, quoted, bare]) => quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '')
  return textOf(names.map((one) => `/${one.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''))
}
