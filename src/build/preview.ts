import type { PreviewColumn, PreviewLine, PreviewStatements } from '../compile/preview.ts'
import type { Statement, Tokens } from '../sql/sql.ts'
import type { Row, Session } from '../warehouses/warehouse.ts'

/** One segment as the data at hand decides it. Values are those of persons: whoever shows them masks them. */
export interface Preview {
  readonly segment: string
  readonly entity: string
  readonly profiles: number
  readonly members: number
  /** Against the members that were last published. */
  readonly entered: number
  readonly left: number
  /** Whom chance keeps out. */
  readonly held_out: number
  /** Its variants in order, with their members. */
  readonly variants: readonly { readonly variant: string; readonly members: number }[]
  /** In the order in which people are lost: the lines of `where:`, `exclude:`, then `waterfall`, `split` and `limit`. */
  readonly funnel: readonly FunnelLine[]
  /** Every other segment of the entity: its size, and how many of its members are members here. */
  readonly overlap: readonly { readonly segment: string; readonly members: number; readonly both: number }[]
  readonly columns: readonly PreviewColumn[]
  readonly sample: readonly Readonly<Record<string, unknown>>[]
}

export interface FunnelLine extends PreviewLine {
  /** People for whom this line and all before it are true. */
  readonly left: number
  /** People lost here because something that the line asks for is missing: it is neither true nor false. */
  readonly lost_to_null: number
}

/** Asks a finished build what a segment holds. */
export async function readPreview(statements: PreviewStatements, session: Session, tokens: Tokens): Promise<Preview> {
  const ask = async (statement: Statement): Promise<Row> => (await session.first({ statement, tokens })) ?? {}
  const { segment, others } = statements
  const size = await ask(statements.size)
  const funnel = await ask(statements.funnel)
  const overlap = statements.overlap === undefined ? {} : await ask(statements.overlap)
  const { rows } = await ask(statements.sample)
  return {
    segment: segment.name,
    entity: segment.entity,
    profiles: Number(size.profiles),
    members: Number(size.members),
    entered: Number(size.entered),
    left: Number(size.left),
    held_out: Number(size.held_out),
    variants: segment.variants.map((variant, index) => ({ variant, members: Number(size[`variant_${index + 1}`]) })),
    funnel: statements.lines.map((line, index) => ({
      ...line,
      left: Number(funnel[`left_${index + 1}`]),
      lost_to_null: Number(funnel[`null_${index + 1}`]),
    })),
    overlap: others.map((name) => ({
      segment: name,
      members: Number(overlap[`size_${name}`]),
      both: Number(overlap[`both_${name}`]),
    })),
    columns: statements.columns,
    sample: (rows ?? '').split('\n').flatMap((row) => (row === '' ? [] : [JSON.parse(row)])),
  }
}
