import { arrange, compileModels } from '../arrange.ts'
import { build } from '../build.ts'
import type { Context } from '../compile/context.ts'
import { compileState } from '../compile/state.ts'
import { forgetMembers, GIVEN, givenTables, rememberStatement } from '../compile/unit-tests.ts'
import { CdpError, problem } from '../error.ts'
import type { Project } from '../project/project.ts'
import type { UnitTest } from '../project/unit-test.ts'
import type { Session } from '../warehouses/warehouse.ts'
import type { Bench, Built, Compiled } from './bench.ts'
import { narrow } from './narrow.ts'
import { formsIn, readPeople } from './people.ts'

/** Makes the rows of a test and builds the models that it needs. Throws CdpError where a statement fails. */
export async function buildTest(bench: Bench, project: Project, test: UnitTest): Promise<Built> {
  const { session, clock } = bench
  const narrowed = narrow(project, test)
  const compiled = bench.compiled.get(narrowed.key) ?? compile(narrowed.project, session)
  bench.compiled.set(narrowed.key, compiled)
  const { context, models } = compiled
  await makeRows(bench, context, test)
  const state = compileState(context)
  const missing = { ...state, create: state.create.filter(({ name }) => !bench.made.has(name)) }
  for (const { name } of state.create) bench.made.add(name)
  const make = async (wanted: readonly string[], state: typeof missing): Promise<Built> => {
    const request = { session, clock, state, runId: test.name, now: test.now, ignoreGuards: true }
    const { number } = await build(arrange(models, wanted), request)
    return { context, session, build: number }
  }
  if (test.before.length > 0) await remember(await make(profilesOf(test), missing), test, bench)
  return make(narrowed.wanted, test.before.length > 0 ? { ...state, create: [] } : missing)
}

/** Ends a test: what it gave to be remembered is forgotten. */
export async function endTest(bench: Bench, project: Project, test: UnitTest): Promise<void> {
  // Where nothing is made, an explanation has dropped all.
  if (test.before.length === 0 || bench.made.size === 0) return
  const context = { project, dialect: bench.session.dialect }
  await bench.session.script([{ statement: forgetMembers(context) }])
}

async function makeRows({ session }: Bench, context: Context, test: UnitTest): Promise<void> {
  const schema = { name: 'given rows', reason: 'the rows of the test', sql: context.dialect.createSchema(GIVEN) }
  await session.script([schema, ...givenTables(context, test)].map((statement) => ({ statement })))
}

function compile(project: Project, session: Session): Compiled {
  const context = { project, dialect: session.dialect }
  // Nobody reads the counts of a report here.
  return { context, models: compileModels(context).map(({ summary: _, guard: __, ...model }) => model) }
}

function profilesOf({ before }: UnitTest): readonly string[] {
  return [...new Set(before.map(({ entity }) => `profiles/${entity}`))]
}

/** Writes down who was a member: ids are the same in the next build, which reads the same rows. */
async function remember(built: Built, test: UnitTest, { forms: known }: Bench): Promise<void> {
  const { context, session, build } = built
  const forms = formsIn(context, session, known)
  const members: Parameters<typeof rememberStatement>[2][number][] = []
  for (const one of test.before) {
    const entity = context.project.entities.get(one.entity)
    if (entity === undefined) throw new Error(`entity ${one.entity} was not resolved`)
    const person = await (await readPeople(context, session, entity, { build, forms }))(one.who)
    if (person.kind !== 'one') {
      const message = `"${one.who.text}" is not one ${one.entity}, so it was no member of "${one.segment}".`
      throw new CdpError('project', [problem('ref/unknown-identifier', message, one.who.at)])
    }
    members.push({ ...one, profile: person.profile })
  }
  await session.script([{ statement: rememberStatement(context, test.now, members) }])
}
