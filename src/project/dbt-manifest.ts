import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { dbtFolderOf } from './dbt-profile.ts'

/** What dbt makes or knows, and where it is in the warehouse. */
export interface DbtNode {
  readonly kind: 'model' | 'seed' | 'snapshot' | 'source'
  /** `orders`, or of a source `raw.orders`. */
  readonly name: string
  readonly package: string
  /** Of a model with versions. */
  readonly version: string | undefined
  readonly isLatest: boolean
  readonly database: string | undefined
  readonly schema: string
  readonly identifier: string
  readonly isEphemeral: boolean
  /** The file that defines it, from the folder of the dbt project, and the SHA-256 of its stripped text, where both are known. */
  readonly file: { readonly path: string; readonly sha256: string } | undefined
}

/** A manifest of dbt, as far as it says where things are. */
export interface Manifest {
  /** From the project root, as it was asked for. */
  readonly path: string
  /** 11 is that of dbt 1.7, 12 that of dbt 1.8 and later. */
  readonly version: number
  readonly dbtVersion: string
  /** ISO 8601. */
  readonly madeAt: string
  /** `postgres`, `duckdb`, … */
  readonly adapter: string
  /** The package that is the dbt project itself. */
  readonly package: string
  readonly nodes: readonly DbtNode[]
  /** Names of what is switched off in dbt. */
  readonly disabled: ReadonlySet<string>
}

/** The dbt project beside this one; nothing is read before something asks for it. */
export interface Dbt {
  /** Undefined until something asked, and where there is none. */
  readonly used: () => Manifest | undefined
  readonly manifest: () => Manifest | NoManifest
  /** The folder of it, from the project root. */
  readonly folder: string
}

/** Where manifests lie unless the project says: in its own folder, or beside it where it lies in `cdp/`. */
const USUAL = ['target/manifest.json', '../target/manifest.json']

export function openDbt(directory: string, written: string | undefined): Dbt {
  let read: Manifest | NoManifest | undefined
  const path = written ?? USUAL.find((one) => existsSync(join(directory, one))) ?? 'target/manifest.json'
  return {
    used: () => (read !== undefined && isManifest(read) ? read : undefined),
    manifest: () => {
      read ??= readManifest(directory, path)
      return read
    },
    folder: dbtFolderOf(path),
  }
}

/** Whether there is one. */
export function isManifest(read: Manifest | NoManifest): read is Manifest {
  return !('kind' in read)
}

/** What a project knows of the dbt project beside it. */
export interface DbtFacts {
  /** Undefined where no source asked for it. */
  readonly manifest: Pick<Manifest, 'path' | 'madeAt' | 'dbtVersion' | 'adapter'> | undefined
  /** Who owns exposures of syncs that name nobody: a name or an address. */
  readonly owner: string | undefined
}

/** Why there is no manifest to read from. */
export type NoManifest =
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string }
  | { readonly kind: 'too_old'; readonly path: string; readonly version: number }

/** The lowest version that says all we need. */
export const OLDEST = 11

/** Reads a manifest at a path from the project root. */
export function readManifest(directory: string, path: string): Manifest | NoManifest {
  const full = join(directory, path)
  if (!existsSync(full)) return { kind: 'missing', path }
  try {
    const read = shape.safeParse(JSON.parse(readFileSync(full, 'utf8')))
    const version = read.data === undefined ? undefined : versionOf(read.data.metadata.dbt_schema_version)
    if (read.data === undefined || version === undefined) return { kind: 'unreadable', path }
    return version < OLDEST ? { kind: 'too_old', path, version } : manifestOf(read.data, path, version)
  } catch {
    return { kind: 'unreadable', path }
  }
}

const text = z.string().nullish()

// https://docs.getdbt.com/reference/artifacts/manifest-json: only what is read here.
const node = z.looseObject({
  resource_type: z.string(),
  name: z.string(),
  package_name: z.string().default(''),
  database: text,
  schema: text,
  alias: text,
  identifier: text,
  source_name: text,
  version: z.union([z.string(), z.number()]).nullish(),
  latest_version: z.union([z.string(), z.number()]).nullish(),
  original_file_path: text,
  checksum: z.looseObject({ name: z.string(), checksum: z.string() }).nullish(),
  config: z.looseObject({ materialized: text }).nullish(),
})

const shape = z.looseObject({
  metadata: z.looseObject({
    dbt_schema_version: z.string(),
    dbt_version: z.string().default(''),
    generated_at: z.string().default(''),
    adapter_type: text,
    project_name: text,
  }),
  nodes: z.record(z.string(), node).default({}),
  sources: z.record(z.string(), node).default({}),
  disabled: z.record(z.string(), z.unknown()).nullish(),
})

type Written = z.infer<typeof node>

function versionOf(schema: string): number | undefined {
  const found = /\/manifest\/v(\d+)(\.json|\/)/.exec(schema)?.[1]
  return found === undefined ? undefined : Number(found)
}

function manifestOf(
  { metadata, nodes, sources, disabled }: z.infer<typeof shape>,
  path: string,
  version: number,
): Manifest {
  return {
    path,
    version,
    dbtVersion: metadata.dbt_version,
    madeAt: metadata.generated_at,
    adapter: metadata.adapter_type ?? '',
    package: metadata.project_name ?? '',
    nodes: [...Object.values(nodes), ...Object.values(sources)].flatMap(nodeOf),
    disabled: new Set(Object.keys(disabled ?? {}).map((id) => id.split('.').slice(2).join('.'))),
  }
}

const KINDS = ['model', 'seed', 'snapshot', 'source'] as const

function nodeOf(written: Written): readonly DbtNode[] {
  const kind = KINDS.find((one) => one === written.resource_type)
  if (kind === undefined || written.schema == null) return []
  const { checksum, original_file_path: path, version, latest_version: latest } = written
  const isWhole = kind === 'model' && checksum?.name === 'sha256' && path != null
  return [
    {
      kind,
      name: kind === 'source' ? `${written.source_name ?? ''}.${written.name}` : written.name,
      package: written.package_name,
      version: version == null ? undefined : String(version),
      isLatest: version == null || latest == null || String(version) === String(latest),
      database: written.database ?? undefined,
      schema: written.schema,
      identifier: written.identifier ?? written.alias ?? written.name,
      isEphemeral: written.config?.materialized === 'ephemeral',
      file: isWhole ? { path, sha256: checksum.checksum } : undefined,
    },
  ]
}
