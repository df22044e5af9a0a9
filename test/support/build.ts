import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const repository = join(import.meta.dirname, '../..')

/** Before the first test: child processes run `dist/`, so it must be what `src/` says. */
export async function setup(): Promise<void> {
  if (await isFresh()) return
  await promisify(execFile)('npm', ['run', 'build'], { cwd: repository }).catch((error: unknown) => {
    const { stdout } = error as { readonly stdout: string }
    console.error(`npm run build failed:\n${stdout}`, error instanceof Error)
  })
}

/** Is there a younger result of every source? A build that changes nothing would pull the files away from other tests. */
async function isFresh(): Promise<boolean> {
  const timeOf = async (path: string) => (await stat(join(repository, path)).catch(() => undefined))?.mtimeMs
  for (const file of await readdir(join(repository, 'src'), { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    const [source, built] = [await timeOf(`src/${file}`), await timeOf(`dist/${file.slice(0, -3)}.js`)]
    if (source !== undefined && (built === undefined || source > built)) return false
  }
  return true
}
