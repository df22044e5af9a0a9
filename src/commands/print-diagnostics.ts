import type { At, CdpError, Diagnostic } from '../error.ts'
import { clip, count, type Paper, visible, widthOf, wrap } from './layout.ts'

/** Diagnostics as a person reads them, sorted by file and line: place and code, sentence, the guilty line, the mend. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], page: Paper): readonly string[] {
  const sorted = [...diagnostics].sort(byPlace)
  return sorted.flatMap((one) => [...printDiagnostic(one, page), ''])
}

/** One line: `2 errors, 1 warning`. */
export function tally(diagnostics: readonly Pick<Diagnostic, 'severity'>[]): string {
  const of = (severity: Diagnostic['severity']) => diagnostics.filter((one) => one.severity === severity).length
  const parts = [
    ...(of('error') > 0 ? [count(of('error'), 'error')] : []),
    ...(of('warning') > 0 ? [count(of('warning'), 'warning')] : []),
  ]
  return parts.length === 0 ? 'no errors' : parts.join(', ')
}

/** A failure: its diagnostics, the warehouse's or vendor's own words where they say more, and who has to act. */
export function printFailure(failure: CdpError, page: Paper): readonly string[] {
  const more = unsaid(failure)
  const cause = more === '' ? [] : [...indented(more, page), '']
  return [...printDiagnostics(failure.diagnostics, page), ...cause, ...advice(failure, page)]
}

/** The words of the cause, without a first line that a diagnostic repeats. */
function unsaid({ cause, diagnostics, who }: CdpError): string {
  if (who === 'bug' || !(cause instanceof Error)) return ''
  const [first = '', ...rest] = cause.message.trim().split('\n')
  const isSaid = diagnostics.some(({ message }) => message.includes(first.trim()))
  return isSaid ? rest.join('\n').trim() : `Cause: ${cause.message.trim()}`
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  if (!a.at || !b.at) return Number(a.at !== undefined) - Number(b.at !== undefined)
  if (a.at.file !== b.at.file) return a.at.file < b.at.file ? -1 : 1
  return a.at.line - b.at.line || a.at.column - b.at.column
}

function printDiagnostic({ code, severity, message, at, fix }: Diagnostic, page: Paper): readonly string[] {
  const colour = severity === 'error' ? 'red' : 'yellow'
  const place = at === undefined ? [] : [page.paint('bold', visible(`${at.file}:${at.line}:${at.column}`))]
  const head = [...place, page.paint(colour, severity === 'error' ? code : `${code} (warning)`)].join('  ')
  return [
    head,
    ...indented(message, page),
    ...(at === undefined ? [] : sourceLines(at, page)),
    ...(fix === undefined ? [] : indented(fix, page)),
  ]
}

/** Lines of a text, each indented; what stands in columns below another line stays there. */
function indented(text: string, page: Paper): readonly string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const blanks = /^ */.exec(line)?.[0] ?? ''
    const shown = visible(line.slice(blanks.length).replaceAll('\t', '  '))
    return wrap(shown, page.width, `  ${blanks.length < page.width / 2 ? blanks : ''}`, '  ')
  })
}

const GUTTER = '        | '

/** The source line, cut to what surrounds the guilty text, and carets below that. */
function sourceLines(at: At, page: Paper): readonly string[] {
  const before = visible(at.text.slice(0, at.column - 1))
  const guilty = visible(at.text.slice(at.column - 1, at.column - 1 + at.length))
  const after = visible(at.text.slice(at.column - 1 + at.length))
  const room = page.width - widthOf(GUTTER)
  const spare = Math.max(0, room - Math.min(widthOf(guilty), room))
  const shown = widthOf(before) <= spare ? before : `…${tail(before, Math.max(0, Math.min(24, spare - 1)))}`
  const line = clip(`${shown}${guilty}${after}`, room)
  const carets = '^'.repeat(Math.max(1, Math.min(widthOf(guilty), room - widthOf(shown))))
  const number = `  ${String(at.line).padStart(5)} | `
  return [
    `${page.paint('dim', number)}${line}`,
    `${page.paint('dim', GUTTER)}${' '.repeat(widthOf(shown))}${page.paint('red', carets)}`,
  ]
}

function tail(text: string, width: number): string {
  let cut = ''
  for (const char of [...text].reverse()) {
    if (widthOf(cut) + widthOf(char) > width) break
    cut = char + cut
  }
  return cut
}

function advice(failure: CdpError, page: Paper): readonly string[] {
  switch (failure.who) {
    case 'project':
      return [`${tally(failure.diagnostics)}; nothing was run.`]
    case 'warehouse':
    case 'destination':
      return []
    case 'bug':
      return [...bugAdvice(failure, page)]
  }
}

/** What helps to mend a bug: the version, the system, and where it happened. The stack names our files, no data. */
function bugAdvice(failure: CdpError, page: Paper): readonly string[] {
  const stack = failure.cause instanceof Error ? failure.cause.stack : failure.stack
  const frames = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [
    ...indented(
      'This is a mistake in cdp itself, not in your project. What was acknowledged is remembered: run again.',
      page,
    ),
    ...indented('Please report it with the lines below, once you have checked that they hold nothing private.', page),
    '',
    `  node ${process.version}, ${process.platform} ${process.arch}`,
    ...frames.slice(0, 8).map((frame) => clip(`  ${visible(frame.trim())}`, page.width)),
  ]
}
