import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  Parser,
} from 'yaml'
import { type At, type Diagnostic, problem } from '../error.ts'
import { nameOf, place, type SourceFile } from './place.ts'
import { scalar } from './scalar.ts'
import { DEPTH, scan } from './scan.ts'
import { brokenAlias, commaInList, commaInMap, syntaxError } from './traps.ts'
import type { Dict, Node, Scalar } from './tree.ts'

/** Aliases count each time they are used: so many nodes are more than people write. */
const NODES = 200_000

/** Keys that could reach into the prototypes of objects. The merge key is off, and would be a key like others. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype', '<<'])

/** The tree of a YAML file; undefined where the file is empty or cannot be read, which `diagnostics` then say. */
export function parseYaml(file: SourceFile): { root: Node | undefined; diagnostics: readonly Diagnostic[] } {
  const scanned = scan(file)
  if ('refused' in scanned) return { root: undefined, diagnostics: [scanned.refused] }
  const { first, second } = compose(scanned.lexemes, file.text.length)
  const errors = [...first.errors, ...first.warnings].map((error) => syntaxError(file, error))
  if (second) errors.push(problem('yaml/syntax', 'A file holds one document.', place(file, second, second + 3)))
  if (errors.length > 0) return { root: undefined, diagnostics: firstOfEachLine(errors) }
  const reader = new Reader(file)
  const root = first.contents === null ? undefined : reader.read(first.contents, 1).node
  return { root, diagnostics: reader.diagnostics }
}

/** Every scalar stays text (the failsafe schema): nothing is read as a number, a date or a boolean. */
function compose(
  lexemes: readonly string[],
  length: number,
): { first: Document.Parsed<ParsedNode>; second: number | undefined } {
  const limit = Error.stackTraceLimit
  // The composer makes one error object for each stray token; their stacks would cost more than all the rest.
  Error.stackTraceLimit = 0
  try {
    const composer = new Composer({ schema: 'failsafe', merge: false, uniqueKeys: false, prettyErrors: false })
    const [first, second] = [...composer.compose(tokens(lexemes), true, length)]
    if (!first) throw new Error('a forced document is always there')
    return { first, second: second?.range[0] }
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** The lexemes were made once already, by the scan. */
function* tokens(lexemes: readonly string[]): Generator<CST.Token> {
  const parser = new Parser()
  for (const lexeme of lexemes) yield* parser.next(lexeme)
  yield* parser.end()
}

/** What one mistake drags behind it on its line is no news. */
function firstOfEachLine(errors: readonly Diagnostic[]): readonly Diagnostic[] {
  const lines = new Set<number | undefined>()
  const sorted = [...errors].sort((a, b) => rank(a) - rank(b))
  return sorted.filter((error) => !lines.has(error.at?.line) && lines.add(error.at?.line)).slice(0, 10)
}

function rank(error: Diagnostic): number {
  return error.code === 'yaml/changed-value' ? 0 : 1
}

/** A node with what it stands for when its aliases are written out. */
interface Sized {
  readonly node: Node
  readonly size: number
  readonly depth: number
}

/** Turns the nodes of one document into ours, and sees what they may not hold. */
class Reader {
  readonly diagnostics: Diagnostic[] = []
  readonly #file: SourceFile
  readonly #anchors = new Map<string, Sized>()
  #full = false

  constructor(file: SourceFile) {
    this.#file = file
  }

  read(node: ParsedNode | null | undefined, depth: number): Sized {
    const sized = this.#convert(node, depth)
    if (!this.#full && (sized.size > NODES || depth + sized.depth > DEPTH + 1)) {
      this.#full = true
      const what = sized.size > NODES ? `stand for more than ${NODES} values` : `nest more than ${DEPTH} deep`
      this.#report('yaml/too-many-aliases', `The aliases used here ${what}.`, sized.node.at())
    }
    if (this.#full) return this.#leaf(this.#empty(node))
    if (node && !isAlias(node) && node.anchor) this.#anchors.set(node.anchor, sized)
    return sized
  }

  #convert(node: ParsedNode | null | undefined, depth: number): Sized {
    if (isMap(node)) return this.#map(node.items as unknown as PairOf, node, depth)
    if (isSeq(node)) return this.#list(node.items as readonly ParsedNode[], node, depth)
    if (isAlias(node)) return this.#alias(node)
    return this.#leaf(isScalar(node) ? this.#scalar(node) : this.#empty(node))
  }

  #map(pairs: PairOf, node: Ranged, depth: number): Sized {
    const entries: { key: Scalar; value: Node; from: number }[] = []
    const seen = new Map<string, Scalar>()
    const inner = pairs.map((pair) => {
      const key = this.#key(pair)
      if (!key) return undefined
      if (pair.value === null) {
        const before = entries.at(-1)
        this.diagnostics.push(commaInMap(this.#file, key, before))
        return undefined
      }
      const value = this.read(pair.value, depth + 1)
      if (this.#mayStand(key, seen)) entries.push({ key, value: value.node, from: pair.value?.range[0] ?? 0 })
      return value
    })
    const dict: Dict = {
      kind: 'dict',
      entries: entries.map(({ key, value }) => ({ key, value })),
      at: () => this.#at(node),
    }
    return sum(dict, inner)
  }

  #key(pair: Pair<ParsedNode, ParsedNode | null>): Scalar | undefined {
    if (isScalar(pair.key)) return this.#scalar(pair.key)
    const at = this.#at(pair.key ?? { range: [0, 1] })
    this.#report('yaml/syntax', 'A key is plain text, not a map, a list or an alias.', at)
    return undefined
  }

  #mayStand(key: Scalar, seen: Map<string, Scalar>): boolean {
    const first = seen.get(key.text)
    seen.set(key.text, first ?? key)
    if (FORBIDDEN.has(key.text)) {
      this.#report('yaml/forbidden-key', `The key "${key.text}" may not be used.`, key.at())
      return false
    }
    if (!first) return true
    const where = `It stands at ${nameOf(first.at())} already.`
    this.#report('yaml/duplicate-key', `The key "${key.text}" is written twice in one map.`, key.at(), where)
    return false
  }

  #list(items: readonly ParsedNode[], node: Ranged & { readonly flow?: boolean | undefined }, depth: number): Sized {
    const inner = items.map((item) => this.read(item, depth + 1))
    const nodes = inner.map((item) => item.node)
    if (node.flow) this.diagnostics.push(...commaInList(nodes))
    return sum({ kind: 'list', items: nodes, at: () => this.#at(node) }, inner)
  }

  #alias(node: { readonly source: string } & Ranged): Sized {
    const target = this.#anchors.get(node.source)
    if (target) return target
    this.diagnostics.push(brokenAlias(this.#file, node.range[0]))
    return this.#leaf(this.#empty(node))
  }

  #leaf(node: Scalar): Sized {
    return { node, size: 1, depth: 0 }
  }

  #scalar(node: { readonly value: unknown; readonly type?: string } & Ranged): Scalar {
    const style = STYLES[node.type ?? 'PLAIN'] ?? 'plain'
    const [from, to] = node.range
    return scalar({ file: this.#file, text: String(node.value ?? ''), from, to, style })
  }

  #empty(node: Ranged | null | undefined): Scalar {
    const from = node?.range[0] ?? 0
    return scalar({ file: this.#file, text: '', from, to: from, style: 'plain' })
  }

  #at(node: Ranged): At {
    return place(this.#file, node.range[0], node.range[1])
  }

  #report(code: Diagnostic['code'], message: string, at: At, fix?: string): void {
    this.diagnostics.push(problem(code, message, at, fix))
  }
}

type Ranged = { readonly range: readonly [number, number, ...number[]] }
type PairOf = readonly Pair<ParsedNode, ParsedNode | null>[]

const STYLES: Readonly<Record<string, 'plain' | 'single' | 'double' | 'block'>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
}

function sum(node: Node, inner: readonly (Sized | undefined)[]): Sized {
  return {
    node,
    size: inner.reduce((total, one) => total + (one?.size ?? 0), 1),
    depth: 1 + inner.reduce((most, one) => Math.max(most, one?.depth ?? 0), 0),
  }
}
