import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type CdpError, failure } from '../error.ts'
import { apply as applyPlan, plan as planRun } from '../plan.ts'
import { type PlanFile, type PlanReport, planFile } from '../plan-report.ts'
import { writeJson, writeText } from './artifacts.ts'
import { atDesk, type Call, type Desk } from './command.ts'
import { visible } from './layout.ts'
import { planPage } from './plan-page.ts'
import { printFailure } from './print-diagnostics.ts'
import { printPlan } from './print-plan.ts'
import { show, writeArtifacts } from './run.ts'

interface Asked {
  readonly output?: string
  /** True: in its usual place. */
  readonly html?: string | true
  readonly showValues?: boolean
}

/** `cdp plan`: what a run would do. The exit code is that of the report. */
export function plan(call: Call<Call['options'] & Asked>): Promise<number> {
  return atDesk(call, async (desk) => {
    const { output, html, showValues, json } = call.options
    // Personal values never reach a file or a pipe: there they would stay.
    const open = showValues === true && desk.screen.watched.out && !json && html === undefined
    const asked = { keep: output !== undefined, showValues: open, moves: html !== undefined }
    const report = await planRun(desk.request, desk.environment, asked)
    if (output !== undefined && report.plan !== undefined) await writeJson(resolve(output), report.plan)
    const page = html === undefined ? undefined : await writePage(desk, report, { html, output })
    tell(desk, report, { output, page })
    if (showValues && !open)
      desk.screen.tell(['--show-values works on a terminal only, and not with --html; personal values are hidden.'])
    return report.exit_code
  })
}

/** Writes the page of a plan and returns its path as it is said; undefined where there was nothing to look at. */
async function writePage(
  { request, seen }: Desk,
  report: PlanReport,
  { html, output }: { readonly html: string | true; readonly output: string | undefined },
): Promise<string | undefined> {
  const { project } = seen
  if (project === undefined || ![0, 1, 4].includes(report.exit_code)) return undefined
  const path = html === true ? join(request.directory, '.cdp', 'plan.html') : resolve(html)
  await writeText(path, planPage({ report, project, output }))
  const near = relative('', path)
  return near.startsWith('..') ? path : near
}

interface Written {
  readonly output: string | undefined
  readonly page: string | undefined
}

function tell({ call, screen, seen }: Desk, report: PlanReport, { output, page }: Written): void {
  for (const each of seen.failures) screen.tell(printFailure(each, screen.err))
  const looked = page === undefined ? [] : [`To be looked at: ${visible(page)}`]
  if (call.options.json) {
    screen.document(report)
    screen.tell(looked)
  } else if (report.exit_code !== 2 && !call.options.quiet) {
    const told = new Set(seen.failures.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message)))
    const next = [...looked, ...nextOf(report, output)]
    screen.print(printPlan(report, { page: screen.out, told, next }))
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
