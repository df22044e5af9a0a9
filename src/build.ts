import { contract } from './build/contract.ts'
import { type DataTestOutcome, runDataTests } from './build/data-tests.ts'
import { checkGuard } from './build/guard.ts'
import { judge } from './build/judging.ts'
import { parsePhones } from './build/phones.ts'
import { recall } from './build/recall.ts'
import { type Surveyed, survey } from './build/survey.ts'
import type { Model, StatementStep, Step, Survey, TestScan, When } from './compile/model.ts'
import type { BuildState } from './compile/state.ts'
import { CdpError, type Diagnostic } from './error.ts'
import { printName, type Table, type Tokens, type Values } from './sql/sql.ts'
import type { Row, Session } from './warehouses/warehouse.ts'
import type { Clock } from './world.ts'

/** One computation of all models, beside what readers see. */
export interface Build {
  readonly number: number
  readonly models: readonly Built[]
  /** Parameters that were found out while building; publishing needs them again. */
  readonly values: Values
  /** What identity guards would have refused, where they were ignored: such a build is never published. */
  readonly refusals: readonly Diagnostic[]
}

/** What became of one model. */
export interface Built {
  readonly model: Model
  /** Rows of its output table; 0 where it has none. */
  readonly rows: number
  readonly ms: number
  /** Rounds that an identity graph took. */
  readonly rounds: number
  /** Whether an identity graph was solved whole. */
  readonly whole: boolean
  readonly counts: Row
}

export interface BuildRequest {
  readonly session: Session
  readonly state: BuildState
  readonly clock: Clock
  readonly runId: string
  /** The project's business time; undefined = the warehouse's. */
  readonly now: string | undefined
  /** Parameters that models ask for: see `Model`. */
  readonly values?: Values
  /** Reads every source whole and solves every graph anew; ids are carried all the same. */
  readonly fullRefresh?: boolean
  /** Goes on where an identity guard stops a build, and says so in `refusals`. Nothing may be published then. */
  readonly ignoreGuards?: boolean
  /** Told what became of data tests, before one that fails ends the build. */
  readonly tested?: (outcomes: readonly DataTestOutcome[]) => void
  /** Called before each model and after it. */
  readonly progress?: (model: Model, done: Built | undefined) => void
}

/** Computes models in order into tables of a new build number. Readers see nothing of it; a failure leaves no trace but them. */
export async function build(models: readonly Model[], request: BuildRequest): Promise<Build> {
  const tokens = await begin(models, request)
  const built: Built[] = []
  const refusals: Diagnostic[] = []
  const asked = models.flatMap(({ parameters = [] }) => parameters.map((name) => [name, null] as const))
  let values: Values = { ...Object.fromEntries(asked), ...request.values, now: request.now ?? null }
  for (const model of models) {
    request.progress?.(model, undefined)
    const done = await make(model, tokens, values, request)
    refusals.push(...done.refusals)
    values = done.values
    built.push(done.built)
    request.progress?.(model, done.built)
  }
  return { number: tokens.b, models: built, values, refusals }
}

/** Makes the tables in which the tool remembers, where they are missing. */
export async function createState(session: Session, state: BuildState): Promise<void> {
  await session.script(state.create.map((statement) => ({ statement })))
}

/** The number of the build, and of the one that readers see. */
interface BuildTokens extends Tokens {
  readonly b: number
}

async function begin(models: readonly Model[], { session, state, runId }: BuildRequest): Promise<BuildTokens> {
  await createState(session, state)
  await session.script([{ statement: state.begin, values: { run_id: runId } }])
  const row = await session.first({ statement: state.number, values: { run_id: runId } })
  const number = Number(row?.build)
  const published = await session.first({ statement: state.published })
  const tokens = { b: number, ...(published && { p: Number(published.build) }) }
  const names = models
    .flatMap((model) => model.steps.flatMap(tablesOf))
    .map((table) => ({ name: printName(table.name, tokens) }))
  await session.script([{ statement: state.note, values: { build: number, tables: JSON.stringify(names) } }])
  return tokens
}

async function make(
  model: Model,
  tokens: BuildTokens,
  given: Values,
  request: BuildRequest,
): Promise<{ readonly built: Built; readonly values: Values; readonly refusals: readonly Diagnostic[] }> {
  const { session, clock } = request
  const refusals: Diagnostic[] = []
  const guard = { ignored: request.ignoreGuards ?? false, refusals }
  const started = clock.now()
  let surveyed: Surveyed = { whole: true, values: given }
  let rows = 0
  let rounds = 0
  for (const step of stretches(model.steps)) {
    switch (step.kind) {
      case 'statements': {
        const due = step.steps.filter(({ when }) => isDue(when, surveyed))
        const written = await run(session, due, { tokens, ...surveyed })
        const output = due.findIndex((one) => isOutput(model, one.makes))
        if (output >= 0) rows = written[output]?.rows ?? 0
        break
      }
      case 'survey': {
        const options = { tokens, fullRefresh: request.fullRefresh ?? false }
        const found =
          (await guarded(guard, () => survey(session, step.survey, options))) ??
          (await survey(session, withoutGuard(step.survey), options))
        surveyed = { whole: found.whole, values: { ...given, ...found.values } }
        break
      }
      case 'recall':
        surveyed = {
          ...surveyed,
          values: { ...surveyed.values, ...(await recall(session, step.recall, tokens, surveyed.values)) },
        }
        break
      case 'phones':
        await parsePhones(session, step.phones, tokens, surveyed.values)
        break
      case 'contract':
        rounds = await contract(session, step.contraction, tokens, surveyed)
        break
      case 'judge':
        await judge(session, step.judgement, tokens)
        break
      case 'tests':
        await checkData(step.scans, tokens, request)
        break
    }
  }
  const { whole, values } = surveyed
  const bound = model.summary && { statement: model.summary, tokens, values }
  const counts = bound === undefined ? {} : ((await session.first(bound)) ?? {})
  if (model.guard !== undefined) {
    const limits = model.guard
    await guarded(guard, async () => checkGuard(model.name, limits, counts))
  }
  return { built: { model, rows, ms: clock.now() - started, rounds, whole, counts }, values, refusals }
}

/** Throws CdpError `test/failed` with every test of severity `error` that fails. */
async function checkData(scans: readonly TestScan[], tokens: Tokens, request: BuildRequest): Promise<void> {
  const outcomes = await runDataTests(request.session, scans, tokens)
  request.tested?.(outcomes)
  const failed = outcomes.flatMap(({ status, problem }) => (status === 'error' && problem ? [problem] : []))
  if (failed.length > 0) throw new CdpError('warehouse', failed)
}

/** What the work gives; undefined where a guard refuses it and guards are ignored. Other failures are thrown. */
async function guarded<T>(
  { ignored, refusals }: { readonly ignored: boolean; readonly refusals: Diagnostic[] },
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    const isGuard = thrown instanceof CdpError && thrown.diagnostics.every(({ code }) => code.startsWith('identity/'))
    if (!ignored || !isGuard) throw thrown
    refusals.push(...thrown.diagnostics)
    return undefined
  }
}

function withoutGuard(survey: Survey): Survey {
  return { ...survey, sources: survey.sources.map((source) => ({ ...source, mayBeEmpty: true })) }
}

type Stretch = Exclude<Step, StatementStep> | { readonly kind: 'statements'; readonly steps: readonly StatementStep[] }

/** Statements that follow each other are one stretch. */
function stretches(steps: readonly Step[]): readonly Stretch[] {
  const found: Stretch[] = []
  for (const step of steps) {
    const last = found.at(-1)
    if (step.kind !== 'statement') found.push(step)
    else if (last?.kind === 'statements') found.splice(-1, 1, { ...last, steps: [...last.steps, step] })
    else found.push({ kind: 'statements', steps: [step] })
  }
  return found
}

/**
 * Runs a stretch. A build of changes is many small statements: in one script they cost one commit where the warehouse
 * has transactions. What a whole build makes is large, and a warehouse may hold in memory what is not committed yet.
 */
async function run(
  session: Session,
  steps: readonly StatementStep[],
  { whole, tokens, values }: { readonly whole: boolean; readonly tokens: Tokens; readonly values: Values },
): Promise<readonly { readonly rows: number }[]> {
  const statements = steps.map(({ statement }) => ({ statement, tokens, values }))
  if (!whole) return session.script(statements)
  const results: { readonly rows: number }[] = []
  for (const statement of statements) results.push(...(await session.script([statement])))
  return results
}

function isDue(when: When | undefined, { whole, values }: Surveyed): boolean {
  if (when === undefined) return true
  if (typeof when === 'string') return (when === 'whole') === whole
  return ((values[when.parameter] ?? null) === null) === when.isNull
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
    case 'survey':
      return [step.survey.makes]
    case 'recall':
      return []
    case 'judge':
      return [step.judgement.verdicts, step.judgement.refused]
    case 'tests':
      return []
  }
}
