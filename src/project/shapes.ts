import { z } from 'zod'
import type { Node, Scalar } from './tree.ts'

/** What a zod type means for the reader of nodes, beyond what zod knows. */
export type Mark =
  | { readonly node: 'scalar' | 'tree'; readonly words: string; readonly json: object }
  | { readonly node: 'entries'; readonly value: z.core.SomeType }
  | { readonly node: 'planned'; readonly keys: Readonly<Record<string, string>> }

const marks = new WeakMap<object, Mark>()

/** What a type means beyond zod. */
export function markOf(type: z.core.SomeType): Mark | undefined {
  return marks.get(type)
}

function marked<T extends object>(type: T, mark: Mark): T {
  marks.set(type, mark)
  return type
}

/** One entry of a map whose order and key places matter. */
export interface Entry<V> {
  readonly key: Scalar
  readonly value: V
}

/** A text that keeps its place: names, conditions and expressions, which are read later. */
export function scalar(description: string, words = 'text'): z.ZodType<Scalar> {
  const type = z.custom<Scalar>((value) => isNode(value) && value.kind === 'scalar').describe(description)
  return marked(type, { node: 'scalar', words, json: { type: 'string' } })
}

/** Any node, as it stands. `json`: what a JSON Schema says of it. */
export function tree(description: string, words = 'a value', json: object = {}): z.ZodType<Node> {
  return marked(z.custom<Node>(isNode).describe(description), { node: 'tree', words, json })
}

/** A map in the order of the file, whose keys keep their places. */
export function entries<V>(value: z.ZodType<V>, description: string): z.ZodType<readonly Entry<V>[]> {
  const entry = z.object({ key: z.custom<Scalar>(isNode), value })
  return marked(z.array(entry).describe(description), { node: 'entries', value }) as z.ZodType<readonly Entry<V>[]>
}

/** One text, or a list of them. */
export function scalars(description: string): z.ZodType<readonly Scalar[]> {
  const one = scalar('One name.')
  return z
    .union([one, z.array(one)])
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .describe(description) as unknown as z.ZodType<readonly Scalar[]>
}

/** Keys of the design that this version does not know, each with what it does not do. */
export function planned<T extends z.ZodType>(type: T, keys: Readonly<Record<string, string>>): T {
  return marked(type, { node: 'planned', keys })
}

/** The JSON Schema of what a writer may put where a zod type of ours reads. */
export function jsonSchema(type: z.ZodType): object {
  return z.toJSONSchema(type, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: json }) => {
      const mark = markOf(zodSchema)
      if (mark?.node === 'scalar' || mark?.node === 'tree') Object.assign(json, mark.json)
      if (mark?.node === 'entries') asMap(json)
      if (zodSchema._zod.def.type === 'object') json.additionalProperties ??= false
    },
  })
}

/** A JSON Schema as a part of another one. */
export function withoutDraft(schema: object): object {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema'))
}

/** A list of keys and values is written as a map. */
function asMap(json: z.core.JSONSchema.BaseSchema): void {
  const items = json.items as z.core.JSONSchema.BaseSchema | undefined
  const value = items?.properties?.value
  delete json.items
  Object.assign(json, { type: 'object', additionalProperties: value ?? {} })
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value && 'at' in value
}
