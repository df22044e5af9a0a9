import type { At, Code, Diagnostic } from '../error.ts'
import { load } from './load.ts'
import type { Project } from './project.ts'
import { resolve } from './resolve.ts'
import { type Registries, validate } from './validate.ts'
import { secretFiles } from './variables.ts'

/** What a project is read for. */
export interface ProjectRequest {
  /** The folder that holds cdp.config.yaml. */
  readonly directory: string
  /** The name of a warehouse; default: what the config says. */
  readonly target?: string | undefined
  /** Values that override `vars:`. */
  readonly vars?: Readonly<Record<string, string>>
  /** Overrides `now:`; ISO 8601. */
  readonly now?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly registries: Registries
  /** Under `--sandbox` an unset secret of a destination is worth no warning. */
  readonly sandbox?: boolean
}

/**
 * A project as its files say, and everything that is wrong with them, by file and line. The project is there only
 * where nothing is an error.
 */
export async function readProject(
  request: ProjectRequest,
): Promise<{ readonly project: Project | undefined; readonly diagnostics: readonly Diagnostic[] }> {
  const { env, registries } = request
  const files = secretFiles(request.directory)
  const loaded = load(request.directory, { env, files, ...(request.vars && { vars: request.vars }) })
  const validated = validate(loaded)
  const unread = new Set(
    loaded.diagnostics.flatMap(({ code, at }) => (code.startsWith('yaml/') && at ? [at.file] : [])),
  )
  // Names of a file that could not be read would all be reported as unknown, and its keys as missing.
  if (unread.size > 0) {
    const sure = validated.diagnostics.filter(({ at }) => at && !unread.has(at.file))
    return { project: undefined, diagnostics: inOrder([...loaded.diagnostics, ...sure]) }
  }
  const { target, now, sandbox } = request
  const { project, diagnostics } = resolve(validated, { values: { env, files }, registries, target, now, sandbox })
  const all = inOrder([...loaded.diagnostics, ...validated.diagnostics, ...diagnostics])
  const isSound = all.every((one) => one.severity === 'warning')
  return { project: project && isSound ? { ...project, warnings: all } : undefined, diagnostics: all }
}

/** Each problem once, by file and place, with literal secrets hidden in every line that is shown. */
function inOrder(problems: readonly Diagnostic[]): readonly Diagnostic[] {
  const once = [...new Map(problems.map((one) => [keyOf(one), one])).values()]
  const causes = once.flatMap(({ code, at }) => (CAUSES.includes(code) && at ? [{ code, at }] : []))
  const secrets = once.flatMap(({ code, at }) => (code === 'project/literal-secret' && at ? [at] : []))
  const shown = once
    .filter((one) => !causes.some((cause) => follows(one, cause)))
    .map((one) => (one.at ? { ...one, at: secrets.reduce(withoutSecret, one.at) } : one))
  return shown.sort((a, b) => compare(a.at, b.at))
}

/** A reference without a value is text that fits nowhere: what is said of it there is no news. The first is the cause. */
const CAUSES: readonly Code[] = ['project/unset-variable', 'project/bad-reference']

function follows({ code, at }: Diagnostic, cause: { readonly code: Code; readonly at: At }): boolean {
  const isCause = CAUSES.includes(code) && CAUSES.indexOf(code) <= CAUSES.indexOf(cause.code)
  if (!at || isCause || at.file !== cause.at.file || at.line !== cause.at.line) return false
  return at.column < cause.at.column + cause.at.length && cause.at.column < at.column + at.length
}

function keyOf({ code, message, at }: Diagnostic): string {
  return JSON.stringify([code, message, at?.file, at?.line, at?.column])
}

/** The place with a literal secret of the same line hidden in the line's text. */
function withoutSecret(at: At, secret: At): At {
  if (at.file !== secret.file || at.line !== secret.line) return at
  const from = secret.column - 1
  const to = from + secret.length
  return { ...at, text: `${at.text.slice(0, from)}${'*'.repeat(secret.length)}${at.text.slice(to)}` }
}

function compare(a: At | undefined, b: At | undefined): number {
  if (!a || !b) return Number(a !== undefined) - Number(b !== undefined)
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}
