import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { type Diagnostic, problem } from '../error.ts'
import { withCopies } from './for-each.ts'
import { LIST_KEYS } from './identity-lists.ts'
import { type SourceFile, sourceFile } from './place.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import { type SecretFiles, withValues, withVars } from './variables.ts'
import { parseYaml } from './yaml.ts'

export const CONFIG = 'cdp.config.yaml'

/** What may be asked of a project when it is read. */
export interface LoadRequest {
  /** Values that override `vars:` of the config. */
  readonly vars?: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly files: SecretFiles
}

/** The files of a project as trees: `${var:x}` replaced everywhere, `${env:X}` and `${file:…}` wherever no secret may stand. */
export interface Loaded {
  /** Absolute. */
  readonly directory: string
  readonly config: Dict | undefined
  /** The other files, sorted by path. */
  readonly files: readonly { readonly path: string; readonly root: Dict }[]
  /** The `.sql` files below the folders of models, sorted by path. */
  readonly sqlFiles: readonly SourceFile[]
  readonly vars: ReadonlyMap<string, string>
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Reads every file of a project, one after the other: for files so small that takes a tenth of the time of waiting for
 * each. What cannot be read is said in `diagnostics`; the rest is there.
 */
export function load(directory: string, request: LoadRequest): Loaded {
  const root = resolve(directory)
  const problems: Diagnostic[] = []
  const written = readYaml(root, CONFIG, problems)
  const vars = varsOf(written, request, problems)
  const finish = (dict: Dict) => finished(dict, vars, request, problems)
  const paths = pathsOf(root, written, problems)
  const files: { path: string; root: Dict }[] = []
  for (const path of paths.filter((one) => /\.ya?ml$/.test(one))) {
    const dict = readYaml(root, path, problems)
    if (dict) files.push({ path, root: finish(dict) })
  }
  const sqlFiles: SourceFile[] = []
  for (const path of [...new Set([...paths, ...namedSql(root, files)])].filter((one) => one.endsWith('.sql')).sort()) {
    const text = readText(root, path, problems)
    if (text !== undefined) sqlFiles.push(sourceFile(path, text))
  }
  return { directory: root, config: written && finish(written), files, sqlFiles, vars, diagnostics: problems }
}

function readYaml(root: string, path: string, problems: Diagnostic[]): Dict | undefined {
  const text = readText(root, path, problems)
  if (text === undefined) return undefined
  const { root: node, diagnostics } = parseYaml(sourceFile(path, text))
  problems.push(...diagnostics)
  if (node === undefined || (node.kind === 'scalar' && node.isNull)) return diagnostics.length > 0 ? undefined : EMPTY
  if (node.kind === 'dict') return node
  problems.push(
    problem('project/wrong-type', `The file holds ${node.kind === 'list' ? 'a list' : 'text'}, not a map.`, node.at()),
  )
  return undefined
}

/** The `.sql` files that sources and lists name, wherever they lie; what does not exist is said where it is named. */
function namedSql(root: string, files: Loaded['files']): readonly string[] {
  const owners = files.flatMap(({ root: dict }) => [
    ...maps(child(dict, 'sources')),
    ...maps(child(dict, 'entities')).flatMap(({ value }) => maps(value).filter(({ key }) => LISTS.has(key.text))),
  ])
  const paths = owners.flatMap(({ value }) => {
    const sql = value.kind === 'dict' ? child(value, 'sql') : undefined
    return sql?.kind === 'scalar' && /^\S+\.sql$/.test(sql.text) ? [sql.text.replace(/^\.\//, '')] : []
  })
  return paths.filter((path) => existsSync(join(root, path)))
}

const LISTS: ReadonlySet<string> = new Set(Object.values(LIST_KEYS))

function maps(node: Node | undefined): Dict['entries'] {
  return node?.kind === 'dict' ? node.entries : []
}

const EMPTY: Dict = { kind: 'dict', entries: [], at: () => ({ file: CONFIG, line: 1, column: 1, length: 1, text: '' }) }

const MEGABYTE = 1_048_576

function readText(root: string, path: string, problems: Diagnostic[]): string | undefined {
  const at = { file: path, line: 1, column: 1, length: 1, text: '' }
  try {
    const { size } = statSync(join(root, path))
    if (size > MEGABYTE) {
      problems.push(problem('yaml/too-large', 'The file is larger than 1 MB.', at, 'Split it into several files.'))
      return undefined
    }
    const bytes = readFileSync(join(root, path))
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    problems.push(unreadable(path, error, at))
    return undefined
  }
}

function unreadable(path: string, error: unknown, at: Diagnostic['at']): Diagnostic {
  const code = (error as NodeJS.ErrnoException).code
  if (path === CONFIG && code === 'ENOENT')
    return problem(
      'project/missing-config',
      `There is no ${CONFIG} in this folder.`,
      undefined,
      'Run `cdp init`, or name the folder with --project-dir.',
    )
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return problem('yaml/unreadable', 'The file is not UTF-8 text.', at, 'Save it as UTF-8.')
  return problem('yaml/unreadable', `The file cannot be read (${code ?? 'unknown reason'}).`, at)
}

/** The variables, in order: one may use those above it. */
function varsOf(config: Dict | undefined, request: LoadRequest, problems: Diagnostic[]): ReadonlyMap<string, string> {
  const given = new Map(Object.entries(request.vars ?? {}))
  const written = config && child(config, 'vars')
  const vars = new Map<string, string>()
  for (const { key, value } of written?.kind === 'dict' ? written.entries : []) {
    const replaced = given.has(key.text) ? undefined : withValues(withVars(value, vars, problems), request, problems)
    const text = given.get(key.text) ?? (replaced?.kind === 'scalar' ? replaced.text : undefined)
    if (text !== undefined) vars.set(key.text, text)
  }
  return new Map([...vars, ...given])
}

/** `warehouses` and `destinations` hold secrets, which stay references until an account is opened. */
const HOLDS_SECRETS = new Set(['warehouses', 'destinations', 'vars'])

/** What takes `for_each`. */
const COPIED = new Set(['segments', 'destinations', 'syncs'])

function finished(dict: Dict, vars: ReadonlyMap<string, string>, request: LoadRequest, problems: Diagnostic[]): Dict {
  const entries = dict.entries.map(({ key, value }) => {
    if (key.text === 'vars') return { key, value }
    const copied = COPIED.has(key.text) ? withCopies(value, vars, problems) : value
    const replaced = withVars(copied, vars, problems)
    return { key, value: HOLDS_SECRETS.has(key.text) ? replaced : withValues(replaced, request, problems) }
  })
  return { ...dict, entries }
}

/** Every file below the folders of models and destinations, from the project root, sorted. */
function pathsOf(root: string, config: Dict | undefined, problems: Diagnostic[]): readonly string[] {
  const folders = [folder(config, 'models'), folder(config, 'destinations')]
  const paths = folders.map((one) => filesBelow(root, one, problems))
  return [...new Set(paths.flat())].sort()
}

interface Folder {
  readonly path: string
  readonly written: Scalar | undefined
}

function folder(config: Dict | undefined, name: 'models' | 'destinations'): Folder {
  const paths = config && child(config, 'paths')
  const written = paths?.kind === 'dict' ? child(paths, name) : undefined
  return written?.kind === 'scalar' && !written.isNull
    ? { path: written.text, written }
    : { path: name, written: undefined }
}

function filesBelow(root: string, { path, written }: Folder, problems: Diagnostic[]): readonly string[] {
  try {
    const entries = readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => !entry.isDirectory() && /\.(ya?ml|sql)$/.test(entry.name))
    return files.map((file) => relative(root, join(file.parentPath, file.name)).split(sep).join('/'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && !written) return []
    problems.push(
      problem('yaml/unreadable', `The folder "${path}" cannot be read (${code ?? 'unknown reason'}).`, written?.at()),
    )
    return []
  }
}
