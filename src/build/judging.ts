import type { Judgement } from '../compile/model.ts'
import { from, sql, type Table, type Tokens } from '../sql/sql.ts'
import type { Cell, Page, Session } from '../warehouses/warehouse.ts'
import { Judge, type JudgedNodes } from './judge.ts'

const PAGE = 20_000

/**
 * Judges the clusters that break a rule: reads their identifiers, streams their edges twice (once to decide, once to
 * say why an edge was refused) and writes which part each identifier belongs to. Holds some numbers an identifier.
 */
export async function judge(session: Session, step: Judgement, tokens: Tokens): Promise<void> {
  await session.script(step.create.map((statement) => ({ statement, tokens })))
  const nodes = await readNodes(session, step, tokens)
  if (nodes.ids.length === 0) return
  const never = step.never === undefined ? new Int32Array() : await readPairs(session, step.never, tokens)
  const limits = step.limits.map(({ most }) => most)
  const decision = new Judge(nodes, { limits, never, maxSize: step.maxSize })
  for await (const { a, b, tier } of edges(session, step, tokens)) decision.offer(a, b, tier)
  const { parts, verdict } = decision.finish()
  for (let start = 0; start < parts.length; start += PAGE) {
    const columns = [nodes.ids.slice(start, start + PAGE), parts.slice(start, start + PAGE)].map(texts)
    await session.append(step.verdicts, { rows: columns[0]?.length ?? 0, columns }, tokens)
  }
  const refused = new Rows(session, step.refused, tokens)
  for await (const { a, b, tier } of edges(session, step, tokens)) {
    const refusal = verdict(a, b, tier)
    if (refusal === undefined) continue
    const detail = refusal.reason === 'limit' ? (step.limits[refusal.type]?.type ?? null) : null
    await refused.add([String(nodes.ids[a]), String(nodes.ids[b]), refusal.reason, detail])
  }
  await refused.flush()
}

async function readNodes(session: Session, step: Judgement, tokens: Tokens): Promise<JudgedNodes> {
  const row = await session.first({
    statement: {
      name: 'count judged',
      reason: 'how much memory the judge needs',
      sql: sql`select count(*) as nodes from ${from(step.nodes)}`,
    },
    tokens,
  })
  const count = Number(row?.nodes ?? 0)
  const ids = new Float64Array(count)
  const types = new Int32Array(count)
  for await (const page of session.read(step.nodes, ['idx', 'node_id', 'kind'], PAGE, undefined, tokens)) {
    const [places = [], numbers = [], kinds = []] = page.columns
    places.forEach((place, at) => {
      ids[Number(place)] = Number(numbers[at])
      types[Number(place)] = Number(kinds[at])
    })
  }
  return { ids, types }
}

async function readPairs(session: Session, table: Table, tokens: Tokens): Promise<Int32Array> {
  const pairs: number[] = []
  for await (const page of session.read(table, ['a', 'b'], PAGE, undefined, tokens)) {
    const [a = [], b = []] = page.columns
    a.forEach((one, at) => {
      pairs.push(Number(one), Number(b[at]))
    })
  }
  return Int32Array.from(pairs)
}

interface Edge {
  readonly a: number
  readonly b: number
  readonly tier: number
}

async function* edges(session: Session, step: Judgement, tokens: Tokens): AsyncGenerator<Edge> {
  for await (const page of session.read(step.edges, ['a', 'b', 'tier'], PAGE, 'seq', tokens)) {
    const [a = [], b = [], tier = []] = page.columns
    for (let row = 0; row < page.rows; row++) yield { a: Number(a[row]), b: Number(b[row]), tier: Number(tier[row]) }
  }
}

function texts(numbers: Float64Array): readonly string[] {
  return Array.from(numbers, String)
}

/** Rows on their way to a table, a page at a time. */
class Rows {
  readonly #session: Session
  readonly #table: Table
  readonly #tokens: Tokens
  #rows: (readonly Cell[])[] = []

  constructor(session: Session, table: Table, tokens: Tokens) {
    this.#session = session
    this.#table = table
    this.#tokens = tokens
  }

  async add(row: readonly Cell[]): Promise<void> {
    this.#rows.push(row)
    if (this.#rows.length >= PAGE) await this.flush()
  }

  async flush(): Promise<void> {
    const rows = this.#rows
    this.#rows = []
    const width = rows[0]?.length ?? 0
    const page: Page = {
      rows: rows.length,
      columns: Array.from({ length: width }, (_, at) => rows.map((row) => row[at] ?? null)),
    }
    await this.#session.append(this.#table, page, this.#tokens)
  }
}
