import type { Json } from '../connectors/connector.ts'
import type { ModelPlanRow, ModelRow, ModelSync } from './model-rows.ts'

/** Rows of a plan, with old match fields that lack what somebody has who is in the audience now. */
export function withoutShared<R extends Pick<ModelPlanRow, 'op' | 'before'>>(
  sync: ModelSync,
  rows: readonly ModelRow[],
  plan: readonly R[],
): readonly R[] {
  const listed = sync.fields.flatMap((field) => {
    const list = sync.lists?.get(field.name)
    return list === undefined ? [] : [{ name: field.name, from: field.from ?? field.name, list }]
  })
  if (listed.length === 0 || sync.whole) return plan
  const standing = new Set(
    rows
      .filter((row) => !row.excluded && row.barred === undefined)
      .flatMap((row) => listed.flatMap(({ from, list }) => identifier(list, row.values[from]) ?? [])),
  )
  return plan.map((row) => {
    // Of a row that may stand under several forms nothing is known for sure.
    if (row.op === 'create' || row.op === undefined || row.before === null || row.before.includes('},{')) return row
    const told = JSON.parse(row.before) as Readonly<Record<string, Json>>
    const stays = (name: string, list: string) => standing.has(identifier(list, told[name]) ?? '')
    const shared = new Set(listed.filter(({ name, list }) => stays(name, list)).map(({ name }) => name))
    if (shared.size === 0) return row
    const left = [...sync.matchFields].filter((name) => !shared.has(name) && (told[name] ?? null) !== null)
    return { ...row, before: JSON.stringify(Object.fromEntries(left.map((name) => [name, textOf(told[name])]))) }
  })
}

function identifier(list: string, value: Json | undefined): string | undefined {
  if (value === null || value === undefined) return undefined
  const text = textOf(value).replaceAll(/\s+/g, ' ').trim().toLowerCase()
  return text === '' ? undefined : `${list}:${text}`
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
