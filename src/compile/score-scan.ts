import { readingOfScore } from '../project/append-only.ts'
import type { Expression } from '../project/language.ts'
import type { RfmScore, ScoredRows, ValueScore } from '../project/score.ts'
import { type Sql, sql } from '../sql/sql.ts'
import { type Context, NOW } from './context.ts'
import { printExpression } from './expression.ts'
import { countPart, type Folded, one, sumPart, timePart, whole } from './folded.ts'
import { rounded } from './measure.ts'
import { rowContext, rowsOn, type ScanColumn } from './scan.ts'

/** What a score must know of a profile's rows. */
export type Fact = 'first' | 'last' | 'rows' | 'amount'

/** Where the scan of a source keeps a fact for a score. */
export function factColumn(trait: string, fact: Fact): string {
  return `${trait}__${fact}`
}

/** What a score asks of the one scan of its source. */
export function scoreScan(context: Context, trait: string, score: RfmScore | ValueScore): readonly ScanColumn[] {
  const { dialect } = context
  const filter = pastRows(context, score)
  const amount = printExpression(finite(score.amount), rowContext(context))
  const found: Readonly<Record<Fact, Folded>> = {
    first: one(timePart(dialect, 'min', filter)),
    last: one(timePart(dialect, 'max', filter)),
    rows: one(countPart(dialect, filter)),
    amount: { parts: [sumPart(dialect, amount, filter)], value: (at) => rounded(at(0), context) },
  }
  const said = { uses: [score.amount, score.where], reading: readingOfScore(score) }
  return factsOf(score).map((fact) => ({
    name: factColumn(trait, fact),
    value: whole(found[fact]),
    folded: found[fact],
    ...said,
  }))
}

function factsOf({ kind }: RfmScore | ValueScore): readonly Fact[] {
  return kind === 'rfm' ? ['last', 'rows', 'amount'] : ['first', 'last', 'rows', 'amount']
}

/** A row of tomorrow would make people more recent than now. */
function pastRows(context: Context, score: ScoredRows): Sql {
  const chosen = rowsOn(context, score)
  const past = sql`s.cdp_time <= ${NOW}`
  if (chosen === undefined) return past
  return score.within === undefined ? sql`${chosen} and ${past}` : chosen
}

/** A number, or null where it is none (NaN, infinity, beyond 1e100). */
export function finite(of: Expression): Expression {
  // NaN lies above all numbers in some warehouses and beside them in others, within bounds in none.
  const test: Expression = { kind: 'between', left: of, low: LEAST, high: MOST, negated: false }
  return { kind: 'case', when: [{ test, value: of }], otherwise: undefined }
}

const LEAST: Expression = { kind: 'number', value: '-1e100' }
const MOST: Expression = { kind: 'number', value: '1e100' }
