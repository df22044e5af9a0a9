import { contract } from './build/contract.ts'
import { parsePhones } from './build/phones.ts'
import type { Model, Step } from './compile/model.ts'
import type { BuildState } from './compile/state.ts'
import { printName, type Statement, type Table, type Tokens, type Values } from './sql/sql.ts'
import type { Row, Session } from './warehouses/warehouse.ts'
import type { Clock } from './world.ts'

/** One computation of all models, beside what readers see. */
export interface Build {
  readonly number: number
  readonly models: readonly Built[]
}

/** What became of one model. */
export interface Built {
  readonly model: Model
  /** Rows of its output table; 0 where it has none. */
  readonly rows: number
  readonly ms: number
  /** Rounds that an identity graph took. */
  readonly rounds: number
  readonly counts: Row
}

export interface BuildRequest {
  readonly session: Session
  readonly state: BuildState
  readonly clock: Clock
  readonly runId: string
  /** The project's business time; undefined = the warehouse's. */
  readonly now: string | undefined
  /** Called before each model and after it. */
  readonly progress?: (model: Model, done: Built | undefined) => void
}

/** Computes models in order into tables of a new build number. Readers see nothing of it; a failure leaves no trace but them. */
export async function build(models: readonly Model[], request: BuildRequest): Promise<Build> {
  const number = await begin(models, request)
  const built: Built[] = []
  for (const model of models) {
    request.progress?.(model, undefined)
    const done = await make(model, number, request)
    built.push(done)
    request.progress?.(model, done)
  }
  return { number, models: built }
}

/** Makes the tables in which the tool remembers, where they are missing. */
export async function createState(session: Session, state: BuildState): Promise<void> {
  await session.script(state.create.map((statement) => ({ statement })))
}

async function begin(models: readonly Model[], { session, state, runId }: BuildRequest): Promise<number> {
  await createState(session, state)
  await session.script([{ statement: state.begin, values: { run_id: runId } }])
  const row = await session.first({ statement: state.number, values: { run_id: runId } })
  const number = Number(row?.build)
  const tokens: Tokens = { b: number }
  const names = models
    .flatMap((model) => model.steps.flatMap(tablesOf))
    .map((table) => ({ name: printName(table.name, tokens) }))
  await session.script([{ statement: state.note, values: { build: number, tables: JSON.stringify(names) } }])
  return number
}

async function make(model: Model, number: number, request: BuildRequest): Promise<Built> {
  const { session, clock } = request
  const started = clock.now()
  const tokens: Tokens = { b: number }
  const values: Values = { now: request.now ?? null }
  let rows = 0
  let rounds = 0
  for (const step of model.steps) {
    switch (step.kind) {
      case 'statement': {
        const written = await run(session, step.statement, tokens, values)
        if (isOutput(model, step.makes)) rows = written
        break
      }
      case 'phones':
        await parsePhones(session, step.phones, tokens)
        break
      case 'contract':
        rounds = await contract(session, step.contraction, tokens)
        break
    }
  }
  const counts = model.summary === undefined ? {} : ((await session.first({ statement: model.summary, tokens })) ?? {})
  return { model, rows, ms: clock.now() - started, rounds, counts }
}

async function run(session: Session, statement: Statement, tokens: Tokens, values: Values): Promise<number> {
  const [result] = await session.script([{ statement, tokens, values }])
  return result?.rows ?? 0
}

function isOutput(model: Model, table: Table | undefined): boolean {
  return table !== undefined && model.output !== undefined && printName(table.name) === printName(model.output.name)
}

/** The tables that a step leaves. */
export function tablesOf(step: Step): readonly Table[] {
  switch (step.kind) {
    case 'statement':
      return step.makes === undefined ? [] : [step.makes]
    case 'phones':
      return [step.phones.missing]
    case 'contract':
      return [step.contraction.result]
  }
}
