import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Diagnostic, nearest, problem, warning } from '../error.ts'
import { type DbtNode, isManifest, type Manifest, type NoManifest, OLDEST } from './dbt-manifest.ts'
import { dbtFolderOf } from './dbt-profile.ts'
import type { TableRelation } from './relation.ts'
import type { Resolving } from './resolving.ts'
import type { Scalar } from './tree.ts'

/** The table that dbt makes of a model, or that a source of it names. Undefined where it cannot be known; then problems were added. */
export function dbtRelation(context: Resolving, written: Scalar): TableRelation | undefined {
  const read = context.dbt.manifest()
  if (!isManifest(read)) {
    context.problems.push(noManifest(read, context, written))
    return undefined
  }
  lookAtManifest(context, read)
  const found = find(context, read, written)
  if (found === undefined) return undefined
  if (found.isEphemeral) {
    const message = `The model "${found.name}" is ephemeral: dbt makes no table of it.`
    const fix = 'Give it `materialized: view` or `table` in dbt.'
    context.problems.push(problem('dbt/ephemeral', message, written.at(), fix))
    return undefined
  }
  lookAtFile(context, read, found, written)
  return tableOf(context, read, found)
}

function tableOf({ settings }: Resolving, manifest: Manifest, node: DbtNode): TableRelation {
  const { database, schema, identifier } = node
  const isOurs = database === undefined || settings.isOwnDatabase(database)
  return { kind: 'table', ...(!isOurs && { database }), schema, table: identifier, dbt: nameInDbt(manifest, node) }
}

/** As a model of dbt would write it: `ref('orders')`, `source('raw', 'orders')`. */
function nameInDbt(manifest: Manifest, { kind, name, package: owner, version }: DbtNode): string {
  if (kind === 'source') return `source(${name.split('.').map(quoted).join(', ')})`
  const before = owner === manifest.package ? [] : [quoted(owner)]
  const after = version === undefined ? [] : [`v=${/^\d+$/.test(version) ? version : quoted(version)}`]
  return `ref(${[...before, quoted(name), ...after].join(', ')})`
}

function quoted(text: string): string {
  return `'${text}'`
}

/** By `model`, `source.table`, `model.v2` or `package.model`. */
function find(context: Resolving, manifest: Manifest, written: Scalar): DbtNode | undefined {
  const wanted = written.text
  const { nodes } = manifest
  const plain = nodes.filter(({ name, isLatest }) => name === wanted && isLatest)
  const versioned = nodes.filter(({ name, version }) => version !== undefined && `${name}.v${version}` === wanted)
  const packaged = nodes.filter((one) => `${one.package}.${one.name}` === wanted && one.isLatest)
  const [found, ...more] = [plain, versioned, packaged].find((some) => some.length > 0) ?? []
  if (found !== undefined && more.length === 0) return found
  const own = [found, ...more].find((one) => one?.package === manifest.package)
  if (own !== undefined) return own
  context.problems.push(unknown(manifest, written, found === undefined ? [] : [found, ...more]))
  return undefined
}

function unknown(manifest: Manifest, written: Scalar, several: readonly DbtNode[]): Diagnostic {
  const { nodes, disabled, path } = manifest
  if (several.length > 0) {
    const names = several.map((one) => `${one.package}.${one.name}`)
    return problem(
      'ref/unknown-model',
      `Several packages of dbt have a model "${written.text}".`,
      written.at(),
      `Write one of ${names.join(', ')}.`,
    )
  }
  if (disabled.has(written.text))
    return problem(
      'ref/unknown-model',
      `The model "${written.text}" is disabled in dbt.`,
      written.at(),
      'Enable it there.',
    )
  const close = nearest(written.text, new Set(nodes.map(({ name }) => name)))
  const fix = close === undefined ? 'Run `dbt parse`, if it was added since.' : `Did you mean "${close}"?`
  const message = `The manifest "${path}" of dbt has no model, seed, snapshot or source "${written.text}".`
  return problem('ref/unknown-model', message, written.at(), fix)
}

function noManifest(read: NoManifest, { validated }: Resolving, written: Scalar): Diagnostic {
  const at = validated.config?.dbt?.manifest?.at() ?? written.at()
  const { path } = read
  switch (read.kind) {
    case 'missing':
      return problem(
        'dbt/no-manifest',
        `There is no manifest of dbt at "${path}".`,
        at,
        'Run `dbt parse` there, or say where it is: dbt: { manifest: ../shop/target/manifest.json }.',
      )
    case 'unreadable':
      return problem('dbt/unreadable', `"${path}" is no manifest of dbt.`, at, 'Run `dbt parse` to write it anew.')
    case 'too_old':
      return problem(
        'dbt/version',
        `The manifest "${path}" is of version ${read.version}, and at least ${OLDEST} is needed.`,
        at,
        'Use dbt 1.7 or later, and run `dbt parse`.',
      )
  }
}

/** dbt adapters by the type of warehouse where the two have other names. */
const ADAPTERS: Readonly<Record<string, readonly string[]>> = { postgres: ['postgres', 'redshift'] }

/** The versions whose fields are known. */
const NEWEST = 12

function lookAtManifest({ settings, validated, problems }: Resolving, manifest: Manifest): void {
  const { adapter, path, version } = manifest
  const at = validated.config?.dbt?.manifest?.at()
  const type = settings.target?.type
  if (type !== undefined && adapter !== '' && !(ADAPTERS[type] ?? [type]).includes(adapter))
    problems.push(
      warning(
        'dbt/adapter',
        `The manifest "${path}" was made for ${adapter}, and the target is of type ${type}.`,
        at,
        'Its schemas may be others there: run `dbt parse --target …` for this warehouse.',
      ),
    )
  if (version > NEWEST)
    problems.push(
      warning('dbt/version', `The manifest "${path}" is of version ${version}, which is read like ${NEWEST}.`, at),
    )
}

/** dbt keeps what a model's file was when it made the manifest. */
function lookAtFile(
  { validated, problems }: Resolving,
  manifest: Manifest,
  { file, name, package: owner }: DbtNode,
  written: Scalar,
): void {
  if (file === undefined || owner !== manifest.package) return
  const path = join(validated.loaded.directory, dbtFolderOf(manifest.path), file.path)
  if (!existsSync(path)) return
  const text = readFileSync(path, 'utf8')
  const isSame = [text.trim(), text].some((one) => createHash('sha256').update(one).digest('hex') === file.sha256)
  if (isSame) return
  const message = `The model "${name}" has changed since the manifest was made (${manifest.madeAt}).`
  problems.push(
    warning('dbt/changed', message, written.at(), 'Run dbt, so that its table and the manifest are what it says.'),
  )
}
