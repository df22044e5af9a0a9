import { type Diagnostic, nearest, problem, warning } from '../error.ts'
import type { Warehouse } from '../warehouses/warehouse.ts'
import { accountOf } from './accounts.ts'
import { fromProfile, isProfile } from './dbt-profile.ts'
import type { Duration } from './language.ts'
import type { ChosenTarget, Project } from './project.ts'
import type { ConfigShape } from './schema.ts'
import { parseDuration, parseTime } from './time.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import type { Registries } from './validate.ts'
import type { Values } from './variables.ts'

/** What the config says, with its defaults. */
export interface Settings extends Pick<Project, 'name' | 'schemas' | 'timezone' | 'phoneCountry' | 'now' | 'history'> {
  readonly target: ChosenTarget | undefined
  /** Undefined where the target's type is not known. */
  readonly warehouse: Warehouse<unknown> | undefined
  readonly targets: readonly string[]
  readonly exclude: readonly Scalar[]
  /** Whether a database, as dbt names it, is the one that the target connects to. */
  readonly isOwnDatabase: (name: string) => boolean
}

export interface SettingsRequest {
  readonly target?: string | undefined
  readonly now?: string | undefined
  readonly values: Values
  readonly registries: Registries
  /** The folder of the dbt project beside this one, from the project root. */
  readonly dbtFolder: string
}

export function resolveSettings(config: ConfigShape, request: SettingsRequest, problems: Diagnostic[]): Settings {
  const timezone = zone(config.defaults?.timezone, problems)
  const { target, warehouse } = targetOf(config, request, problems)
  return {
    name: config.name,
    target,
    warehouse,
    isOwnDatabase: (name) => target !== undefined && warehouse?.isOwnDatabase?.(target.options, name) === true,
    targets: config.warehouses.map(({ key }) => key.text),
    schemas: schemas(config, problems),
    timezone,
    phoneCountry: country(config.defaults?.phone_country, problems),
    now: now(config.now, request.now, timezone, problems),
    history: history(config.defaults?.history, problems),
    exclude: config.defaults?.exclude ?? [],
  }
}

function targetOf(
  config: ConfigShape,
  request: SettingsRequest,
  problems: Diagnostic[],
): Pick<Settings, 'target' | 'warehouse'> {
  const only = config.warehouses.length === 1 ? config.warehouses[0]?.key.text : undefined
  const name = request.target ?? config.warehouse?.text ?? only
  const chosen = config.warehouses.find(({ key }) => key.text === name)
  for (const { key, value } of config.warehouses)
    if (key.text !== name && !isProfile(value)) typeOf(key, value, false, request, problems)
  if (chosen) {
    const written = isProfile(chosen.value)
      ? fromProfile(chosen.value, { values: request.values, dbtFolder: request.dbtFolder, problems })
      : chosen.value
    return written ? optionsOf(chosen.key, written, request, problems) : { target: undefined, warehouse: undefined }
  }
  const known = config.warehouses.map(({ key }) => key.text)
  const at = request.target === undefined ? config.warehouse?.at() : undefined
  const close = name === undefined ? undefined : nearest(name, known)
  const fix = close ? `Did you mean "${close}"?` : known.length > 0 ? `Known targets: ${known.join(', ')}.` : undefined
  const message = name === undefined ? `No target is chosen.` : `Target "${name}" is not defined.`
  problems.push(problem('ref/unknown-target', message, at, fix))
  return { target: undefined, warehouse: undefined }
}

function optionsOf(
  key: Scalar,
  node: Node,
  { values, registries }: SettingsRequest,
  problems: Diagnostic[],
): Pick<Settings, 'target' | 'warehouse'> {
  const type = typeOf(key, node, true, { registries }, problems)
  const warehouse = type === undefined ? undefined : registries.warehouses.get(type)
  if (type === undefined || !warehouse || node.kind !== 'dict') return { target: undefined, warehouse }
  const options: Dict = { ...node, entries: node.entries.filter((entry) => entry.key.text !== 'type') }
  const what = `Warehouse "${key.text}"`
  const account = accountOf(options, warehouse.options, { problems, what, at: key.at(), values, unset: 'warn' })
  return {
    target: account && { name: key.text, type, options: account.value, secrets: account.secrets },
    warehouse,
  }
}

/** The type of a warehouse. One that is not known matters only where it is chosen. */
function typeOf(
  key: Scalar,
  node: Node,
  chosen: boolean,
  { registries }: Pick<SettingsRequest, 'registries'>,
  problems: Diagnostic[],
): string | undefined {
  const type = node.kind === 'dict' ? child(node, 'type') : undefined
  if (node.kind !== 'dict') {
    problems.push(problem('project/wrong-type', `"${key.text}" takes a map with \`type:\`.`, key.at()))
    return undefined
  }
  if (type?.kind !== 'scalar' || type.isNull) {
    problems.push(problem('project/missing-key', `Warehouse "${key.text}" needs "type".`, key.at()))
    return undefined
  }
  const known = [...registries.warehouses.keys()]
  if (known.includes(type.text)) return type.text
  const close = nearest(type.text, known)
  const fix = close ? `Did you mean "${close}"?` : `Known types: ${known.join(', ')}.`
  const message = `This version knows no warehouse of type "${type.text}".`
  problems.push((chosen ? problem : warning)('project/not-supported', message, type.at(), fix))
  return undefined
}

function schemas(config: ConfigShape, problems: Diagnostic[]): Settings['schemas'] {
  const { models, state } = config.schemas ?? {}
  for (const one of [models, state])
    if (one && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(one.text))
      problems.push(problem('project/bad-name', `"${one.text}" cannot be the name of a schema.`, one.at()))
  const names = { models: models?.text ?? 'cdp', state: state?.text ?? '_cdp' }
  if (names.models.toLowerCase() === names.state.toLowerCase())
    problems.push(
      problem(
        'project/bad-name',
        'Models and state need two schemas.',
        (state ?? models)?.at(),
        'Name another schema.',
      ),
    )
  return names
}

function zone(written: Scalar | undefined, problems: Diagnostic[]): string {
  if (!written) return 'UTC'
  try {
    return new Intl.DateTimeFormat('en', { timeZone: written.text }).resolvedOptions().timeZone
  } catch {
    const close = nearest(written.text, Intl.supportedValuesOf('timeZone'))
    const fix = close ? `Did you mean "${close}"?` : 'Write a name such as Europe/Paris.'
    problems.push(problem('project/wrong-type', `"${written.text}" is no time zone.`, written.at(), fix))
    return 'UTC'
  }
}

function country(written: Scalar | undefined, problems: Diagnostic[]): string | undefined {
  if (!written) return undefined
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
  if (/^[A-Z]{2}$/.test(written.text) && names.of(written.text)) return written.text
  const fix = 'Write two capital letters, such as FR.'
  problems.push(problem('project/wrong-type', `"${written.text}" is no country.`, written.at(), fix))
  return undefined
}

/** Two years: enough to compare a season with that of the year before. */
const HISTORY: Duration = { amount: 730, unit: 'day' }

function history(written: Scalar | undefined, problems: Diagnostic[]): Duration {
  const duration = written && parseDuration(written.text)
  if (written && !duration)
    problems.push(problem('project/wrong-type', `"${written.text}" is no duration.`, written.at(), 'Write 730 days.'))
  return duration ?? HISTORY
}

function now(
  written: Scalar | undefined,
  given: string | undefined,
  timezone: string,
  problems: Diagnostic[],
): string | undefined {
  const text = given ?? written?.text
  if (text === undefined) return undefined
  const instant = instantOf(text, timezone)
  if (instant !== undefined) return instant
  const fix = 'Write 2026-11-01T08:00:00Z.'
  const message = `"${text}" is no time.`
  if (given !== undefined) problems.push(problem('command/arguments', message, undefined, fix))
  else problems.push(problem('project/wrong-type', message, written?.at(), fix))
  return undefined
}

/** A written time as an instant in ISO 8601, a day as its beginning; undefined where it is no time. */
export function instantOf(text: string, timezone: string): string | undefined {
  const time = parseTime(text, timezone)
  const whole = time && time !== 'impossible' && time.kind === 'date' ? parseTime(`${text}T00:00`, timezone) : time
  return whole && whole !== 'impossible' ? whole.iso : undefined
}
