import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { readCsv } from '../csv.ts'
import type { Holding } from './sandbox.ts'
import type { Row } from './store.ts'

/** What the files below a folder hold, by path in alphabetical order. A folder that is not there holds nothing. */
export async function folderContents(root: string): Promise<readonly Holding[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const paths = found
    .filter((one) => one.isFile() && !one.name.startsWith('.'))
    .map((one) => join(one.parentPath, one.name))
  const holdings: Holding[] = []
  for (const path of paths.sort())
    holdings.push({ place: relative(root, path).split(sep).join('/'), rows: await readRows(path) })
  return holdings
}

async function readRows(path: string): Promise<readonly Row[]> {
  if (path.endsWith('.parquet')) return (await import('../parquet.ts')).readParquet(path)
  const text = await readFile(path, 'utf8')
  if (!path.endsWith('.csv')) {
    const lines = text.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as Row)
  }
  const [header = [], ...rows] = readCsv(text)
  return rows.map((row) => Object.fromEntries(header.map((name, index) => [name ?? '', row[index] ?? null])))
}
