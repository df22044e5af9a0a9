import type { Channel, HeldRow, Json, Key, Mode } from '../../src/connectors/connector.ts'
import type { Sent, Subject } from './subject.ts'

/** What is read of rows, as texts. */
export function readerOf<A, T>({ into, row }: Subject<A, T>, channel: Channel<T>) {
  return async (keys: readonly Key[] | 'all') => {
    const rows: HeldRow[] = []
    for await (const one of channel.read?.(keys, into) ?? []) rows.push(one)
    const names = Object.keys(row(0).fields)
    return textsOf(
      rows.map(({ key, fields }) => ({
        key,
        fields: Object.fromEntries(names.map((name) => [name, fields[name] ?? null])),
      })),
    )
  }
}

/** What would be read of the rows of these numbers. */
export function sentTexts<A, T>({ row }: Subject<A, T>, ...numbers: readonly number[]): readonly string[] {
  return textsOf(numbers.map((n) => row(n)))
}

export function reads<A, T>({ connector, into }: Subject<A, T>, mode: Mode): boolean {
  return connector.reads?.(mode, into) ?? false
}

/** Values as texts, in which vendors may tell them. */
function textsOf(rows: readonly Sent[]): readonly string[] {
  const text = (value: Json) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : `${value}`)
  return rows
    .map(({ key, fields }) => Object.entries({ ...fields, ...key }).map(([name, value]) => `${name}=${text(value)}`))
    .map((cells) => cells.sort().join(', '))
    .sort()
}
