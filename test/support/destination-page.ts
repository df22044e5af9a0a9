import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { z } from 'zod'
import type { Connector, Field, LeaveVerb, Limit, Ms } from '../../src/connectors/connector.ts'

/** Everything below this line of a page is written by hand. */
export const BY_HAND = '<!-- Below this line the page is written by hand. -->'

/** The page of a connector up to the line below which it is written by hand, from the definition alone. */
export function definitionPage(connector: Connector<unknown, unknown>, account: unknown, into: unknown): string {
  const { upsert, remove } = connector.limits(account, into, { upsert: 1_000, remove: 1_000 })
  const { known, open } = connector.fields(into)
  const parts = [
    `# ${connector.title}\n\n<!-- Written by \`npm run golden\` from the definition of the connector. -->`,
    `\`type: ${connector.name}\` · modes: ${connector.modes.map((mode) => `\`${mode}\``).join(', ')} · erasure: ${connector.erase} · ${reads(connector, into)}`,
    `## Options of the destination\n\n${options(connector.account)}`,
    `## Options of \`into:\`\n\n${options(connector.into)}`,
    `## Fields\n\n${fields(known, open)}`,
    `## When somebody leaves (\`on_leave:\`, \`on_withdraw:\`)\n\n${leaves(connector.leaves)}`,
    `## Limits\n\n${limits(upsert, remove)}`,
    BY_HAND,
  ]
  return `${parts.join('\n\n')}\n`
}

function reads(connector: Connector<unknown, unknown>, into: unknown): string {
  const modes = connector.modes.filter((mode) => connector.reads?.(mode, into) ?? false)
  return modes.length === 0 ? 'cannot be read back' : 'can be read back'
}

interface Property {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly default?: unknown
  readonly secret?: boolean
  readonly anyOf?: readonly Property[]
  readonly items?: Property
}

interface Shape extends Property {
  readonly properties?: Readonly<Record<string, Property>>
  readonly required?: readonly string[]
  readonly oneOf?: readonly Shape[]
  readonly anyOf?: readonly Shape[]
}

function options(shape: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }) as Shape
  const rows = Object.entries(properties).map(([name, one]) => [
    `\`${name}\``,
    required.includes(name) ? 'yes' : one.default === undefined ? 'no' : `no; ${code(one.default)}`,
    typeOf(one),
    one.description ?? '',
  ])
  return rows.length === 0 ? 'None.' : table(['option', 'needed; default', 'type', 'what it is'], rows)
}

function typeOf({ type, enum: values, anyOf, items, secret, const: only }: Property): string {
  if (secret) return 'secret'
  if (only !== undefined) return code(only)
  if (values) return values.map(code).join(' or ')
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' or ')
  if (items) return `list of ${typeOf(items)}`
  return type ?? 'any'
}

function fields(known: readonly Field[], open: boolean): string {
  const rest = open ? 'Any other name is sent as it stands.' : 'No others.'
  if (known.length === 0) return rest
  const rows = known.map((one) => [
    `\`${one.name}\``,
    one.key ? (one.required ? 'key, needed' : 'key') : one.required ? 'needed' : '',
    one.type,
    one.normalise ?? '',
    one.description ?? '',
  ])
  return `${table(['field', '', 'type', 'normalised as', 'what it is'], rows)}\n\n${rest}`
}

function leaves(verbs: readonly LeaveVerb[]): string {
  if (verbs.length === 0) return 'Nothing can be taken back from there.'
  const rows = verbs.map((one) => [
    `\`${one.verb}${one.takes === 'text' ? ': …' : ''}\``,
    one.description,
    one.stopsContact ? 'yes' : 'no',
    one.takesAway ? 'yes' : 'no',
    one.deletes ? 'yes' : 'no',
  ])
  return table(['verb', 'what it does', 'ends contact', 'takes the row away', 'cannot be undone'], rows)
}

function limits(upsert: Limit, remove: Limit): string {
  const row = (what: string, one: Limit) => [
    what,
    String(one.rows),
    `${Math.round(one.bytes / 1024)} KiB`,
    `${one.calls} in ${seconds(one.perMs)}`,
    String(one.inFlight),
    one.perDay === undefined ? '' : String(one.perDay),
  ]
  const head = ['requests that', 'rows', 'size', 'at most', 'at once', 'a day']
  return table(head, [row('write', upsert), row('remove', remove)])
}

function seconds(ms: Ms): string {
  return ms === 1_000 ? 'a second' : `${ms / 1_000} s`
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/**
 * Fails unless the page of the connector says what its definition says, and by hand where credentials come from;
 * `npm run golden` writes the first part.
 */
export function expectPage(connector: Connector<unknown, unknown>, account: unknown, into: unknown): void {
  const file = new URL(`../../docs/destinations/${connector.name}.md`, import.meta.url)
  const [written = '', byHand = ''] = (existsSync(file) ? readFileSync(file, 'utf8') : '').split(`${BY_HAND}\n`)
  const page = definitionPage(connector, account, into)
  if (process.env.GOLDEN === 'write') writeFileSync(file, `${page}${byHand}`)
  else expect(`${written}${BY_HAND}\n`).toBe(page)
  expect(byHand).toContain('\n## Credentials\n')
}
