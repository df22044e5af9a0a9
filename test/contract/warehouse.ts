import type fc from 'fast-check'
import { describe } from 'vitest'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { hostile } from '../support/hostile.ts'
import { ANY_NAME, type Names, type Skip, setUp } from './warehouse-bench.ts'
import { appendCases, describeCases, readCases } from './warehouse-pages.ts'
import { failureCases, scriptCases } from './warehouse-scripts.ts'
import { nameCases, valueCases } from './warehouse-values.ts'

/**
 * What a session of every warehouse must keep. Each `open` gives a session of its own on the same, empty warehouse; `texts` are
 * those that it can hold, and `names` says which names it has.
 */
export function warehouseContract(
  open: () => Promise<Session>,
  skips: readonly Skip[] = [],
  texts: fc.Arbitrary<string> = hostile(),
  names: Names = ANY_NAME,
): void {
  const bench = setUp(open, skips)
  describe('names', () => nameCases(bench, names))
  describe('values', () => valueCases(bench, texts))
  describe('scripts', () => scriptCases(bench))
  describe('reading', () => readCases(bench))
  describe('appending', () => appendCases(bench))
  describe('describing', () => describeCases(bench))
  describe('failures', () => failureCases(bench))
}
