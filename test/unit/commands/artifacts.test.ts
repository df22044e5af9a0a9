import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { writeFolder, writeText } from '../../../src/commands/artifacts.ts'
import { emptyFolder } from '../../support/cli.ts'

async function folder(): Promise<string> {
  const { directory, remove } = await emptyFolder()
  onTestFinished(remove)
  return directory
}

test('a folder holds what was written last, and no empty folders', async () => {
  const directory = await folder()
  await writeFolder(directory, [
    { path: 'a/one.sql', text: '1' },
    { path: 'b/c/two.sql', text: '2' },
    { path: 'three.sql', text: '3' },
  ])
  await writeFolder(directory, [
    { path: 'a/one.sql', text: 'new' },
    { path: 'three.sql', text: '3' },
  ])
  expect((await readdir(directory, { recursive: true })).sort()).toEqual(['a', 'a/one.sql', 'three.sql'])
  expect(await readFile(join(directory, 'a/one.sql'), 'utf8')).toBe('new')
})

test('a text that cannot be put in its place leaves nothing behind', async () => {
  const directory = await folder()
  await mkdir(join(directory, 'taken'))
  await writeFile(join(directory, 'taken/file'), 'x')
  await expect(writeText(join(directory, 'taken'), 'text')).rejects.toThrow()
  expect(await readdir(directory)).toEqual(['taken'])
})
