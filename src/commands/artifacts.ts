import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'

/** A file of text, its path with forward slashes. */
export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Writes beside the final name and renames: a reader, or a run that is killed, never meets half a file. */
export async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    const file = await open(beside, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

export function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, `${JSON.stringify(value, null, 2)}\n`)
}

/** Makes a folder hold exactly these files: those of before that are no longer made are deleted. */
export async function writeFolder(folder: string, files: readonly TextFile[]): Promise<void> {
  for (const { path, text } of files) await writeText(join(folder, path), text)
  const made = new Set(files.map(({ path }) => path))
  const there = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = there.map((entry) => ({
    entry,
    path: relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'),
  }))
  for (const { entry, path } of paths)
    if (entry.isFile() && !made.has(path)) await rm(join(folder, path), { force: true })
  // Deepest first; a folder that still holds something stays.
  const folders = paths.filter(({ entry }) => entry.isDirectory()).map(({ path }) => path)
  for (const path of folders.sort((a, b) => b.length - a.length)) await rmdir(join(folder, path)).catch(() => undefined)
}
