import pLimit from 'p-limit'
import type { AskedTest, TestScan } from '../compile/model.ts'
import { type Diagnostic, problem, warning } from '../error.ts'
import type { DataTest } from '../project/data-tests.ts'
import type { Duration } from '../project/language.ts'
import type { Tokens } from '../sql/sql.ts'
import type { Row, Session } from '../warehouses/warehouse.ts'

/** What became of one data test. */
export interface DataTestOutcome {
  readonly test: DataTest
  /** `error` stops a run; `warn` is shown only. */
  readonly status: 'pass' | 'warn' | 'error'
  /** How many of `rows` fail; of a number of rows how many are too few or too many; 1 for a source that is too old. */
  readonly failures: number
  /** How many rows were tested. */
  readonly rows: number
  /** Keys of a few rows that fail, where they say nobody's name. */
  readonly examples: readonly string[]
  /** What is to be said of it; undefined where it passes. */
  readonly problem: Diagnostic | undefined
}

/** So many statements are asked together. */
const TOGETHER = 4

/** Asks all tests, and shows some rows of those that fail. In the order of the scans. */
export async function runDataTests(
  session: Session,
  scans: readonly TestScan[],
  tokens: Tokens,
): Promise<readonly DataTestOutcome[]> {
  const limit = pLimit(TOGETHER)
  const outcomes = await Promise.all(scans.map((scan) => limit(() => runScan(session, scan, tokens))))
  return outcomes.flat()
}

async function runScan(
  session: Session,
  { statement, tests }: TestScan,
  tokens: Tokens,
): Promise<readonly DataTestOutcome[]> {
  const row = (await session.first({ statement, tokens })) ?? {}
  const outcomes: DataTestOutcome[] = []
  for (const [index, asked] of tests.entries()) {
    const verdict = verdictOf(asked.test, answersIn(row, index + 1))
    const examples = verdict.status === 'pass' ? [] : await examplesOf(session, asked, tokens)
    outcomes.push({ test: asked.test, ...verdict, examples, problem: problemOf(asked.test, verdict, examples) })
  }
  return outcomes
}

async function examplesOf(session: Session, { examples }: AskedTest, tokens: Tokens): Promise<readonly string[]> {
  if (examples === undefined) return []
  const row = await session.first({ statement: examples, tokens })
  const lines = row?.examples?.split('\n') ?? []
  return lines.map((line) => String(JSON.parse(line)))
}

/** What one test answered. */
interface Answers {
  readonly rows: number
  readonly failures: number
  readonly newest: string | null
  /** Rows that are young enough. */
  readonly young: { readonly warn: number; readonly error: number }
}

function answersIn(row: Row, place: number): Answers {
  const count = (name: string) => Number(row[`${name}_${place}`] ?? 0)
  return {
    rows: count('rows'),
    failures: count('failures'),
    newest: row[`newest_${place}`] ?? null,
    young: { warn: count('warn'), error: count('error') },
  }
}

interface Verdict {
  readonly status: DataTestOutcome['status']
  readonly failures: number
  readonly rows: number
  readonly newest: string | null
}

function verdictOf(test: DataTest, { rows, failures, newest, young }: Answers): Verdict {
  const { check, severity } = test
  const found = (bad: number, status: Verdict['status']): Verdict => ({ status, failures: bad, rows, newest })
  switch (check.kind) {
    case 'row_count': {
      const off = Math.max((check.min ?? 0) - rows, rows - (check.max ?? Number.POSITIVE_INFINITY), 0)
      return found(off, off > 0 ? severity : 'pass')
    }
    case 'freshness': {
      if (check.errorAfter !== undefined && young.error === 0) return found(1, 'error')
      return check.warnAfter !== undefined && young.warn === 0 ? found(1, 'warn') : found(0, 'pass')
    }
    default:
      return found(failures, isTooMany(test, failures, rows) ? severity : 'pass')
  }
}

// A share like 29% is no exact number in binary.
function isTooMany({ mayFail }: DataTest, failures: number, rows: number): boolean {
  return mayFail.kind === 'rows' ? failures > mayFail.rows : failures > rows * mayFail.share + 1e-6
}

function problemOf(test: DataTest, verdict: Verdict, examples: readonly string[]): Diagnostic | undefined {
  if (verdict.status === 'pass') return undefined
  const tell = verdict.status === 'error' ? problem : warning
  const shown = examples.length === 0 ? '' : `Keys of such rows: ${examples.join(', ')}. `
  return tell('test/failed', messageOf(test, verdict), test.at, `${shown}${adviceOf(test, verdict)}`)
}

function messageOf(test: DataTest, { failures, rows, status, newest }: Verdict): string {
  const { check, column, of, where } = test
  const owner = `${of.kind} "${of.name}"`
  const noun = of.kind === 'source' ? 'row' : 'profile'
  const tested = `${number(rows)} ${where === undefined ? '' : 'tested '}${noun}${rows === 1 ? '' : 's'}`
  const among = `in ${number(failures)} of ${tested} of ${owner}${allowance(test)}.`
  switch (check.kind) {
    case 'not_null':
      return `"${column}" is null ${among}`
    case 'accepted_values':
      return `"${column}" is none of the accepted values ${among}`
    case 'expression':
      return `"${check.words}" does not hold ${among}`
    case 'unique':
      return `"${check.columns.join(', ')}" repeats ${among}`
    case 'relationships':
      return `"${check.column}" is no "${check.toColumn}" of source "${check.to}" ${among}`
    case 'row_count': {
      const bound =
        rows < (check.min ?? 0) ? `"min" is ${number(check.min ?? 0)}` : `"max" is ${number(check.max ?? 0)}`
      return `The ${owner} has ${tested}, and ${bound}.`
    }
    case 'freshness': {
      const limit = words(status === 'error' ? check.errorAfter : check.warnAfter)
      const last = newest === null ? 'no row has a time up to now' : `the newest is of ${newest}`
      return `The ${owner} has no row of the last ${limit}: ${last}.`
    }
  }
}

function allowance({ mayFail }: DataTest): string {
  if (mayFail.kind === 'share') return `; max_failures allows ${Number((mayFail.share * 100).toFixed(4))}%`
  return mayFail.rows === 0 ? '' : `; max_failures allows ${number(mayFail.rows)}`
}

function adviceOf({ check, of }: DataTest, { status }: Verdict): string {
  if (check.kind === 'freshness') return 'See why nothing newer arrives, or change what `freshness:` allows.'
  if (check.kind === 'row_count') return 'See what fills it, or change the bound.'
  const where = of.kind === 'source' ? 'Mend the rows where they come from' : 'See which rows make such profiles'
  return status === 'warn'
    ? `${where}.`
    : `${where}, allow some with \`max_failures:\`, or only show it with \`severity: warn\`.`
}

function words(duration: Duration | undefined): string {
  const { amount = 0, unit = 'hour' } = duration ?? {}
  return `${number(amount)} ${unit}${amount === 1 ? '' : 's'}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
