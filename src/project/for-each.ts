// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` of YAML files is what this file is about
import { type Diagnostic, nearest, problem } from '../error.ts'
import { replaced } from './scalar.ts'
import { child, type Dict, type Node, type Scalar } from './tree.ts'
import { mapScalars, withVars } from './variables.ts'

type Entry = Dict['entries'][number]

/**
 * A map of things in which each that has `for_each:` stands once for every item of its list, with `${each:key}`
 * replaced in its name and below it. A name that holds none ends in the item's first value: `<name>_fr`. A list that
 * cannot be read is reported, and what has it is left out.
 */
export function withCopies(things: Node, vars: ReadonlyMap<string, string>, problems: Diagnostic[]): Node {
  if (things.kind !== 'dict') return things
  return {
    ...things,
    entries: things.entries.flatMap((entry) => {
      const list = entry.value.kind === 'dict' ? child(entry.value, 'for_each') : undefined
      return list === undefined ? [entry] : copies(entry, withVars(list, vars, problems), problems)
    }),
  }
}

/** The text of an item by its keys, in order. */
type Item = ReadonlyMap<string, string>

function copies({ key, value }: Entry, list: Node, problems: Diagnostic[]): readonly Entry[] {
  if (value.kind !== 'dict') return []
  const items = itemsOf(list, problems)
  const rest = { ...value, entries: value.entries.filter((one) => one.key.text !== 'for_each') }
  return items.map((item) => ({
    key: nameOf(key, item, problems),
    value: mapScalars(rest, (scalar) => filled(scalar, item, problems)),
  }))
}

function itemsOf(list: Node, problems: Diagnostic[]): readonly Item[] {
  const items = list.kind === 'list' ? list.items : []
  if (items.length === 0) wrong(list, '"for_each" takes a list of maps.', problems)
  return items.flatMap((item): readonly Item[] => {
    if (item.kind !== 'dict' || item.entries.length === 0)
      return wrong(item, 'An item of "for_each" is a map.', problems)
    const texts = item.entries.flatMap(({ key, value }): readonly [string, string][] =>
      value.kind === 'scalar'
        ? [[key.text, value.text]]
        : wrong(value, `"${key.text}" of an item of "for_each" takes text.`, problems),
    )
    return texts.length === item.entries.length ? [new Map(texts)] : []
  })
}

function wrong(at: Node, message: string, problems: Diagnostic[]): readonly [] {
  problems.push(problem('project/wrong-type', message, at.at(), 'Write for_each: [{ country: FR, list: abc }].'))
  return []
}

function nameOf(key: Scalar, item: Item, problems: Diagnostic[]): Scalar {
  if (holes(key.text).length > 0) return filled(key, item, problems)
  const [first = ''] = item.values()
  const end = key.text.length
  return replaced(key, [{ from: end, to: end, value: `_${first.toLowerCase().replace(/[^a-z0-9]+/g, '_')}` }])
}

function filled(scalar: Scalar, item: Item, problems: Diagnostic[]): Scalar {
  const parts = holes(scalar.text).map(({ from, to, name }) => {
    const value = item.get(name)
    if (value === undefined) {
      const close = nearest(name, item.keys())
      const fix = close ? `Did you mean "${close}"?` : `It has: ${[...item.keys()].join(', ')}.`
      problems.push(problem('project/bad-reference', `No item of "for_each" has "${name}".`, scalar.at(from, to), fix))
    }
    // Any word for what is missing: the reference itself would be reported a second time.
    return { from, to, value: value ?? name }
  })
  return parts.length === 0 ? scalar : replaced(scalar, parts)
}

/** Every `${each:name}` of a text, also within another reference: `${env:TOKEN_${each:country}}`. */
function holes(text: string): readonly { readonly from: number; readonly to: number; readonly name: string }[] {
  return [...text.matchAll(/\$\{each:([^{}]*)\}/g)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
    name: (match[1] ?? '').trim(),
  }))
}
