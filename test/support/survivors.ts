import type { PickBy } from '../../src/project/project.ts'

/** One value that a row has for a pick. */
export interface Entry {
  /** Where its column stands in `from`. */
  readonly place: number
  readonly source: string
  readonly value: Value
  readonly time: string | null
  readonly key: string | null
}

export type Value = string | number | boolean

export interface Survivor {
  readonly value: string | null
  readonly source: string | null
}

/** What survives of all values of one profile, said as plainly as can be: the oracle of `pick … by:`. */
export function survivorOf(by: PickBy, entries: readonly Entry[]): Survivor {
  if (by === 'concat_distinct') {
    const texts = [...new Set(entries.map(({ value }) => String(value)))].sort(compareTexts)
    return { value: texts.length === 0 ? null : texts.join(', '), source: null }
  }
  const first = [...entries].sort(ordered(rules(by, entries)))[0]
  return { value: first === undefined ? null : String(first.value), source: first?.source ?? null }
}

type Order = (a: Entry, b: Entry) => number

/** What decides, in turn. */
function rules(by: Exclude<PickBy, 'concat_distinct'>, entries: readonly Entry[]): readonly Order[] {
  const same = (one: Entry) => entries.filter(({ value }) => value === one.value)
  const place: Order = (a, b) => a.place - b.place
  const smaller: Order = (a, b) => compareValues(a.value, b.value)
  const greater: Order = (a, b) => compareValues(b.value, a.value)
  const newest = [nullsLast('time', -1), nullsLast('key', -1), greater]
  switch (by) {
    case 'priority':
      return [place, ...newest]
    case 'most_recent':
      return [nullsLast('time', -1), place, ...newest]
    case 'first':
      return [nullsLast('time', 1), place, nullsLast('key', 1), smaller]
    case 'longest':
      return [(a, b) => lengthOf(b) - lengthOf(a), place, ...newest]
    case 'min':
      return [smaller, place]
    case 'max':
    case 'any_true':
      return [greater, place]
    case 'most_frequent': {
      const count: Order = (a, b) => same(b).length - same(a).length
      const earliest = (one: Entry) => Math.min(...same(one).map((other) => other.place))
      return [count, (a, b) => earliest(a) - earliest(b), smaller, place]
    }
  }
}

function ordered(orders: readonly Order[]): Order {
  return (a, b) => orders.map((order) => order(a, b)).find((result) => result !== 0) ?? 0
}

function nullsLast(of: 'time' | 'key', direction: 1 | -1): Order {
  return (a, b) => {
    const [left, right] = [a[of], b[of]]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return direction * compareTexts(left, right)
  }
}

function lengthOf({ value }: Entry): number {
  return [...String(value)].length
}

function compareValues(a: Value, b: Value): number {
  return typeof a === 'string' && typeof b === 'string' ? compareTexts(a, b) : Number(a) - Number(b)
}

/** By code point, which is not how JavaScript compares. */
function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
