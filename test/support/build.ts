import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const repository = join(import.meta.dirname, '../..')

/** Before the first test: child processes run `dist/`, so it must be what `src/` says. */
export async function setup(): Promise<void> {
  // A build that changes nothing would pull the files away from other tests.
  if ((await whatIsStale()) === undefined) return
  await promisify(execFile)('npm', ['run', 'build'], { cwd: repository }).catch((error: unknown) => {
    const { stdout } = error as { readonly stdout: string }
    console.error(`npm run build failed:\n${stdout}`, error instanceof Error)
  })
}

/** The first source found that is younger than what was built, or what was built if it is not there. */
export async function whatIsStale(): Promise<string | undefined> {
  const built = await stat(join(repository, 'dist/cli.js')).catch(() => undefined)
  if (!built) return 'dist/cli.js'
  for (const file of await readdir(join(repository, 'src'), { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    if ((await stat(join(repository, 'src', file))).mtimeMs > built.mtimeMs) return `src/${file}`
  }
  return undefined
}
