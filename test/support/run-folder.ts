import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder of this run of the tests, which all its files share. */
    readonly runFolder: string
  }
}

/** Before the first test: makes the folder. What it returns deletes it after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'cdp-tests-'))
  project.provide('runFolder', folder)
  // The servers of the tests end with the processes that used them, and may still be writing here.
  return () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
