import { statSync } from 'node:fs'
import { type CdpError, failure } from '../error.ts'

/** Why a database file cannot be opened: what is wrong with it, and who can mend that. */
export function cannotOpen(path: string, error: unknown): CdpError {
  const words = firstLine(error)
  const { what, fix, who = 'warehouse' } = explained(path, words)
  return failure(who, 'warehouse/connection', `The warehouse "${path}" ${what}`, fix, error)
}

/** The process that holds the file, or undefined where the error is no such thing. */
export function lockedBy(error: unknown): { readonly holder: string } | undefined {
  // The driver gives errors no code. "Conflicting lock is held in /usr/bin/node (PID 42)"
  const message = messageOf(error)
  if (!/could not set lock on file/i.test(message)) return undefined
  const pid = /PID (\d+)/.exec(message)?.[1]
  return { holder: pid ? `process ${pid}` : 'another process' }
}

/** What would mend a statement that failed for want of something on this machine; undefined where nothing sure is known. */
export function statementFix(error: unknown): string | undefined {
  const message = messageOf(error)
  if (NO_SPACE.test(message)) return 'Make room on that disk, and run again: what was committed is there.'
  if (/^Out of Memory Error/.test(message))
    return 'Raise `memory_limit:` of the warehouse, lower its `threads:`, or give it a `temp_directory:` with more room.'
  return undefined
}

interface Trouble {
  /** The end of a sentence. */
  readonly what: string
  readonly fix?: string
  readonly who?: 'project'
}

const NO_SPACE = /no space left on device|disk quota exceeded/i

function explained(path: string, words: string): Trouble {
  if (isFolder(path))
    return {
      who: 'project',
      what: 'is a folder, not a database file.',
      fix: 'Name a file in `path:`, such as .cdp/warehouse.duckdb.',
    }
  if (/not a valid DuckDB database file/i.test(words))
    return {
      who: 'project',
      what: 'is no DuckDB database.',
      fix: 'Correct `path:`, or move the file away: a new one is made.',
    }
  if (/version number \d+/i.test(words))
    return {
      what: `was written by a version of DuckDB whose files this one cannot read: ${words}`,
      fix: 'Use the version of cdp that wrote it, or export it there (`export database`) and import it here.',
    }
  if (/corrupt|could not read enough bytes/i.test(words))
    return {
      what: `is damaged: ${words}`,
      fix: 'Put back a copy: it remembers what every destination was told. Without one, move it away, and all is sent anew.',
    }
  if (/permission denied|read-only file system|operation not permitted/i.test(words))
    return {
      what: `may not be opened by this user: ${words}`,
      fix: 'Give this user the right to read and write the file and its folder.',
    }
  if (NO_SPACE.test(words)) return { what: `finds no room on its disk: ${words}`, fix: 'Make room on that disk.' }
  return { what: `cannot be opened: ${words}` }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? ''
}
