import type { Environment, Progress, Request } from '../environment.ts'
import { asFailure, type CdpError, type Diagnostic } from '../error.ts'
import type { Project } from '../project/project.ts'
import { errorReport, failureCode, statusOf } from '../report.ts'
import { logLevelOf, type Options, requestOf } from './options.ts'
import { printDiagnostics, printFailure } from './print-diagnostics.ts'
import { type ProgressSink, progressSink } from './progress.ts'
import { openScreen, type Screen } from './screen.ts'
import type { Signals } from './signals.ts'
import { openEnvironment } from './world.ts'

/** What the entry hands to a command. */
export interface Call<O extends Options = Options> extends Signals {
  readonly name: string
  readonly options: O
  readonly args: readonly string[]
}

/** What a command works with. */
export interface Desk {
  readonly call: Call
  readonly request: Request
  readonly environment: Environment
  readonly screen: Screen
  /** What the pipeline has told on its way: the project once it is read, failures that it reports without throwing. */
  readonly seen: { readonly project?: Project; readonly failures: readonly CdpError[] }
}

/**
 * Runs a command of a project: reads its options, opens the machine, and turns a failure into lines on stderr (or the
 * document of `--json`) and an exit code.
 */
export async function atDesk(call: Call, work: (desk: Desk) => Promise<number>): Promise<number> {
  const { options } = call
  const screen = openScreen({ colour: options.color !== false, env: process.env })
  let progress: ProgressSink | undefined
  let close = async () => {}
  try {
    const request = await requestOf(options)
    const sink = progressSink(screen, logLevelOf(options), options.quiet === true)
    progress = sink
    const seen: { project?: Project; failures: CdpError[] } = { failures: [] }
    const follow = (event: Progress) => {
      if (event.kind === 'failed') seen.failures.push(event.failure)
      if (event.kind === 'resolved') seen.project = event.project
      if (event.kind === 'stage' && event.stage === 'send') call.sends()
      sink.show(event)
    }
    const opened = openEnvironment(follow, call.signal, call.hurry)
    close = opened.close
    // The line of the progress is cleared before anything else is written.
    const calm: Screen = { ...screen, ...before(sink.end, screen) }
    return await work({ call, request, environment: opened.environment, screen: calm, seen })
  } catch (thrown) {
    progress?.end()
    return fail(call, screen, asFailure(thrown))
  } finally {
    progress?.end()
    await close()
  }
}

function before(end: () => void, screen: Screen): Pick<Screen, 'print' | 'tell' | 'document'> {
  const after =
    <T>(write: (value: T) => void) =>
    (value: T) => {
      end()
      write(value)
    }
  return { print: after(screen.print), tell: after(screen.tell), document: after(screen.document) }
}

/** Says why a command failed, and returns its exit code. */
export function fail(call: Pick<Call, 'name' | 'options'>, screen: Screen, failure: CdpError): number {
  const code = failureCode(failure)
  screen.tell(printFailure(failure, screen.err))
  if (call.options.json) screen.document({ ...heading(call.name, code), errors: failure.diagnostics.map(errorReport) })
  return code
}

/** The first fields of every JSON document. */
export function heading(command: string, exitCode: number) {
  return { version: 1, command, status: statusOf(exitCode), exit_code: exitCode }
}

/** Diagnostics for a person, on stderr; with `--quiet` errors only. */
export function say({ call, screen }: Desk, diagnostics: readonly Diagnostic[]): void {
  const wanted = call.options.quiet ? diagnostics.filter(({ severity }) => severity === 'error') : diagnostics
  screen.tell(printDiagnostics(wanted, screen.err))
}
