import { compileModels, withDataTests } from './arrange.ts'
import { tablesOf } from './build.ts'
import { diffStatements } from './catalog/diff.ts'
import type { Context } from './compile/context.ts'
import { explainScript } from './compile/identity/explain-script.ts'
import { graphTables } from './compile/identity/state.ts'
import { clockTable } from './compile/names.ts'
import { type Script, scriptOf } from './compile/print.ts'
import { compilePublish } from './compile/publish.ts'
import { compileState } from './compile/state.ts'
import type { Connectors } from './connectors/connector.ts'
import { dropBuildTable } from './publish.ts'
import { ledgerStatements } from './sync/statements.ts'
import { forgetSandbox } from './syncs.ts'

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
    withDrops(context, explainScript(context)),
    ...[...project.syncs.values()].flatMap((sync): Script[] => {
      const destination = project.destinations.get(sync.destination)
      const connector = destination && connectors.get(destination.type)
      if (connector === undefined) return []
      const statements = ledgerStatements({ context, sync, schema: project.schemas.state, connector })
      return [
        { name: `syncs/${sync.name}`, title: `sync: ${sync.name} to ${sync.destination}`, parts: [{ statements }] },
      ]
    }),
  ]
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
