import type { Diagnostic } from '../../src/error.ts'
import { type ConditionScope, readCondition } from '../../src/project/condition.ts'
import { parseExpression } from '../../src/project/expression.ts'
import type { Condition, Expression } from '../../src/project/language.ts'
import { place, sourceFile } from '../../src/project/place.ts'
import type { Style } from '../../src/project/reader.ts'
import { type EntityNames, entityScope, type Scope, sourceScope } from '../../src/project/scope.ts'
import type { Dict, List, Node, Scalar } from '../../src/project/tree.ts'
import { parseYaml } from '../../src/project/yaml.ts'
import type { ValueType } from '../../src/sql/dialect.ts'

/** A scalar that is the whole text of a file. */
export function scalarOf(text: string): Scalar {
  const file = sourceFile('marked.yaml', text)
  const at = (from = 0, to = text.length) => place(file, from, to)
  return { kind: 'scalar', text, quoted: true, isNull: false, secret: false, at }
}

export function listOf(...items: readonly Node[]): List {
  return { kind: 'list', items, at: () => scalarOf('').at() }
}

export function dictOf(entries: Readonly<Record<string, Node>>): Dict {
  const pairs = Object.entries(entries).map(([key, value]) => ({ key: scalarOf(key), value }))
  return { kind: 'dict', entries: pairs, at: () => scalarOf('').at() }
}

/** The tree of a YAML text that can be read. */
export function nodeOf(text: string): Node {
  const { root, diagnostics } = parseYaml(sourceFile('marked.yaml', text))
  if (root === undefined) throw new Error(diagnostics.map((one) => one.message).join('\n'))
  return root
}

/** A shop's customers: one trait of every type. */
export const CUSTOMER: EntityNames = {
  name: 'customer',
  traits: new Map<string, ValueType>([
    ['email', 'text'],
    ['country', 'text'],
    ['zip', 'text'],
    ['order_count', 'integer'],
    ['lifetime_value', 'decimal'],
    ['average_basket', 'float'],
    ['is_vip', 'boolean'],
    ['last_order_at', 'timestamp'],
    ['birthday', 'date'],
    ['tags', 'list'],
  ]),
}

export const PARIS = 'Europe/Paris'

export const people: Scope = entityScope(CUSTOMER, PARIS)

/** Orders, whose `status` and `ordered_at` have types; `lines` belong to them. */
export const orders: Scope = sourceScope({
  source: {
    name: 'orders',
    types: new Map<string, ValueType>([
      ['status', 'text'],
      ['ordered_at', 'timestamp'],
    ]),
    belongsTo: new Map([['shops', 'shop_id']]),
  },
  sources: new Map([['shops', { types: new Map<string, ValueType>([['opened_on', 'date']]) }]]),
  entity: CUSTOMER,
  timezone: PARIS,
})

/** What a segment of customers may speak of. `products` has no time. */
export const segmentScope: ConditionScope = {
  names: people,
  entity: 'customer',
  events: new Map([
    ['orders', { scope: orders, hasTime: true }],
    ['products', { scope: orders, hasTime: false }],
  ]),
  segments: new Map([
    ['vips', { entity: 'customer' }],
    ['tested', { entity: 'customer', variants: ['a', 'b'] }],
    ['big_households', { entity: 'household' }],
  ]),
}

export interface Read<T> {
  readonly tree: T | undefined
  readonly problems: readonly Diagnostic[]
}

export function readText(text: string, scope: Scope, style: Style): Read<Expression> {
  const problems: Diagnostic[] = []
  return { tree: parseExpression(scalarOf(text), scope, style, problems), problems }
}

export function readNode(node: Node, scope: ConditionScope = segmentScope): Read<Condition> {
  const problems: Diagnostic[] = []
  return { tree: readCondition(node, scope, problems), problems }
}

/** The tree of a text that must be right. */
export function treeOf(text: string, scope: Scope = people, style: Style = 'where'): Expression {
  const { tree, problems } = readText(text, scope, style)
  if (tree === undefined) throw new Error(`${text}: ${problems.map((one) => one.message).join(' ')}`)
  return tree
}

/** The tree of a condition that must be right. */
export function conditionOf(text: string, scope: ConditionScope = segmentScope): Condition {
  const { tree, problems } = readNode(nodeOf(text), scope)
  if (tree === undefined) throw new Error(`${text}: ${problems.map((one) => one.message).join(' ')}`)
  return tree
}
