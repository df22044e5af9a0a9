import { type DecidedLine, decisive, type FoundRows } from '../catalog/decided.ts'
import { compileDecision, type Line } from '../compile/decision.ts'
import { rowsListing } from '../compile/unit-tests.ts'
import type { Entity, Segment } from '../project/project.ts'
import { listed } from '../sync/listed.ts'
import type { Built } from './bench.ts'

/** What is told of a line that speaks of another segment, of one that speaks of another one, and so on. */
const DEEPEST = 3

/** The lines that decided whether a profile is in a segment. */
export async function decidedLines(
  built: Built,
  segment: Segment,
  profile: string,
  isIn: boolean,
  depth = 1,
): Promise<readonly DecidedLine[]> {
  const { context, session, build } = built
  const decision = compileDecision(context, segment)
  const rows = await listed(session, decision.listing, {}, { b: build })
  const row = rows.find((one) => one.profile_id === profile)
  const entity = context.project.entities.get(segment.entity)
  if (row === undefined || entity === undefined) return []
  const found: { readonly isAfter: boolean; readonly decided: DecidedLine }[] = []
  for (const line of decision.lines)
    found.push({
      isAfter: line.kind === 'after',
      decided: await decided(line, { built, entity, row, profile, depth }),
    })
  return decisive(found, isIn)
}

interface Told {
  readonly built: Built
  readonly entity: Entity
  readonly row: Readonly<Record<string, unknown>>
  readonly profile: string
  readonly depth: number
}

async function decided(line: Line, told: Told): Promise<DecidedLine> {
  const { row, built, profile, depth } = told
  const inner: DecidedLine[] = []
  for (const one of line.inner) inner.push(await decided(one, told))
  const other = line.segment === undefined ? undefined : built.context.project.segments.get(line.segment)
  if (other !== undefined && depth < DEEPEST) {
    const isMember = (line.kind === 'exclude') !== (row[line.column] === 'true')
    inner.push(...(await decidedLines(built, other, profile, isMember, depth + 1)))
  }
  const rows: FoundRows[] = []
  for (const one of line.rows) rows.push(await rowsOf(one, told))
  return {
    text: line.text,
    file: line.at.file,
    line: line.at.line,
    verdict: row[line.column] === null ? null : row[line.column] === 'true',
    values: line.values.map(({ name, column }) => ({ name, value: textOf(row[column]) })),
    inner,
    rows,
  }
}

async function rowsOf(asked: Line['rows'][number], told: Told): Promise<FoundRows> {
  const { built, entity, profile } = told
  const { context, session, build } = built
  const source = context.project.sources.get(asked.source)
  const columns = [...new Set([...(source?.occurredAt === undefined ? [] : [source.occurredAt]), ...asked.columns])]
  const listing = rowsListing(context, entity, { source: asked.source, columns })
  const rows = listing === undefined ? [] : await listed(session, listing, {}, { b: build })
  const mine = rows.filter((one) => one.profile_id === profile)
  const found = mine.map((one) => Object.fromEntries(columns.map((name) => [name, textOf(one[`column_${name}`])])))
  return { source: asked.source, found: found.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
