import { dirname, isAbsolute, join } from 'node:path'
import { type At, type Diagnostic, nearest, problem } from '../error.ts'
import { sourceFile } from './place.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import type { Values } from './variables.ts'
import { parseYaml } from './yaml.ts'

/** What is needed to find a profile. */
export interface ProfileRequest {
  readonly values: Values
  /** The folder of the dbt project, from the project root. */
  readonly dbtFolder: string
  readonly problems: Diagnostic[]
}

/** Keys of a warehouse that take its connection from a profile of dbt. */
const OWN = ['dbt_profile', 'dbt_target']

/** Whether a warehouse is a profile of dbt. */
export function isProfile(node: Node): node is Dict {
  return node.kind === 'dict' && child(node, 'dbt_profile') !== undefined
}

/**
 * The options of a warehouse as our own YAML would write them, read from `profiles.yml`; what stands beside
 * `dbt_profile:` comes before what the profile says. Every place is that of `dbt_profile:`, and no line of the profile is
 * ever shown: it may hold passwords. Undefined where it cannot be read; then problems were added.
 */
export function fromProfile(node: Dict, request: ProfileRequest): Dict | undefined {
  const name = child(node, 'dbt_profile')
  if (name?.kind !== 'scalar') return undefined
  const refuse = (message: string, fix?: string) => {
    request.problems.push(problem('dbt/profile', message, name.at(), fix))
    return undefined
  }
  const profiles = profilesOf(request)
  if (profiles === undefined)
    return refuse(
      'There is no profiles.yml of dbt.',
      'Set DBT_PROFILES_DIR to its folder, or put it beside the dbt project.',
    )
  if (profiles.root?.kind !== 'dict') return refuse(`"${profiles.path}" is no file of profiles.`)
  const profile = child(profiles.root, name.text)
  if (profile?.kind !== 'dict')
    return refuse(`The profile "${name.text}" is not in "${profiles.path}".`, meant(name.text, profiles.root))
  const wanted = child(node, 'dbt_target') ?? child(profile, 'target')
  const target = wanted?.kind === 'scalar' ? withEnvironment(wanted.text, request.values) : 'default'
  const outputs = child(profile, 'outputs')
  const output = outputs?.kind === 'dict' && target !== undefined ? child(outputs, target) : undefined
  if (output?.kind !== 'dict')
    return refuse(
      `The profile "${name.text}" has no target "${target ?? ''}".`,
      outputs?.kind === 'dict' ? meant(target ?? '', outputs) : undefined,
    )
  const taken = optionsOf(output, name, request)
  const beside = node.entries.filter(({ key }) => !OWN.includes(key.text))
  const over = new Set(beside.map(({ key }) => key.text))
  return taken && { ...node, entries: [...taken.filter(({ key }) => !over.has(key.text)), ...beside] }
}

function meant(word: string, dict: Dict): string {
  const names = dict.entries.map(({ key }) => key.text)
  const close = nearest(word, names)
  return close === undefined ? `There is: ${names.join(', ')}.` : `Did you mean "${close}"?`
}

/** As dbt looks for it: where the variable says, beside the project, in the home of the user. */
function profilesOf({
  values,
  dbtFolder,
}: ProfileRequest): { readonly path: string; readonly root: Node | undefined } | undefined {
  const { DBT_PROFILES_DIR: said, HOME: home } = values.env
  const folders = said !== undefined ? [said] : [dbtFolder, ...(home === undefined ? [] : [join(home, '.dbt')])]
  for (const folder of folders) {
    const path = join(folder, 'profiles.yml')
    const text = values.files(path)
    if (text !== undefined) return { path, root: parseYaml(sourceFile(path, text)).root }
  }
  return undefined
}

type Entries = Dict['entries']

/** How an option of a dbt adapter is called here; null = it says nothing about the connection. */
type Names = Readonly<Record<string, string | null>>

const EVERYWHERE: Names = {
  type: null,
  threads: null,
  schema: null,
  dataset: null,
  retries: null,
  connect_retries: null,
}

const ADAPTERS: Readonly<Record<string, Names>> = {
  postgres: {
    ...EVERYWHERE,
    ...{ host: 'host', port: 'port', user: 'user', pass: 'password', password: 'password' },
    ...{ dbname: 'database', database: 'database', sslmode: 'ssl', keepalives_idle: null, connect_timeout: null },
  },
  duckdb: { ...EVERYWHERE, path: 'path', database: null, extensions: null, settings: null },
  bigquery: {
    ...EVERYWHERE,
    ...{ project: 'project', database: 'project', location: 'location', keyfile: 'key_file', method: null },
    ...{ maximum_bytes_billed: 'maximum_bytes_billed', priority: null, job_retries: null },
    ...{ job_execution_timeout_seconds: 'job_timeout', timeout_seconds: null, job_retry_deadline_seconds: null },
  },
  snowflake: {
    ...EVERYWHERE,
    ...{
      account: 'account',
      user: 'user',
      password: 'password',
      role: 'role',
      warehouse: 'warehouse',
      database: 'database',
    },
    ...{
      authenticator: 'authenticator',
      private_key: 'private_key',
      private_key_path: 'private_key_path',
      token: 'token',
    },
    ...{ private_key_passphrase: 'private_key_passphrase', query_tag: 'query_tag', client_session_keep_alive: null },
    ...{ connect_timeout: null, retry_on_database_errors: null, retry_all: null, reuse_connections: null },
  },
}

const SECRETS = new Set(['password', 'private_key', 'private_key_passphrase', 'token'])

function optionsOf(output: Dict, place: Scalar, request: ProfileRequest): Entries | undefined {
  const { problems } = request
  const type = child(output, 'type')
  const adapter = type?.kind === 'scalar' ? type.text : ''
  const names = Object.hasOwn(ADAPTERS, adapter) ? ADAPTERS[adapter] : undefined
  if (names === undefined) {
    const fix = `Profiles of ${Object.keys(ADAPTERS).join(', ')} can be used.`
    problems.push(
      problem('dbt/profile', `The profile is of type "${adapter}", which is not known here.`, place.at(), fix),
    )
    return undefined
  }
  const before = problems.length
  const entries = output.entries.flatMap(({ key, value }) => option(key.text, value, names, place, request))
  return problems.length > before
    ? undefined
    : [{ key: scalar('type', place.at), value: scalar(adapter, place.at) }, ...entries]
}

function option(key: string, value: Node, names: Names, place: Scalar, request: ProfileRequest): Entries {
  const ours = Object.hasOwn(names, key) ? names[key] : undefined
  const refuse = (message: string, fix: string): Entries => {
    request.problems.push(problem('dbt/profile', message, place.at(), fix))
    return []
  }
  if (ours === null) return []
  if (ours === undefined || value.kind !== 'scalar')
    return refuse(
      `The profile says "${key}", which is not read here.`,
      'Write the warehouse with `type:` instead of `dbt_profile:`.',
    )
  if (value.isNull) return []
  const text = withEnvironment(value.text, request.values)
  if (text === undefined)
    return refuse(
      `"${key}" of the profile holds Jinja other than env_var.`,
      "Write {{ env_var('NAME') }}, or the value itself.",
    )
  if (SECRETS.has(ours) && !/^\$\{env:\w+\}$/.test(text))
    return refuse(
      `The profile holds "${key}" itself.`,
      `Write {{ env_var('…') }} there, or ${ours}: "\${env:…}" beside \`dbt_profile:\`.`,
    )
  return [{ key: scalar(ours, place.at), value: scalar(optionText(ours, text, request), place.at) }]
}

function optionText(ours: string, text: string, { dbtFolder }: ProfileRequest): string {
  // `on` also wants a valid certificate, which is more than `require` asks: it fails rather than be read by others.
  if (ours === 'ssl') return ['require', 'verify-ca', 'verify-full'].includes(text) ? 'on' : 'off'
  const isPlace = ours === 'path' || ours === 'key_file' || ours === 'private_key_path'
  const stays = !isPlace || isAbsolute(text) || text.startsWith('$') || text === ':memory:' || text.startsWith('md:')
  return stays ? text : join(dbtFolder, text)
}

const ENV_VAR =
  /\{\{\s*env_var\(\s*(?:'([^']*)'|"([^"]*)")\s*(?:,\s*(?:'([^']*)'|"([^"]*)")\s*)?\)\s*(?:\|\s*(?:int|as_number|as_native|as_text|as_bool)\s*)?\}\}/g

/** `{{ env_var('X') }}` as `${env:X}`, or as its default where X is not set; undefined where other Jinja is left. */
function withEnvironment(text: string, { env }: Values): string | undefined {
  const replaced = text.replace(ENV_VAR, (_, single, double, first, second) => {
    const name: string = single ?? double ?? ''
    return env[name] === undefined ? (first ?? second ?? `\${env:${name}}`) : `\${env:${name}}`
  })
  return /\{\{|\{%|\{#/.test(replaced) ? undefined : replaced
}

function scalar(text: string, at: () => At): Scalar {
  return { kind: 'scalar', text, quoted: true, isNull: false, secret: /\$\{(env|file):/.test(text), at: () => at() }
}

/** The folder of the dbt project whose manifest lies at this path: `shop` for `shop/target/manifest.json`. */
export function dbtFolderOf(manifest: string): string {
  return dirname(dirname(manifest))
}
