import type { DataTest } from '../project/data-tests.ts'
import type { UnitTest } from '../project/unit-test.ts'
import { segmentOf } from './expectation.ts'

/** Tests that were asked for, in their order, and the terms that name none of them. */
export interface Selected {
  readonly units: readonly UnitTest[]
  readonly data: readonly DataTest[]
  readonly missed: readonly string[]
}

/**
 * Tests by their name or a glob of it, `tag:x`, `segment:x`, `entity:x` (what they expect something of) and `source:x`
 * (what they give rows of); data tests by name and by what they test. A name holds blanks, so a term is one argument.
 * No term means all.
 */
export function selectTests(
  { units, data }: Pick<Selected, 'units' | 'data'>,
  include: readonly string[],
  exclude: readonly string[],
): Selected {
  const all = [...units, ...data]
  const missed = [...include, ...exclude].filter((term) => !all.some((test) => fits(test, term)))
  const isIn = (test: Selectable) =>
    (include.length === 0 || include.some((term) => fits(test, term))) && !exclude.some((term) => fits(test, term))
  return { units: units.filter(isIn), data: data.filter(isIn), missed }
}

type Selectable = UnitTest | DataTest

function fits(test: Selectable, term: string): boolean {
  const [, method, name] = /^(tag|segment|entity|source|test):(.*)$/s.exec(term) ?? []
  const matches = matcher(name ?? term)
  return textsOf(test, method ?? 'test').some(matches)
}

function textsOf(test: Selectable, method: string): readonly string[] {
  if ('check' in test) return method === 'test' ? [test.name] : test.of.kind === method ? [test.of.name] : []
  switch (method) {
    case 'tag':
      return test.tags
    case 'source':
      return [...test.given.keys()]
    case 'segment':
      return test.expect.flatMap((one) => segmentOf(one) ?? [])
    case 'entity':
      return test.expect.flatMap((one) => {
        if (one.kind === 'same' || one.kind === 'apart' || one.kind === 'trait') return [one.entity]
        return one.kind === 'count' && one.of === 'entity' ? [one.name] : []
      })
    default:
      return [test.name]
  }
}

function matcher(pattern: string): (text: string) => boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const whole = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's')
  // A name that ends in a question mark is itself, too.
  return (text) => text === pattern || whole.test(text)
}
