import fc from 'fast-check'
import type { Node } from '../../src/project/tree.ts'
import { dictOf, listOf, scalarOf } from './language.ts'
import { and, both, compare, not, operator, or, type Row, type Term, type Truth, word } from './logic-row.ts'
import * as time from './logic-time.ts'

/**
 * Random conditions of the language, each with a plain function that says on which rows it holds: an oracle that
 * knows nothing of SQL.
 */
export interface Case {
  readonly node: Node
  holds(row: Row): Truth
}

/** A comparison, or several joined by words, as a text. */
type Test = Term<boolean>

const small = fc.integer({ min: -3, max: 4 })

const numberColumn: fc.Arbitrary<Term<number>> = fc
  .constantFrom('n' as const, 'm' as const, 'f' as const)
  .map((name) => ({ text: name, of: (row: Row) => row[name] }))

const textColumn: fc.Arbitrary<Term<string>> = fc
  .constantFrom('s' as const, 't' as const)
  .map((name) => ({ text: name, of: (row: Row) => row[name] }))

const listColumn: fc.Arbitrary<Term<readonly string[]>> = fc
  .constantFrom('l' as const, 'k' as const)
  .map((name) => ({ text: name, of: (row: Row) => row[name] }))

const inQuotes = (value: string) => `'${value.replaceAll("'", "''")}'`

/** Texts as they are written left of an operator and in expressions. */
const texts: fc.Arbitrary<Term<string>> = fc.oneof(
  textColumn,
  textColumn.map((a) => ({ text: `lower(${a.text})`, of: (row: Row) => a.of(row)?.toLowerCase() ?? null })),
  textColumn.map((a) => ({
    text: `upper(trim(${a.text}))`,
    of: (row: Row) =>
      a
        .of(row)
        ?.replace(/^ +| +$/g, '')
        .toUpperCase() ?? null,
  })),
  textColumn.map((a) => ({ text: `substring(${a.text}, 2, 1)`, of: (row: Row) => a.of(row)?.slice(1, 2) ?? null })),
  fc
    .tuple(textColumn, word)
    .map(([a, value]) => ({ text: `coalesce(${a.text}, ${inQuotes(value)})`, of: (row: Row) => a.of(row) ?? value })),
  fc.tuple(textColumn, textColumn).map(([a, b]) => ({
    text: `nullif(${a.text}, ${b.text})`,
    of: (row: Row) => (compare('=', a.of(row), b.of(row)) === true ? null : a.of(row)),
  })),
  fc.tuple(textColumn, word, textColumn).map(([a, value, b]) => ({
    text: `concat(${a.text}, ${inQuotes(value)}, n, ${b.text})`,
    of: (row: Row) =>
      [a.of(row), value, row.n, b.of(row)].reduce<string | null>(
        (all, one) => both(all, one, (x, y) => `${x}${y}`),
        '',
      ),
  })),
)

/** Numbers as they are written left of an operator and in expressions. */
const { numbers } = fc.letrec<{ numbers: Term<number> }>((tie) => ({
  numbers: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    numberColumn,
    small.map((value) => ({ text: String(value), of: () => value })),
    fc.tuple(tie('numbers'), fc.constantFrom('+', '-', '*', '/'), tie('numbers')).map(([a, op, b]) => ({
      text: `(${a.text}) ${op} (${b.text})`,
      of: (row: Row) => both(a.of(row), b.of(row), (x, y) => calculated(x, op, y)),
    })),
    tie('numbers').map((a) => ({ text: `-(${a.text})`, of: (row: Row) => both(0, a.of(row), (zero, x) => zero - x) })),
    tie('numbers').map((a) => ({
      text: `abs(${a.text})`,
      of: (row: Row) => both(0, a.of(row), (_, x) => Math.abs(x)),
    })),
    fc
      .tuple(tie('numbers'), tie('numbers'))
      .map(([a, b]) => ({ text: `coalesce(${a.text}, ${b.text})`, of: (row: Row) => a.of(row) ?? b.of(row) })),
    fc.tuple(numberColumn, small).map(([a, value]) => ({
      text: `nullif(${a.text}, ${value})`,
      of: (row: Row) => (a.of(row) === value ? null : a.of(row)),
    })),
    fc.tuple(tie('numbers'), tie('numbers')).map(([a, b]) => ({
      text: `least(${a.text}, ${b.text})`,
      of: (row: Row) => extreme(Math.min, a.of(row), b.of(row)),
    })),
    fc.tuple(tie('numbers'), tie('numbers')).map(([a, b]) => ({
      text: `greatest(${a.text}, ${b.text})`,
      of: (row: Row) => extreme(Math.max, a.of(row), b.of(row)),
    })),
    fc.tuple(texts, word, tie('numbers'), tie('numbers')).map(([t, value, a, b]) => ({
      text: `case when ${t.text} = ${inQuotes(value)} then ${a.text} when c then 2 else ${b.text} end`,
      of: (row: Row) => (t.of(row) === value ? a.of(row) : row.c === true ? 2 : b.of(row)),
    })),
    texts.map((t) => ({ text: `length(${t.text})`, of: (row: Row) => t.of(row)?.length ?? null })),
    listColumn.map((l) => ({ text: `length(${l.text})`, of: (row: Row) => l.of(row)?.length ?? null })),
    fc.tuple(time.times, time.times).map(([a, b]) => ({
      text: `days_between(${a.text}, ${b.text})`,
      of: (row: Row) => both<time.Time, number>(a.of(row), b.of(row), time.daysBetween),
    })),
  ),
}))

function calculated(x: number, op: string, y: number): number | null {
  if (op === '/') return y === 0 ? null : x / y
  return op === '+' ? x + y : op === '-' ? x - y : x * y
}

function extreme(of: (...values: number[]) => number, a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : of(a, b)
}

/** What may stand left of an operator: something with a name in it. */
const numberLeft = numbers.filter(({ text }) => /[a-z]/.test(text))

/** What may stand right of an operator in `where:`. */
const numberRight: fc.Arbitrary<Term<number>> = fc.oneof(
  small.map((value) => ({ text: String(value), of: () => value })),
  small.map((value) => ({ text: `'${value}'`, of: () => value })),
  numberColumn.map((a) => ({ text: `it.${a.text}`, of: a.of })),
  fc.tuple(numberColumn, small).map(([a, value]) => ({
    text: `it.${a.text} * 2 + ${value}`,
    of: (row: Row) => both(a.of(row), value, (x, y) => x * 2 + y),
  })),
)

const textRight: fc.Arbitrary<Term<string>> = fc.oneof(
  fc.tuple(word, fc.boolean()).map(([value, bare]) => ({ text: written(value, bare), of: () => value })),
  textColumn.map((a) => ({ text: `it.${a.text}`, of: a.of })),
)

function written(value: string, bare: boolean): string {
  // A bare number beside `<` and a text is refused.
  if (bare && /^[\wé%]+$/.test(value) && value !== 'null' && value !== '1') return value
  return bare ? `"${value}"` : inQuotes(value)
}

const comparisons = <T extends string | number>(left: fc.Arbitrary<Term<T>>, right: fc.Arbitrary<Term<T>>) => {
  const list = fc.array(right, { minLength: 1, maxLength: 3 })
  return fc.oneof(
    fc.tuple(left, operator, right).map(
      ([a, op, b]): Test => ({
        text: `${a.text} ${op} ${b.text}`,
        of: (row: Row) => compare(op, a.of(row), b.of(row)),
      }),
    ),
    fc.tuple(left, fc.boolean(), list).map(
      ([a, negated, items]): Test => ({
        text: `${a.text} ${negated ? 'not in' : 'in'} [${items.map((item) => item.text).join(', ')}]`,
        of: (row: Row) => signed(negated, items.map((item) => compare('=', a.of(row), item.of(row))).reduce(or)),
      }),
    ),
    fc.tuple(left, fc.boolean(), right, right).map(
      ([a, negated, low, high]): Test => ({
        text: `${a.text} ${negated ? 'not between' : 'between'} ${low.text} and ${high.text}`,
        of: (row: Row) =>
          signed(negated, and(compare('>=', a.of(row), low.of(row)), compare('<=', a.of(row), high.of(row)))),
      }),
    ),
    fc.tuple(left, fc.boolean()).map(
      ([a, negated]): Test => ({
        text: `${a.text} is ${negated ? 'not null' : 'null'}`,
        of: (row: Row) => (a.of(row) === null) !== negated,
      }),
    ),
  )
}

const signed = (negated: boolean, truth: Truth): Truth => (negated ? not(truth) : truth)

const PATTERNS: Readonly<Record<string, (text: string, pattern: string) => boolean>> = {
  like: (text, pattern) => new RegExp(`^${pattern.replaceAll('%', '.*').replaceAll('_', '.')}$`, 's').test(text),
  contains: (text, part) => text.includes(part),
  'starts with': (text, part) => text.startsWith(part),
  'ends with': (text, part) => text.endsWith(part),
  matches: (text, pattern) => new RegExp(pattern).test(text),
}

const patterns: fc.Arbitrary<Test> = fc
  .tuple(texts, fc.constantFrom(...Object.keys(PATTERNS)), fc.boolean(), word, fc.boolean())
  .map(([a, how, negated, value, bare]) => ({
    text: `${a.text} ${negated ? 'not ' : ''}${how} ${written(value, bare)}`,
    of: (row: Row) =>
      signed(
        negated,
        both<string, Truth>(a.of(row), value, (x, y) => PATTERNS[how]?.(x, y) ?? null),
      ),
  }))

const QUANTIFIERS = { any: or, all: and } as const

/** Which of several texts a list holds, or a text contains. */
const several: fc.Arbitrary<Test> = fc
  .tuple(
    fc.oneof<fc.Arbitrary<Term<string | readonly string[]>>[]>(texts, listColumn, listColumn),
    fc.boolean(),
    fc.constantFrom('any' as const, 'all' as const),
    fc.array(fc.tuple(word, fc.boolean()), { minLength: 1, maxLength: 3 }),
  )
  .map(([a, negated, how, items]) => ({
    text: `${a.text} ${negated ? 'not ' : ''}contains ${how} of [${items.map(([value, bare]) => written(value, bare)).join(', ')}]`,
    of: (row: Row) => {
      const whole = a.of(row)
      return whole === null
        ? null
        : signed(negated, items.map(([value]): Truth => whole.includes(value)).reduce(QUANTIFIERS[how]))
    },
  }))

const held: fc.Arbitrary<Test> = fc.tuple(listColumn, fc.boolean(), word).map(([a, negated, value]) => ({
  text: `${a.text} ${negated ? 'not ' : ''}contains ${inQuotes(value)}`,
  of: (row: Row) => both(a.of(row), negated, (list, not) => list.includes(value) !== not),
}))

const empty: fc.Arbitrary<Test> = fc
  .tuple(fc.oneof<fc.Arbitrary<Term<string | readonly string[]>>[]>(texts, listColumn), fc.boolean())
  .map(([a, negated]) => ({
    text: `${a.text} is ${negated ? 'not ' : ''}empty`,
    of: (row: Row) => ((a.of(row)?.length ?? 0) === 0) !== negated,
  }))

const truths: fc.Arbitrary<Test> = fc.constantFrom<Test>(
  { text: 'b', of: (row: Row) => row.b },
  { text: 'c = true', of: (row: Row) => row.c },
  { text: 'b = false', of: (row: Row) => not(row.b) },
  { text: 'b != it.c', of: (row: Row) => (row.b === null || row.c === null ? null : row.b !== row.c) },
  { text: 'coalesce(b, c)', of: (row: Row) => row.b ?? row.c },
)

const comparison = fc.oneof(
  comparisons(numberLeft, numberRight),
  comparisons(texts, textRight),
  { weight: 2, arbitrary: time.comparisons },
  patterns,
  several,
  held,
  empty,
  truths,
)

/** A `where:` of one line. */
const { tests } = fc.letrec<{ tests: Test }>((tie) => ({
  tests: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    { weight: 3, arbitrary: comparison },
    tie('tests').map((a) => ({ text: `not (${a.text})`, of: (row: Row) => not(a.of(row)) })),
    fc
      .tuple(tie('tests'), tie('tests'))
      .map(([a, b]) => ({ text: `(${a.text}) and (${b.text})`, of: (row: Row) => and(a.of(row), b.of(row)) })),
    fc.tuple(tie('tests'), tie('tests'), tie('tests')).map(([a, b, c]) => ({
      text: `(${a.text}) or (${b.text}) or ${c.text}`,
      of: (row: Row) => [a, b, c].map((one) => one.of(row)).reduce(or),
    })),
  ),
}))

const DID: Case = { node: dictOf({ did: scalarOf('events') }), holds: (row) => row.did }
const DID_NOT: Case = { node: dictOf({ did_not: scalarOf('events') }), holds: (row) => !row.did }
const MEMBER: Case = { node: dictOf({ member_of: scalarOf('others') }), holds: (row) => row.member }
const WAS_MEMBER: Case = { node: dictOf({ was_member_of: scalarOf('others') }), holds: (row) => row.was_member }

/** A whole `where:`, lists and dicts included. */
export const { condition } = fc.letrec<{ condition: Case }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    { weight: 5, arbitrary: tests.map((test): Case => ({ node: scalarOf(test.text), holds: test.of })) },
    { weight: 1, arbitrary: fc.constantFrom(DID, DID_NOT, MEMBER, WAS_MEMBER) },
    {
      weight: 1,
      arbitrary: tie('condition').map(
        (one): Case => ({ node: dictOf({ not: one.node }), holds: (row) => not(one.holds(row)) }),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).chain((some) => {
        const list = listOf(...some.map((one) => one.node))
        const all = (row: Row) => some.map((one) => one.holds(row)).reduce(and)
        return fc.constantFrom<Case>(
          { node: list, holds: all },
          { node: dictOf({ all: list }), holds: all },
          { node: dictOf({ any: list }), holds: (row) => some.map((one) => one.holds(row)).reduce(or) },
        )
      }),
    },
  ),
}))
