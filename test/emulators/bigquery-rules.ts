import { type Node, SyntaxProblem } from './bigquery-tokens.ts'

/** What the emulated project is like, beside its tables. A test may change it. */
export interface Given {
  readonly project: string
  /** Where each dataset is. */
  readonly datasets: Map<string, string>
  /** Tables that the account may not read or write: `dataset.table`. */
  readonly denied: Set<string>
  /** How many milliseconds the service takes over a table, by its own reckoning. */
  readonly slow: Map<string, number>
}

/** An answer that refuses, as the service gives it: HTTP status, reason, words. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** What the rules found in a statement. */
export interface Checked {
  readonly statementType: string
  readonly isDml: boolean
  /** What it makes, drops or writes. */
  readonly target: { readonly datasetId: string; readonly tableId: string } | undefined
  /** Every `dataset.table` in it. */
  readonly tables: readonly string[]
  /** The query of a table or view that it makes. */
  readonly query: readonly Node[] | undefined
}

interface Around {
  readonly given: Given
  readonly location: string
  readonly inTransaction: boolean
}

const DML = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/** Throws a Refusal where BigQuery would refuse a statement that other databases take. */
export function check(nodes: readonly Node[], around: Around): Checked {
  const { given } = around
  const statementType = typeOf(nodes)
  const isDml = DML.has(statementType)
  const isDdl = /^(CREATE|DROP|ALTER)/.test(statementType)
  const tables = isDdl && /SCHEMA/.test(statementType) ? [] : [...tablesIn(nodes, given)]
  if (isDdl && around.inTransaction)
    throw new Refusal(400, 'invalidQuery', `DDL statement ${statementType} is not supported inside a transaction`)
  if (['UPDATE', 'DELETE'].includes(statementType) && !nodes.some((node) => isWord(node, 'where')))
    throw new Refusal(400, 'invalidQuery', `${statementType} must have a WHERE clause`)
  if (statementType === 'CREATE_SCHEMA') addDataset(nodes, around)
  const denied = tables.find((one) => given.denied.has(one))
  if (denied !== undefined) throw forbidden(given, denied)
  const away = tables.find(
    (one) => (given.datasets.get(one.split('.')[0] ?? '') ?? around.location) !== around.location,
  )
  if (away !== undefined)
    throw new Refusal(
      404,
      'notFound',
      `Not found: Dataset ${given.project}:${away.split('.')[0]} was not found in location ${around.location}`,
    )
  const as = isDdl ? nodes.findIndex((node) => isWord(node, 'as')) : -1
  const [first] = isDdl ? [...namesIn(nodes.slice(0, as === -1 ? undefined : as))] : tables
  const [datasetId, tableId] = (first ?? '').split('.')
  if (isDdl && /^CREATE/.test(statementType)) checkName(datasetId, tableId)
  return {
    ...{ statementType, isDml, tables },
    target: datasetId !== undefined && tableId !== undefined ? { datasetId, tableId } : undefined,
    query: as === -1 ? undefined : nodes.slice(as + 1),
  }
}

/** What the service would say of an error of DuckDB's. */
export function refusalOf(error: unknown, given: Given): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof SyntaxProblem) return new Refusal(400, 'invalidQuery', error.message)
  const message = error instanceof Error ? error.message : String(error)
  const [, missing] = /(?:Table|View) with name "?(.+?)"? does not exist/.exec(message) ?? []
  if (missing !== undefined)
    return new Refusal(404, 'notFound', `Not found: Table ${given.project}:${missing} was not found`)
  if (/Schema with name .* does not exist/.test(message))
    return new Refusal(404, 'notFound', `Not found: Dataset ${given.project}: ${message.split('\n')[0]}`)
  if (/^INTERRUPT/.test(message))
    return new Refusal(400, 'stopped', 'Job execution was cancelled: User requested cancellation')
  if (/^TransactionContext Error|write-write conflict|Conflict on/i.test(message))
    return new Refusal(
      400,
      'invalidQuery',
      'Transaction is aborted due to concurrent update against table. Please retry.',
    )
  return new Refusal(400, 'invalidQuery', message.split('\n\n')[0] ?? message)
}

function forbidden({ project }: Given, table: string): Refusal {
  const [dataset, name] = table.split('.')
  return new Refusal(
    403,
    'accessDenied',
    `Access Denied: Table ${project}:${dataset}.${name}: User does not have permission to query table ${project}:${dataset}.${name}, or perhaps it does not exist.`,
  )
}

function typeOf(nodes: readonly Node[]): string {
  const words = nodes.slice(0, 5).map((node) => (node.kind === 'word' ? node.text.toUpperCase() : ''))
  const [first = '', second = '', third = '', fourth = ''] = words
  switch (first) {
    case 'SELECT':
    case 'WITH':
      return 'SELECT'
    case '':
      if (nodes[0]?.kind === 'group') return 'SELECT'
      throw new SyntaxProblem('Syntax error: Unexpected start of statement')
    case 'CREATE': {
      const kind = second === 'OR' ? fourth : second
      return kind === 'TABLE' && nodes.some((node) => isWord(node, 'as')) ? 'CREATE_TABLE_AS_SELECT' : `CREATE_${kind}`
    }
    case 'BEGIN':
    case 'COMMIT':
    case 'ROLLBACK':
      return `${first}_TRANSACTION`
    case 'DROP':
    case 'ALTER':
      return `${first}_${second || third}`
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
      return first
    default:
      throw new SyntaxProblem(`Syntax error: Unexpected identifier "${first.toLowerCase()}" at [1:1]`)
  }
}

const KEYWORDS = new Set(['create', 'schema', 'if', 'not', 'exists'])

/** A new dataset lies where the job runs. */
function addDataset(nodes: readonly Node[], { given, location }: Around): void {
  const name = nodes.find(
    (node) => node.kind === 'name' || (node.kind === 'word' && !KEYWORDS.has(node.text.toLowerCase())),
  )
  if (name?.kind !== 'name' && name?.kind !== 'word') return
  if (!/^\w{1,1024}$/.test(name.text))
    throw new Refusal(
      400,
      'invalid',
      `Invalid dataset ID "${name.text}". Dataset IDs must be alphanumeric (plus underscores).`,
    )
  if (!given.datasets.has(name.text)) given.datasets.set(name.text, location)
}

function checkName(dataset: string | undefined, table: string | undefined): void {
  if (dataset === undefined || table === undefined) return
  if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(table))
    throw new Refusal(
      400,
      'invalid',
      `Invalid table ID "${table}". Table IDs must be alphanumeric (plus underscores, dashes and spaces).`,
    )
}

function* tablesIn(nodes: readonly Node[], given: Given): Generator<string> {
  const seen = new Set<string>()
  for (const table of namesIn(nodes))
    if (given.datasets.has(table.split('.')[0] ?? '') && !seen.has(table)) {
      seen.add(table)
      yield table
    }
}

/** Whatever is written like a name of two parts. */
function* namesIn(nodes: readonly Node[]): Generator<string> {
  for (const [at, node] of nodes.entries()) {
    if (node.kind === 'group') yield* namesIn(node.nodes)
    const [dot, after, before] = [nodes[at + 1], nodes[at + 2], nodes[at - 1]]
    if (before?.kind === 'operator' && before.text === '.') continue
    if ((node.kind === 'name' || node.kind === 'word') && dot?.kind === 'operator' && dot.text === '.')
      if (after?.kind === 'name' || after?.kind === 'word') yield `${node.text}.${after.text}`
  }
}

function isWord(node: Node | undefined, word: string): boolean {
  return node?.kind === 'word' && node.text.toLowerCase() === word
}
