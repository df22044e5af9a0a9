import { DestinationError, type Io, type Json } from '../connector.ts'

/** An address with the values of a request put in. */
export interface Address {
  /** Does it name a row? Then a request carries one. */
  readonly isOfRow: boolean
  /** Undefined where a value is missing, or would lead elsewhere. */
  for(values: Readonly<Record<string, Json>>): string | undefined
}

/**
 * Reads an address such as `https://api.example.com/people/{{key}}`. Values are percent-encoded; they may stand in the
 * path and the query only, so that no row decides on the host. Throws DestinationError `config`.
 */
export function readAddress(template: string, columns: Io['columns']): Address {
  const [, origin] = /^(https?:\/\/[^/?#{}\s]+)(?=[/?#]|$)/.exec(template) ?? []
  const example = template.replace(HOLE, 'x')
  if (origin === undefined || !URL.canParse(example) || /[{}]/.test(example))
    throw badUrl(`"${origin ?? ''}" is not an http or https address with values in its path.`)
  const names = [...template.matchAll(HOLE)].map(([, name = '']) => name)
  const unknown = names.find((name) => !isKnown(name, columns))
  if (unknown !== undefined) throw badUrl(`"{{${unknown}}}" is not among the values: key, id, fields, op and sync.`)
  return {
    isOfRow: names.some((name) => name !== 'sync' && name !== 'op'),
    for: (values) => {
      const texts = names.map((name) => textAt(values, name))
      if (texts.some((text) => text === undefined || NOWHERE.has(text))) return undefined
      let at = 0
      return template.replace(HOLE, () => encodeURIComponent(texts[at++] ?? ''))
    },
  }
}

const HOLE = /\{\{\s*([\w.]+)\s*\}\}/g

/** What would name the folder, or its parent, in place of something in it. */
const NOWHERE = new Set(['', '.', '..'])

function badUrl(message: string): DestinationError {
  return new DestinationError('config', 'bad_url', message)
}

function isKnown(name: string, columns: Io['columns']): boolean {
  const [first = '', ...rest] = name.split('.')
  const inner = rest.join('.')
  if (first === 'fields') return columns.fields.includes(inner)
  if (first === 'key' && inner !== '') return columns.key.includes(inner)
  return inner === '' && ['key', 'id', 'op', 'sync'].includes(first)
}

function textAt(values: Readonly<Record<string, Json>>, name: string): string | undefined {
  const [first = '', ...rest] = name.split('.')
  const outer = values[first]
  const found = rest.length === 0 ? outer : (outer as Readonly<Record<string, Json>> | undefined)?.[rest.join('.')]
  return found === undefined || found === null || typeof found === 'object' ? undefined : String(found)
}
