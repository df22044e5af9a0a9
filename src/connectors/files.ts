import { constants } from 'node:fs'
import { access, lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { DestinationError, type Files } from './connector.ts'

/**
 * Files below one folder, which is made when first written to. A path that is absolute, holds `..` or passes a
 * symbolic link is refused with DestinationError `config`, before anything is touched.
 */
export function openFiles(root: string): Files {
  return {
    write: (path, chunks) =>
      guarded(path, async () => {
        const place = await placeOf(root, path, 'make')
        await replaceFile(place, async (beside) => {
          const file = await open(beside, TEMPORARY, 0o666)
          try {
            for await (const chunk of chunks) await file.writeFile(chunk)
          } finally {
            await file.close()
          }
        })
      }),
    read: (path) =>
      guarded(path, async () => {
        const place = await placeOf(root, path, 'look')
        return place === undefined ? undefined : readFile(place, 'utf8')
      }),
    writeParquet: (path, columns, rows) =>
      guarded(path, async () => {
        const { writeParquet } = await import('./parquet.ts')
        const place = await placeOf(root, path, 'make')
        await replaceFile(place, (beside) => writeParquet(beside, columns, rows))
      }),
    exists: (path) => guarded(path, async () => (await placeOf(root, path, 'look')) !== undefined),
    check: (path) => guarded(path, () => checkPlace(root, path)),
  }
}

/** Looks whether the file could be put in its place, or the folders that are missing into theirs. */
async function checkPlace(root: string, path: string): Promise<void> {
  const place = await placeOf(root, path, 'look')
  if (place !== undefined && (await stat(place)).isDirectory()) throw refusedBy('EISDIR')
  let folder = dirname(resolve(root, path))
  while ((await kindOf(folder)) === undefined) folder = dirname(folder)
  if (!(await stat(folder)).isDirectory()) throw refusedBy('ENOTDIR')
  await access(folder, constants.W_OK | constants.X_OK)
}

/** What the system would say. */
function refusedBy(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** A planted link is not followed, and what an earlier crash left is written over. */
const TEMPORARY = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

/** Turns a failed system call into an error that says who must act. Nothing was replaced when one is thrown. */
async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : ''
    // Anything else comes from whoever made the rows.
    if (!OURS.has(code) && !PASSING.has(code)) throw error
    const kind = OURS.has(code) ? 'config' : 'transient'
    const why = WORDS[code] === undefined ? code : `${WORDS[code]} (${code})`
    throw new DestinationError(kind, code, `The file "${path}" cannot be used: ${why}.`, { cause: error })
  }
}

const OURS = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'ELOOP', 'ENAMETOOLONG', 'EEXIST'])
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the drive is read-only',
  ENOTDIR: 'a file stands where a folder is needed',
  EISDIR: 'a folder stands in its place',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'the drive is full',
  EDQUOT: 'the quota of the drive is used up',
}
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EIO', 'EBUSY', 'ETXTBSY', 'ESTALE'])

/** The real place of a file below the root; undefined where `look` finds no file. */
async function placeOf(root: string, path: string, how: 'make'): Promise<string>
async function placeOf(root: string, path: string, how: 'look'): Promise<string | undefined>
async function placeOf(root: string, path: string, how: 'make' | 'look'): Promise<string | undefined> {
  const parts = path.split(/[\\/]/)
  if (path === '' || path.includes('\0') || isAbsolute(path) || parts.includes('..')) throw outside(path)
  if (how === 'make') await mkdir(root, { recursive: true })
  else if ((await kindOf(root)) === undefined) return undefined
  const realRoot = await realpath(root)
  const place = resolve(realRoot, path)
  if (place === realRoot || escapes(realRoot, place)) throw outside(path)
  for (const folder of foldersBetween(realRoot, place)) {
    const kind = await kindOf(folder)
    if (kind === 'link') throw outside(path)
    if (kind === undefined && how === 'look') return undefined
    if (kind === undefined) await mkdir(folder)
  }
  const kind = await kindOf(place)
  if (kind === 'link') throw outside(path)
  return kind === undefined && how === 'look' ? undefined : place
}

function escapes(root: string, place: string): boolean {
  const way = relative(root, place)
  return way.startsWith(`..${sep}`) || way === '..' || isAbsolute(way)
}

function foldersBetween(root: string, place: string): readonly string[] {
  const names = relative(root, dirname(place)).split(sep)
  return names.filter((name) => name !== '').map((_, index) => join(root, ...names.slice(0, index + 1)))
}

async function kindOf(path: string): Promise<'link' | 'other' | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? 'link' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function outside(path: string): DestinationError {
  return new DestinationError(
    'config',
    'path_refused',
    `The path "${path}" leaves the destination's folder or passes a symbolic link.`,
  )
}

/** Writes beside the final name, flushes file and folder, renames. What failed half-way is taken away. */
async function replaceFile(place: string, write: (beside: string) => Promise<void>): Promise<void> {
  const beside = join(dirname(place), `.${basename(place)}.tmp`)
  try {
    await write(beside)
    await flush(beside)
    await rename(beside, place)
    await flush(dirname(place))
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
