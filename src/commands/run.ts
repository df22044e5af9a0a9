import { join } from 'node:path'
import { manifestOf } from '../catalog/manifest.ts'
import { run as runPipeline } from '../pipeline.ts'
import { failureCode, type Report } from '../report.ts'
import { writeJson } from './artifacts.ts'
import { atDesk, type Call, type Desk } from './command.ts'
import { visible } from './layout.ts'
import { printFailure } from './print-diagnostics.ts'
import { printRun } from './print-run.ts'

/** `cdp run`: the main job. The exit code is that of the report. */
export function run(call: Call): Promise<number> {
  return atDesk(call, async (desk) => {
    const report = await runPipeline(desk.request, desk.environment)
    await writeArtifacts(desk, report)
    show(desk, report)
    return report.exit_code
  })
}

/** The manifest and the last report, in `.cdp/`. Where nothing was run, the last report stays what it was. */
export async function writeArtifacts({ request, seen }: Desk, report: Report): Promise<void> {
  if (seen.project === undefined) return
  const folder = join(request.directory, '.cdp')
  await writeJson(join(folder, 'manifest.json'), manifestOf(seen.project))
  if (report.exit_code !== 2 && !isLockedOut(seen)) await writeJson(join(folder, 'run_results.json'), report)
}

/** Another run holds what this one would have to open. It will report; this one did nothing. */
function isLockedOut({ failures }: Desk['seen']): boolean {
  return failures.some((one) => failureCode(one) === 5)
}

/** Tells of a run: its failures on stderr, the report on stdout. */
export function show({ call, screen, seen }: Desk, report: Report): void {
  if (isLockedOut(seen)) {
    // Nothing is wrong: a schedule that is tighter than its work must not fill a mailbox.
    const [first] = seen.failures.flatMap(({ diagnostics }) => diagnostics)
    if (call.options.json) screen.document(report)
    else if (!call.options.quiet)
      screen.tell([visible(`Another run is at work, and nothing was done: ${lowered(first?.message ?? '')}`)])
    return
  }
  for (const failure of seen.failures) screen.tell(printFailure(failure, screen.err))
  if (call.options.json) screen.document(report)
  else if (report.exit_code !== 2 && !call.options.quiet)
    screen.print(printRun(report, { page: screen.out, failures: seen.failures, next: nextCommands(call, report) }))
}

function lowered(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}

/** What somebody may want to type after a run that went well. */
function nextCommands({ options }: Call, report: Report): readonly (readonly [command: string, why: string])[] {
  if (report.exit_code !== 0) return []
  const where = [
    ...(options.projectDir !== undefined && options.projectDir !== '.'
      ? [`--project-dir ${quoted(options.projectDir)}`]
      : []),
    ...(options.target === undefined ? [] : [`--target ${quoted(options.target)}`]),
  ]
  const line = (...words: readonly string[]) => ['cdp', ...words, ...where].join(' ')
  const [segment] = [...report.segments].sort((a, b) => b.members - a.members)
  const sandbox = report.sandbox ? ['--sandbox'] : []
  return [
    [line('run', ...sandbox), 'again: only what changed is sent'],
    ...(segment === undefined
      ? []
      : [[line('preview', segment.name), 'who is in a segment, and why the others are not'] as const]),
    [line('compile'), 'the SQL behind all this, as readable files'],
    [line('status', ...sandbox), 'what is published and what is owed'],
  ]
}

function quoted(text: string): string {
  return /^[\w./@:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
