import { resolve } from 'node:path'
import type { Request } from '../environment.ts'
import { CdpError, type Diagnostic, problem } from '../error.ts'
import { lengthOf, parseDuration } from '../project/time.ts'
import { LOG_LEVELS, type LogLevel } from './progress.ts'

/** The options that every command of a project takes, as they were written. */
export interface Options {
  readonly target?: string
  readonly projectDir?: string
  readonly select?: readonly string[]
  readonly exclude?: readonly string[]
  readonly vars?: readonly string[]
  readonly now?: string
  readonly threads?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly logLevel?: string
  readonly color?: boolean
  readonly sandbox?: boolean
  readonly dryRun?: boolean
  readonly fullRefresh?: boolean
  readonly maxChanges?: string
  readonly due?: boolean
  readonly wait?: string
}

/** What the options ask for. Throws CdpError `command/arguments` with everything that cannot stand. */
export async function requestOf(options: Options): Promise<Request> {
  const problems: Diagnostic[] = []
  const request: Request = {
    directory: resolve(options.projectDir ?? '.'),
    target: options.target,
    vars: await varsOf(options.vars ?? [], problems),
    now: timeOf(options.now, problems),
    select: options.select ?? [],
    exclude: options.exclude ?? [],
    sandbox: options.sandbox ?? false,
    dryRun: options.dryRun ?? false,
    fullRefresh: options.fullRefresh ?? false,
    due: options.due ?? false,
    wait: secondsOf('--wait', options.wait, problems),
    maxChanges: wholeNumber('--max-changes', options.maxChanges, 0, problems),
    threads: wholeNumber('--threads', options.threads, 1, problems),
  }
  if (problems.length > 0) throw new CdpError('project', problems)
  return request
}

/** The level of `--log-level`; `warn` where it is not given. Throws CdpError `command/arguments`. */
export function logLevelOf(options: Options): LogLevel {
  const level = LOG_LEVELS.find((one) => one === (options.logLevel ?? 'warn'))
  if (level !== undefined) return level
  const message = `"${options.logLevel}" in --log-level is no level.`
  throw new CdpError('project', [wrong(message, `Use one of ${LOG_LEVELS.join(', ')}.`)])
}

/** The number of `--limit`, or of another option. Throws CdpError `command/arguments` where it is none of at least 1. */
export function limitOf(written: string | undefined, fallback: number, option = '--limit'): number {
  if (written === undefined) return fallback
  const value = /^\d{1,6}$/.test(written) ? Number(written) : 0
  if (value > 0) return value
  const message = `"${written}" in ${option} is no whole number of at least 1.`
  throw new CdpError('project', [wrong(message, `Write it like ${option} 20.`)])
}

function wrong(message: string, fix: string): Diagnostic {
  return problem('command/arguments', message, undefined, fix)
}

const PAIR = /^([A-Za-z_][\w.-]*)=(.*)$/s

async function varsOf(written: readonly string[], problems: Diagnostic[]): Promise<Record<string, string>> {
  const vars: [string, string][] = []
  for (const text of written) {
    const [, name, value] = PAIR.exec(text) ?? []
    if (name !== undefined && value !== undefined) vars.push([name, value])
    else vars.push(...(await mappingOf(text, problems)))
  }
  return Object.fromEntries(vars)
}

/** The pairs of a YAML or JSON mapping; a plain value keeps its characters, so `01000` stays what it is. */
async function mappingOf(text: string, problems: Diagnostic[]): Promise<readonly [string, string][]> {
  const { isMap, isScalar, parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const pairs = document.errors.length === 0 && isMap(document.contents) ? document.contents.items : undefined
  const vars = pairs?.map(({ key, value }): [string, string] | undefined =>
    isScalar(key) && isScalar(value) ? [String(key.value), plainText(value)] : undefined,
  )
  if (vars?.every((pair) => pair !== undefined)) return vars
  problems.push(
    wrong(`"${text}" in --vars gives no names and values.`, 'Write --vars name=value, or --vars "{name: value}".'),
  )
  return []
}

function plainText(scalar: { readonly type?: unknown; readonly source?: string; readonly value: unknown }): string {
  return scalar.type === 'PLAIN' && scalar.source !== undefined ? scalar.source : String(scalar.value ?? '')
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

function timeOf(text: string | undefined, problems: Diagnostic[]): string | undefined {
  if (text === undefined || (INSTANT.test(text) && !Number.isNaN(Date.parse(text)))) return text
  problems.push(wrong(`"${text}" in --now is no time with a zone.`, 'Write it like 2026-11-01T08:00:00Z.'))
  return undefined
}

/** A duration in seconds. */
function secondsOf(option: string, text: string | undefined, problems: Diagnostic[]): number | undefined {
  if (text === undefined || text === '0') return text === undefined ? undefined : 0
  const duration = parseDuration(text)
  const seconds = duration && lengthOf(duration)
  if (seconds === undefined)
    problems.push(wrong(`"${text}" in ${option} is no duration.`, `Write it like ${option} 10m.`))
  return seconds
}

function wholeNumber(
  option: string,
  text: string | undefined,
  least: number,
  problems: Diagnostic[],
): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least) return value
  problems.push(wrong(`"${text}" in ${option} is no whole number of at least ${least}.`, `Write it like ${option} 4.`))
  return undefined
}
