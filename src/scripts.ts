import { compileModels, withDataTests } from './arrange.ts'
import { tablesOf } from './build.ts'
import { diffStatements } from './catalog/diff.ts'
import { answerStatements } from './catalog/explain-answers.ts'
import { entityTelling } from './compile/changes-before.ts'
import type { Context } from './compile/context.ts'
import { explainScript } from './compile/identity/explain-script.ts'
import { graphTables } from './compile/identity/state.ts'
import { notePlan, readPlan } from './compile/kept-builds.ts'
import { keptPlanTable } from './compile/kept-plan.ts'
import { knownSyncs } from './compile/ledger-log.ts'
import { ledgerTables } from './compile/ledger-tables.ts'
import { ledgerViews } from './compile/ledger-views.ts'
import { clockTable } from './compile/names.ts'
import { type Script, scriptOf } from './compile/print.ts'
import { compilePublish } from './compile/publish.ts'
import { compileState } from './compile/state.ts'
import { readStart } from './compile/sync-rows.ts'
import { withdrawalsList } from './compile/withdrawals.ts'
import type { Connector, Connectors } from './connectors/connector.ts'
import { shownIn } from './ledger-views.ts'
import type { Sync } from './project/project.ts'
import { dropBuildTable } from './publish.ts'
import { lastRun } from './sync/due.ts'
import { sampleStatement } from './sync/plan-sample.ts'
import { isWhole, ledgerStatements, matchFields } from './sync/statements.ts'
import { forgetSandbox, ledgerSchema } from './syncs.ts'

/** Everything that a run may send to the warehouse, as readable files: one a model, one a sync, and three around them. */
export function scriptsOf(context: Context, connectors: Connectors): readonly Script[] {
  const { project } = context
  const models = withDataTests(context, compileModels(context))
  const state = compileState(context)
  const tables = models.flatMap((model) => model.steps.flatMap(tablesOf))
  return [
    {
      name: 'state',
      title: 'what outlives builds, and the number of a new one',
      parts: [
        { note: 'made where missing', statements: state.create },
        { note: 'at the start of every build', statements: [state.begin, state.number, state.note] },
        { note: 'for whoever asks', statements: [state.published] },
        { note: 'of a build that is to be published later', statements: [notePlan(context), readPlan(context)] },
        { note: 'under --sandbox, where its folder was deleted', statements: [forgetSandbox(context)] },
      ],
    },
    ...models.map(scriptOf),
    {
      name: 'publish',
      title: 'what makes a build visible, all or nothing',
      parts: [
        { note: 'before', statements: [state.staleViews] },
        {
          note: 'in one transaction, after dropping the views that the project no longer has',
          statements: [...compilePublish(context), ...state.noteViews],
        },
        { note: 'which tables nobody needs any more', statements: [state.stale] },
        {
          note: 'dropped with the builds that they belong to',
          statements: [...tables.map((table) => dropBuildTable(context, table)), state.forget],
        },
      ],
    },
    ledgerScript(context),
    withDrops(context, withAnswers(context, explainScript(context))),
    ...[...project.syncs.values()].flatMap((sync): Script[] => {
      const destination = project.destinations.get(sync.destination)
      const connector = destination && connectors.get(destination.type)
      if (connector === undefined) return []
      const { state: schema } = project.schemas
      const told = entityTelling(sync)
      const parts = [
        { statements: ledgerStatements({ context, sync, schema, connector }) },
        {
          note: 'of a plan that is to be looked at, or sent later',
          statements: [
            sampleStatement(context, ledgerTables(schema, sync.name), sync, undefined),
            ...(told === undefined ? [] : [sampleStatement(context, ledgerTables(schema, sync.name), sync, told)]),
            lastRun(context.dialect, ledgerTables(schema, sync.name)),
            dropBuildTable(context, keptPlanTable(project, sync.name)),
            ...(sync.rows?.startAt === 'first_run' ? [readStart(ledgerTables(schema, sync.name))] : []),
          ],
        },
        ...byHand(context, sync, connector),
      ]
      return [{ name: `syncs/${sync.name}`, title: `sync: ${sync.name} to ${sync.destination}`, parts }]
    }),
  ]
}

/** Where the destination has no act for those who may not be contacted. */
function byHand(context: Context, sync: Sync, connector: Connector<unknown, unknown>): Script['parts'] {
  if (sync.onWithdraw !== undefined || sync.mode === 'append' || isWhole({ connector, sync })) return []
  const { state: schema } = context.project.schemas
  const matches = matchFields({ context, sync, schema, connector })
  const { statement } = withdrawalsList({
    context,
    sync,
    tables: ledgerTables(schema, sync.name),
    matchFields: matches,
  })
  return [{ note: 'where somebody is to be withdrawn by hand', statements: [statement] }]
}

/** What shows the ledger to readers. A run has also the syncs that the project no longer has, where they ever ran. */
function ledgerScript(context: Context): Script {
  const syncs = [...context.project.syncs.keys()].sort()
  const parts = [false, true].map((sandbox) => {
    const ledger = ledgerSchema(context.project, { sandbox })
    const views = ledgerViews(context, { ...shownIn(context, { sandbox }), ledger, syncs })
    return { note: sandbox ? 'under --sandbox' : 'of real destinations', statements: views }
  })
  const { statement } = knownSyncs(context, ledgerTables(context.project.schemas.state, ''))
  return { name: 'ledger', title: 'what shows the ledger to readers', parts: [{ statements: [statement] }, ...parts] }
}

/** With what asks the published build about one person. */
function withAnswers(context: Context, script: Script): Script {
  const asked = [...context.project.entities.values()].map((entity) => ({
    note: `cdp explain: traits and segments of a ${entity.name}`,
    statements: answerStatements(context, entity),
  }))
  return { ...script, parts: [...script.parts, ...asked] }
}

/** With what drops the tables that only a diff makes; those of its build stand with `publish`. */
function withDrops(context: Context, script: Script): Script {
  const entities = [...context.project.entities.values()]
  const made = [
    clockTable(context.project),
    ...[...diffStatements(context, entities).values()].map(({ makes }) => makes),
  ]
  const drops = made.map((table) => dropBuildTable(context, table))
  const states = entities
    .flatMap((entity) => graphTables(context, entity))
    .map(({ table }) => dropBuildTable(context, table))
  return {
    ...script,
    parts: [
      ...script.parts,
      {
        note: 'what cdp identity diff made besides its build, states only where they are new and empty',
        statements: [...drops, ...states],
      },
    ],
  }
}
