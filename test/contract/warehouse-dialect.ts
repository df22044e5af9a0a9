import type fc from 'fast-check'
import { describe } from 'vitest'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { hostile } from '../support/hostile.ts'
import type { Skip } from './warehouse-bench.ts'
import { setUpDialect } from './warehouse-dialect-bench.ts'
import { endCases } from './warehouse-dialect-ends.ts'
import { aggregateCases, jsonCases, rowsCases } from './warehouse-dialect-groups.ts'
import { measureCases } from './warehouse-dialect-measures.ts'
import { normaliserCases } from './warehouse-dialect-normalisers.ts'
import { castCases, textCases, timeCases } from './warehouse-dialect-values.ts'

/**
 * What every dialect must mean, each member executed on a real session of its warehouse. Values are compared as the
 * canonical text in which they leave the session. `texts` are those that the warehouse can hold.
 */
export function dialectContract(
  open: () => Promise<Session>,
  texts: fc.Arbitrary<string> = hostile(),
  skips: readonly Skip[] = [],
): void {
  const bench = setUpDialect(open, skips)
  describe('casts and literals', () => castCases(bench))
  describe('times', () => timeCases(bench))
  describe('numbers and texts', () => textCases(bench))
  describe('aggregates', () => aggregateCases(bench))
  describe('measures', () => measureCases(bench))
  describe('values at an end', () => endCases(bench))
  describe('json and hashes', () => jsonCases(bench))
  describe('normalisers', () => normaliserCases(bench, texts))
  describe('rows of a parameter', () => rowsCases(bench))
}
