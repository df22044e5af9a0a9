import { expect } from 'vitest'
import type { Code, Diagnostic } from '../../src/error.ts'
import { place, type SourceFile, sourceFile } from '../../src/project/place.ts'

/** A text whose guilty part stands between « and » where it was written down. */
export interface Marked {
  readonly file: SourceFile
  /** The text without the marks. */
  readonly text: string
  readonly from: number
  readonly to: number
}

/** The text between the marks, as part of the text without them. The marks must be there once each. */
export function marked(written: string): Marked {
  const [before, guilty, after, ...more] = written.split(/[«»]/)
  if (before === undefined || guilty === undefined || after === undefined || more.length > 0)
    throw new Error(`one « and one » belong in ${written}`)
  const text = before + guilty + after
  return { file: sourceFile('marked.yaml', text), text, from: before.length, to: before.length + guilty.length }
}

/** Fails unless there is one problem, with this code, exactly at the mark. Returns it. */
export function expectAtMark(problems: readonly Diagnostic[], code: Code, { file, from, to }: Marked): Diagnostic {
  const [only] = problems
  expect(problems.map((one) => one.code)).toEqual([code])
  expect(only?.at).toEqual(place(file, from, to))
  if (only === undefined) throw new Error('unreachable')
  return only
}
