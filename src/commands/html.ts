import { visible } from './layout.ts'

const MADE = Symbol('html')

/** A piece of a page, made by `html` only: no data that was read from anywhere can pass for one. */
export interface Html {
  readonly [MADE]: string
}

type Piece = Html | string | number | readonly Html[]

/**
 * A piece of a page. Every text that is put in is escaped, between tags as well as inside quoted attributes, and what
 * could hide or reorder text is spelled out; attributes stand in double quotes.
 */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  const parts = strings.map((text, at) => `${text}${at < pieces.length ? rendered(pieces[at] ?? '') : ''}`)
  return { [MADE]: parts.join('') }
}

/** A style sheet of ours, the one text that is not escaped. A policy names the hash of exactly `css`. */
export function styleSheet(css: string): Html {
  return { [MADE]: `<style>${css}</style>` }
}

/** The text of a page. */
export function printHtml(page: Html): string {
  return `${page[MADE].replace(/\n(\s*\n)+/g, '\n').trim()}\n`
}

/** A text as others wrote it, as it stands in a page. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A sentence in which what stands between backticks is code. */
export function prose(text: string): Html {
  const parts = text.split('`')
  // A backtick without a second one is a character like any other.
  if (parts.length % 2 === 0) return html`${text}`
  return html`${parts.map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`
}

/** The piece where a claim holds, else nothing. */
export function when(claim: boolean, piece: () => Html): Html {
  return claim ? piece() : html``
}

function rendered(piece: Piece): string {
  if (typeof piece === 'string') return escaped(piece)
  if (typeof piece === 'number') return String(piece)
  if (MADE in piece) return piece[MADE]
  return piece.map((one) => one[MADE]).join('')
}
