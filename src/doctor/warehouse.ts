import type { Environment, Request } from '../environment.ts'
import { type At, asFailure, CdpError, type Diagnostic, problem, warning } from '../error.ts'
import { checkWarehouse, namedColumns } from '../project/check.ts'
import { identityLists } from '../project/identity-lists.ts'
import type { Project, Source } from '../project/project.ts'
import { type PlainRelation, tableName, tableOf, tableText } from '../project/relation.ts'
import { id, join, type Sql, sql } from '../sql/sql.ts'
import { closing, connect } from '../stages.ts'
import { ledgerSchema } from '../syncs.ts'
import type { Session } from '../warehouses/warehouse.ts'

/** What is looked at in a warehouse, in this order; nothing follows a connection that failed. */
export type WarehouseLook = 'connection' | 'version' | 'extensions' | 'clock' | 'tables' | 'reading' | 'writing'

/** What came of one look. */
export interface Looked {
  readonly look: WarehouseLook
  /** What was found, in a few words. */
  readonly found: string | undefined
  readonly diagnostics: readonly Diagnostic[]
}

/** Looks whether the warehouse of the target can do its part. Leaves nothing behind in it, and does not throw. */
export async function lookAtWarehouse(
  project: Project,
  request: Request,
  environment: Environment,
): Promise<readonly Looked[]> {
  const opened = await connect(project, request, environment, 'write').catch((thrown: unknown) => asFailure(thrown))
  if (opened instanceof CdpError) return [{ look: 'connection', found: undefined, diagnostics: opened.diagnostics }]
  return closing(opened, async () => [
    ...(await lookAtItself(opened)),
    await looked('clock', () => clock(opened, environment)),
    await looked('tables', async () => ({
      found: `${project.sources.size} sources`,
      diagnostics: await checkWarehouse(project, opened),
    })),
    await looked('reading', () => reading(project, opened)),
    ...(opened.tryCreate === undefined ? [] : [await looked('writing', () => writing(project, request, opened))]),
  ])
}

type Found = Partial<Omit<Looked, 'look'>>

async function looked(look: WarehouseLook, work: () => Promise<Found>): Promise<Looked> {
  try {
    const { found, diagnostics = [] } = await work()
    return { look, found, diagnostics }
  } catch (thrown) {
    return { look, found: undefined, diagnostics: asFailure(thrown).diagnostics }
  }
}

async function lookAtItself(session: Session): Promise<readonly Looked[]> {
  const about = await session.about?.()
  if (about === undefined) return [{ look: 'connection', found: undefined, diagnostics: [] }]
  const { place, version, lowest, extensions } = about
  const told = (look: WarehouseLook, found: string): Looked => ({ look, found, diagnostics: [] })
  return [
    told('connection', place),
    // Whoever is older was refused when it was connected to.
    ...(version === undefined
      ? []
      : [told('version', lowest === undefined ? version : `${version}; at least ${lowest}`)]),
    ...(extensions === undefined ? [] : [told('extensions', extensions.join(', ') || 'none')]),
  ]
}

/** Seconds by which the clocks may differ unsaid. */
const MINUTE = 60

async function clock(session: Session, { world }: Environment): Promise<Found> {
  const statement = {
    name: 'clock',
    reason: 'leases and holds go by it',
    sql: sql`select ${session.dialect.epoch(session.dialect.clock())} as ${id('at')}`,
  }
  const before = world.clock.wall().getTime()
  const row = await session.first({ statement })
  const after = world.clock.wall().getTime()
  const there = Number(row?.at) / 1000
  const off = Math.round((there < before ? there - before : Math.max(0, there - after)) / 1000)
  const found = off === 0 ? 'as here' : `${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead'}`
  if (Math.abs(off) <= MINUTE) return { found }
  const message = `The clock of the warehouse is ${Math.abs(off)} seconds ${off < 0 ? 'behind' : 'ahead of'} that of this machine.`
  const fix =
    'Set the wrong one: leases go by the clock of the warehouse, the times in reports by that of this machine.'
  return { found, diagnostics: [warning('warehouse/clock', message, undefined, fix)] }
}

/** May every table be read, each in the columns that the project names? */
async function reading(project: Project, session: Session): Promise<Found> {
  const sources = [...project.sources.values(), ...identityLists(project).map(({ source }) => source)]
  const diagnostics: Diagnostic[] = []
  let read = 0
  for (const source of sources) {
    try {
      const query = await sampled(project, session, source)
      if (query === undefined) continue
      await session.first({ statement: { name: `read of ${source.name}`, reason: 'may it be read?', sql: query } })
      read++
    } catch (thrown) {
      diagnostics.push(unreadable(thrown, project, source))
    }
  }
  const all = read + diagnostics.length
  return { found: all === 0 ? 'no table of the warehouse' : `${read} of ${all} tables`, diagnostics }
}

/** No row of the columns that are named, and are there; undefined for what is no table, or is missing. */
async function sampled(project: Project, session: Session, source: Source): Promise<Sql | undefined> {
  const relation = plain(source)
  if (relation.kind !== 'table') return undefined
  const table = tableOf(relation)
  // What the catalogue shows without any right. Of a table without a schema it is known only to the session.
  const there = table === undefined ? new Map() : await session.columns(table)
  if (there === undefined) return undefined
  const named = new Set(namedColumns(project).flatMap((one) => (one.source === source.name ? one.column : [])))
  const columns = [...named].filter((column) => there.has(column))
  return sql`select ${columns.length === 0 ? 1 : join(columns.map(id))} from ${tableName(relation)} where 1 = 0`
}

function plain({ relation }: Source): PlainRelation {
  return relation.kind === 'pairs' ? relation.of : relation
}

function unreadable(thrown: unknown, project: Project, source: Source): Diagnostic {
  const relation = plain(source)
  const name = relation.kind === 'table' ? tableText(relation) : source.name
  const at = project.places?.relations.get(source.name) ?? source.at
  return refused(thrown, `The table "${name}" cannot be read`, at)
}

/** May the tool make what it makes, in the schemas in which it does? */
async function writing(project: Project, request: Request, session: Session): Promise<Found> {
  const { models, state } = project.schemas
  const schemas = [...new Set([models, state, ledgerSchema(project, request)])]
  const diagnostics: Diagnostic[] = []
  const found: string[] = []
  for (const schema of schemas)
    try {
      const came = await session.tryCreate?.(schema)
      found.push(came === 'absent' ? `${schema} (missing: the first run makes it)` : schema)
    } catch (thrown) {
      found.push(schema)
      diagnostics.push(refused(thrown, `Nothing can be made in the schema "${schema}"`))
    }
  return { found: found.join(', '), diagnostics }
}

/** What could not be done, with the words of the warehouse. */
function refused(thrown: unknown, what: string, at?: At): Diagnostic {
  const { diagnostics, cause, message } = asFailure(thrown)
  const [{ code, fix } = problem('bug/unexpected', message)] = diagnostics
  const words = (cause instanceof Error ? cause.message : message)
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/[\s.]*$/, '.')
  return problem(code, `${what}: ${words}`, at, fix)
}
