import { type Bound, verbatim } from '../../src/sql/sql.ts'

/** A statement in the words of a test, ready to run. */
export function written(text: string): Bound {
  return { statement: { name: 'test', reason: 'test', sql: verbatim(text) } }
}
