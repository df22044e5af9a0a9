import { expect, test } from 'vitest'
import { failingOf, range } from './seeds.ts'

// A file of its own, so that two workers share the 20,000 seeds.
test('after crashes, freezes, overlaps and faults nothing is lost, stale, orphaned or sent again (10000 more seeds)', {
  timeout: 0,
}, async () => {
  expect(await failingOf(range(10_001, 10_000))).toEqual([])
})
