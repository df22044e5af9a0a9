import { meaning, type Token, written } from './sql-tokens.ts'

/** What a call of Snowflake becomes: SQL that the translator leaves alone, for macros of the prelude. */
export type Rewrite = (args: readonly string[], tokens: readonly (readonly Token[])[]) => string

/** Functions whose meaning the translator would change, or that it does not know, by their name in small letters. */
export const CALLS: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ...same('convert_timezone', 'contains', 'startswith', 'endswith', 'length', 'substr', 'sha2'),
  ...same('regexp_like', 'regexp_substr', 'regexp_replace', 'parse_json'),
  ...same('array_cat', 'array_sort', 'array_distinct', 'array_to_string', 'array_min', 'array_intersection'),
  ...same('array_append', 'array_size', 'array_contains', 'array_slice'),
  ['current_timestamp', () => 'SF_NOW()'],
  ['dateadd', ([unit, amount, time]) => `sf_dateadd_${bare(unit)}(${amount}, ${time})`],
  ['datediff', ([unit, from, to]) => `sf_datediff('${bare(unit)}', ${from}, ${to})`],
  ['date_trunc', ([unit, time]) => `sf_date_trunc('${bare(unit)}', ${time})`],
  ['date_part', ([part, time]) => `sf_part_${bare(part)}(${time})`],
  ['to_char', ([value], [, format]) => `sf_to_char(${value}, '${strftime(format)}')`],
  [
    'regexp_instr',
    ([text, pattern, , , , flags]) =>
      `sf_regexp_instr(${text}, ${flags === undefined ? pattern : `'(?' || ${flags} || ')' || ${pattern}`})`,
  ],
  ['to_number', ([text]) => `sf_hex(${text})`],
  ['least_ignore_nulls', (args) => `SF_LEAST(${args.join(', ')})`],
  ['greatest_ignore_nulls', (args) => `SF_GREATEST(${args.join(', ')})`],
  ['iff', ([condition, then, otherwise]) => `case when ${condition} then ${then} else ${otherwise} end`],
  ['equal_null', ([a, b]) => `(${a} is not distinct from ${b})`],
  ['boolor_agg', ([value]) => `bool_or(${value})`],
  ['count_if', ([condition]) => `count(case when ${condition} then 1 end)`],
  ['to_variant', ([value]) => `cast(${value} as variant)`],
  ['to_json', ([value]) => `sf_to_json(${inner(value)})`],
  ['typeof', ([value]) => `sf_typeof(${value})`],
  ['array_construct', (args) => (args.length === 0 ? 'sf_no_list()' : listOf(args))],
  ['array_construct_compact', (args) => `sf_compact(${listOf(args)})`],
  ['get', ([value, key]) => (/^\s*\d+\s*$/.test(key ?? '') ? `sf_at(${value}, ${key})` : `sf_get(${value}, ${key})`)],
  ['reduce', ([list, start, step]) => `SF_REDUCE(sf_elements(${list}), ${asVariant(step)}, cast(${start} as variant))`],
])

function same(...names: readonly string[]): readonly (readonly [string, Rewrite])[] {
  return names.map((name) => [name, (args) => `sf_${name}(${args.join(', ')})`])
}

function bare(word: string | undefined): string {
  return (word ?? '').trim().replace(/^'|'$/g, '').toLowerCase()
}

function listOf(args: readonly string[]): string {
  return `sf_list${args.length}(${args.join(', ')})`
}

/** A variant made of a value, to be printed as JSON: the value itself prints the same. */
function inner(value: string | undefined): string {
  const [, within] = /^\s*cast\(([\s\S]*) as variant\)\s*$/i.exec(value ?? '') ?? []
  return within ?? value ?? ''
}

/** The body of a lambda, whose result must be of the type of what it folds. */
function asVariant(lambda: string | undefined): string {
  const [, names = '', body = ''] = /^\s*\(([^)]*)\)\s*->([\s\S]*)$/.exec(lambda ?? '') ?? []
  return `(${names}) -> cast(${body} as variant)`
}

function strftime(format: readonly Token[] | undefined): string {
  const text = meaning(written(format ?? []).trim())
  return text.replace(/"([^"]*)"|YYYY|MM|DD|HH24|MI|SS|FF6/g, (part, quoted: string | undefined) =>
    quoted === undefined ? `%${STRFTIME[part] ?? ''}` : quoted,
  )
}

const STRFTIME: Readonly<Record<string, string>> = {
  YYYY: 'Y',
  MM: 'm',
  DD: 'd',
  HH24: 'H',
  MI: 'M',
  SS: 'S',
  FF6: 'f',
}
