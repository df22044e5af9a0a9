import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type CdpError, failure } from '../error.ts'
import { apply as applyPlan, plan as planRun } from '../plan.ts'
import { type PlanFile, type PlanReport, planFile } from '../plan-report.ts'
import { writeJson } from './artifacts.ts'
import { atDesk, type Call, type Desk } from './command.ts'
import { printFailure } from './print-diagnostics.ts'
import { printPlan } from './print-plan.ts'
import { show, writeArtifacts } from './run.ts'

/** `cdp plan`: what a run would do. The exit code is that of the report. */
export function plan(
  call: Call<Call['options'] & { readonly output?: string; readonly showValues?: boolean }>,
): Promise<number> {
  return atDesk(call, async (desk) => {
    const { output, showValues, json } = call.options
    // Personal values never reach a file or a pipe: there they would stay.
    const open = showValues === true && desk.screen.watched.out && !json
    const report = await planRun(desk.request, desk.environment, { keep: output !== undefined, showValues: open })
    if (output !== undefined && report.plan !== undefined) await writeJson(resolve(output), report.plan)
    tell(desk, report, output)
    if (showValues && !open) desk.screen.tell(['--show-values works on a terminal only; personal values are hidden.'])
    return report.exit_code
  })
}

function tell({ call, screen, seen }: Desk, report: PlanReport, output: string | undefined): void {
  for (const each of seen.failures) screen.tell(printFailure(each, screen.err))
  if (call.options.json) screen.document(report)
  else if (report.exit_code !== 2 && !call.options.quiet) {
    const told = new Set(seen.failures.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message)))
    screen.print(printPlan(report, { page: screen.out, told, next: nextOf(report, output) }))
  }
}

function nextOf({ plan: file }: PlanReport, output: string | undefined): readonly string[] {
  if (file === undefined || output === undefined) return []
  const override = file.blocked ? ` --override ${file.plan_id}` : ''
  const why = file.blocked
    ? 'Only if what the guards say is right'
    : 'To publish and send exactly this, within 48 hours'
  return [`${why}: cdp apply ${output}${override}`]
}

/** `cdp apply <plan.json>`: publishes and sends exactly that plan, or refuses it as stale. */
export function apply(call: Call<Call['options'] & { readonly override?: string }>): Promise<number> {
  return atDesk(call, async (desk) => {
    const file = await readPlanFile(call.args[0] ?? '')
    const { override } = call.options
    if (override !== undefined && override !== file.plan_id)
      throw failure(
        'project',
        'command/arguments',
        `"${override}" in --override is not the plan in "${call.args[0]}".`,
        `That one is ${file.plan_id}. Look at it first: what is overridden is remembered under its id.`,
      )
    const report = await applyPlan(desk.request, desk.environment, { file, override: override !== undefined })
    await writeArtifacts(desk, report)
    show(desk, report)
    return report.exit_code
  })
}

/** Throws CdpError `command/arguments` where the file is no plan. */
async function readPlanFile(path: string): Promise<PlanFile> {
  const wrong = (message: string, cause?: unknown): CdpError =>
    failure('project', 'command/arguments', message, 'Make one with cdp plan -o plan.json.', cause)
  const text = await readFile(resolve(path), 'utf8').catch((cause: unknown) => {
    throw wrong(`The plan "${path}" cannot be read.`, cause)
  })
  try {
    return planFile.parse(JSON.parse(text))
  } catch (cause) {
    throw wrong(`"${path}" is no plan of this release.`, cause)
  }
}
