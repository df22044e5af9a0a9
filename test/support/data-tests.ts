import { arrange, compileModels } from '../../src/arrange.ts'
import { type DataTestOutcome, runDataTests } from '../../src/build/data-tests.ts'
import { build } from '../../src/build.ts'
import type { Context } from '../../src/compile/context.ts'
import { compileDataTests } from '../../src/compile/data-tests.ts'
import { compileState } from '../../src/compile/state.ts'
import { connectors } from '../../src/connectors/index.ts'
import type { Project } from '../../src/project/project.ts'
import { readProject } from '../../src/project/read.ts'
import { verbatim } from '../../src/sql/sql.ts'
import { warehouses } from '../../src/warehouses/index.ts'
import type { Session } from '../../src/warehouses/warehouse.ts'
import type { Engine } from './engines.ts'
import { type Inline, inline } from './inline.ts'
import { realClock } from './warehouse.ts'

/** A warehouse in memory with tables `raw.orders` and `raw.people`, and whatever a project tests of them. */
export interface Desk {
  readonly place: Inline
  readonly clock: Clock
  /** Runs SQL as it stands. */
  sql(text: string): Promise<void>
  /** What the tests of a project find; `orders` is YAML of that source. */
  outcomes(orders: string, profiles?: OfProfiles): Promise<readonly DataTestOutcome[]>
  /** The project, read anew. */
  context(orders: string, profiles?: OfProfiles): Promise<Context>
}

/** YAML of `traits:`, and what is added to entity `customer`. */
interface OfProfiles {
  readonly traits?: string
  readonly entity?: string
}

export const ORDERS = 'id varchar, customer varchar, status varchar, amount double precision, placed timestamptz'

const base = (entity: string) => `
sources:
  people: { table: raw.people, key: id, identifiers: { email: email } }
entities:
  customer:
    identifiers: { email: {} }
${entity}`

/** Opens such a warehouse; both tables are empty. The business time is 2026-03-01T12:00:00Z. */
export async function desk(engine?: Engine): Promise<Desk> {
  const place = await inline({ 'models/base.yaml': base('') }, engine)
  const sql = async (text: string) => {
    await place.session.script([{ statement: { name: 'test', reason: 'test', sql: verbatim(text) } }])
  }
  await sql('create schema raw')
  await sql('create table raw.people (id varchar, email varchar, city varchar)')
  await sql(`create table raw.orders (${ORDERS})`)
  const clock = await clockOf(place)
  const context = async (orders: string, { traits = '', entity = '' }: OfProfiles = {}) => {
    const source = `sources:\n  orders:\n    table: raw.orders\n    key: id\n${orders}`
    const files = { 'models/orders.yaml': source, 'models/base.yaml': base(entity), 'models/traits.yaml': traits }
    place.write(files)
    return { project: await read(place.directory), dialect: place.session.dialect }
  }
  return {
    place,
    sql,
    context,
    clock,
    outcomes: async (orders, profiles) => run(await context(orders, profiles), place.session, clock),
  }
}

/** Runs all tests of a project over its sources as they are, and its profiles as they are published. */
export function run(context: Context, session: Session, clock: Clock): Promise<readonly DataTestOutcome[]> {
  return runDataTests(session, compileDataTests(context, context.project.dataTests, { profiles: 'published' }), clock)
}

/** The build whose clock says the business time. */
type Clock = { readonly b: number }

async function clockOf({ project, session }: Inline): Promise<Clock> {
  const context = { project, dialect: session.dialect }
  const state = compileState(context)
  const request = { session, state, clock: realClock, runId: 'clock', now: project.now }
  const { number } = await build(arrange(compileModels(context), ['setup']), request)
  return { b: number }
}

async function read(directory: string): Promise<Project> {
  const registries = { warehouses: warehouses(), connectors: connectors() }
  const { project, diagnostics } = await readProject({ directory, env: {}, registries })
  if (project === undefined || diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics, undefined, 1))
  return project
}
