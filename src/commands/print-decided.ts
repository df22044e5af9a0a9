import type { DecidedLine, FoundRows } from '../catalog/decided.ts'
import { count, type Paper, type Style, visible, wrap } from './layout.ts'

/** A line of a segment, what it is for the person, and the values that made it so. */
export function printDecided(one: DecidedLine, page: Paper, indent: string): readonly string[] {
  const verdict = one.verdict === null ? 'null' : String(one.verdict)
  const where = page.paint('dim', visible(`${one.file}:${one.line}`))
  const deeper = `${indent}  `
  const values = one.values.map(({ name, value }) => `${name} = ${told(value)}`)
  return [
    ...wrap(
      `${where}  ${visible(one.text)}  is ${page.paint(STYLES[verdict] ?? 'red', verdict)}`,
      page.width,
      indent,
      deeper,
    ),
    ...values.flatMap((value) => wrap(visible(value), page.width, deeper)),
    ...one.rows.flatMap((found) => rows(found, page, deeper)),
    ...one.inner.flatMap((inner) => printDecided(inner, page, deeper)),
  ]
}

const STYLES: Readonly<Record<string, Style>> = { true: 'green', false: 'red', null: 'yellow' }

const MOST = 5

function rows({ source, found }: FoundRows, page: Paper, indent: string): readonly string[] {
  if (found.length === 0) return wrap(visible(`no row of ${source}`), page.width, indent)
  const shown = found.slice(0, MOST).flatMap((row) => {
    const cells = Object.entries(row).map(([name, value]) => `${name} = ${told(value)}`)
    return wrap(
      visible(`a row of ${source}${cells.length === 0 ? '' : `: ${cells.join(', ')}`}`),
      page.width,
      indent,
      `${indent}  `,
    )
  })
  const more = found.length - MOST
  return more > 0 ? [...shown, `${indent}and ${count(more, 'more row')}`] : shown
}

/** A value as it is told in a sentence. */
export function told(value: string | null): string {
  return value === null ? 'null' : value === '' ? "''" : value
}
