import type { At } from '../error.ts'

/** The text of one project file and where its lines begin. */
export interface SourceFile {
  /** From the project root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: readonly number[]
}

export function sourceFile(path: string, text: string): SourceFile {
  const lines = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.push(at + 1)
  return { path, text, lines }
}

/** The place of the characters `from`..`to` of a file; a range of several lines is cut at the end of its first. */
export function place(file: SourceFile, from: number, to: number): At {
  const index = lineOf(file.lines, from)
  const start = file.lines[index] ?? 0
  const text = lineText(file, index)
  const column = Math.min(from - start, text.length)
  return {
    file: file.path,
    line: index + 1,
    column: column + 1,
    length: Math.max(1, Math.min(to - start, text.length) - column),
    text,
  }
}

/** A place as messages name it: `models/a.yaml:3:5`. */
export function nameOf(at: At): string {
  return `${at.file}:${at.line}:${at.column}`
}

/** The characters that a place points at. */
export function wordsAt(at: At): string {
  return at.text.slice(at.column - 1, at.column - 1 + at.length)
}

function lineText(file: SourceFile, index: number): string {
  return file.text.slice(file.lines[index], file.lines[index + 1]).replace(/\r?\n$/, '')
}

function lineOf(lines: readonly number[], offset: number): number {
  let low = 0
  let high = lines.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((lines[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
