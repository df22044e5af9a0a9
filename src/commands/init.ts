import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { asFailure, CdpError, failure, problem } from '../error.ts'
import { PACKAGE } from '../package.ts'
import type { TextFile } from './artifacts.ts'
import { type Call, fail, heading } from './command.ts'
import { visible } from './layout.ts'
import { openScreen, type Screen } from './screen.ts'
import { starter } from './starter.ts'

/** `cdp init`: writes a project that runs as it stands; beside a dbt project into its folder `cdp/`. */
export async function init(call: Call<Call['options'] & { readonly template?: string }>): Promise<number> {
  const screen = openScreen({ colour: call.options.color !== false, env: process.env })
  try {
    const parent = resolve(call.options.projectDir ?? '.')
    const beside = await exists(join(parent, 'dbt_project.yml'))
    const directory = beside ? join(parent, 'cdp') : parent
    const files = await template(call.options.template ?? 'starter', directory)
    const written = await writeNew(directory, files)
    tell(call, screen, { directory, files: written, beside })
    return 0
  } catch (thrown) {
    return fail(call, screen, asFailure(thrown))
  }
}

async function template(name: string, directory: string): Promise<readonly TextFile[]> {
  return name === 'shop' ? shop() : starter(projectName(directory))
}

/** A folder's name in the characters that a project's name may have. */
function projectName(directory: string): string {
  const name = basename(directory)
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[_0-9]+|_+$/g, '')
  return name === '' ? 'starter' : name
}

/** The sample project that comes with the package. */
async function shop(): Promise<readonly TextFile[]> {
  const paths = ['cdp.config.yaml']
  for (const [folder, ending] of [
    ['models', /\.(yaml|sql)$/],
    ['destinations', /\.yaml$/],
    ['examples/data', /\.(csv|ndjson)$/],
  ] as const)
    paths.push(
      ...(await readdir(new URL(`${folder}/`, PACKAGE)))
        .filter((file) => ending.test(file) && file !== 'truth.csv')
        .map((file) => `${folder}/${file}`),
    )
  const files = paths.map(async (path) => ({ path, text: await readFile(new URL(path, PACKAGE), 'utf8') }))
  return [...(await Promise.all(files)), { path: '.gitignore', text: '.cdp/\nout/\n' }]
}

/** Writes files that do not exist yet; all of them or none. A .gitignore that is there stays as it is. */
async function writeNew(directory: string, files: readonly TextFile[]): Promise<readonly string[]> {
  const there = await Promise.all(files.map(({ path }) => exists(join(directory, path))))
  const wanted = files.filter(({ path }, index) => !(path === '.gitignore' && there[index]))
  const taken = wanted.filter((file) => there[files.indexOf(file)])
  if (taken.length > 0) throw refuseToOverwrite(directory, taken)
  try {
    for (const { path, text } of wanted) {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text, { flag: 'wx' })
    }
  } catch (error) {
    throw failure('project', 'command/arguments', `The project cannot be written to "${directory}".`, undefined, error)
  }
  return wanted.map(({ path }) => path)
}

function refuseToOverwrite(directory: string, taken: readonly TextFile[]): CdpError {
  const fix = 'Nothing was written. Choose an empty folder with --project-dir.'
  const problems = taken.map(({ path }) =>
    problem('command/arguments', `"${join(directory, path)}" exists already, and init never overwrites.`),
  )
  return new CdpError(
    'project',
    problems.map((one, index) => (index === problems.length - 1 ? { ...one, fix } : one)),
  )
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

interface Made {
  readonly directory: string
  readonly files: readonly string[]
  readonly beside: boolean
}

function tell(call: Call, screen: Screen, { directory, files, beside }: Made): void {
  if (call.options.json) screen.document({ ...heading('init', 0), directory, files, errors: [] })
  if (call.options.json || call.options.quiet) return
  const way = relative(process.cwd(), directory)
  const here = way.startsWith('..') ? directory : way
  const option = here === '' ? '' : ` --project-dir ${/^[\w./-]+$/.test(here) ? here : JSON.stringify(here)}`
  screen.print([
    `Wrote ${files.length} files${here === '' ? '' : ` to ${visible(here)}/`}:`,
    ...files.map((path) => `  ${visible(path)}`),
    '',
    ...(beside ? ['There is a dbt project here, so all of it is in cdp/; dbt does not look there.', ''] : []),
    'Next:',
    `  cdp run${option} --sandbox    the whole way, with emulated destinations`,
    `  cdp compile${option}          the SQL, to be read under .cdp/compiled/local/`,
    `  cdp run${option}              for real: what destinations/ names is written and called`,
  ])
}
