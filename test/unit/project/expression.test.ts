import { describe, expect, test } from 'vitest'
import type { Code } from '../../../src/error.ts'
import { parseExpression, parseMoment } from '../../../src/project/expression.ts'
import type { Expression, Target } from '../../../src/project/language.ts'
import type { Style } from '../../../src/project/reader.ts'
import { referencesIn } from '../../../src/project/references.ts'
import type { Scope } from '../../../src/project/scope.ts'
import { typeOf } from '../../../src/project/types.ts'
import { orders, people, readText, scalarOf, treeOf } from '../../support/language.ts'
import { expectAtMark, marked } from '../../support/marked.ts'

/** A tree in one line: names as they are, literals as kind:value. */
function short(tree: Expression): string {
  if (tree.kind === 'reference') return nameOf(tree.to)
  const of = partsOf(tree).map(short)
  const not = 'negated' in tree && tree.negated ? 'not ' : ''
  switch (tree.kind) {
    case 'text':
    case 'number':
    case 'boolean':
    case 'untyped':
      return `${tree.kind}:${tree.value}`
    case 'date':
    case 'instant':
      return `${tree.kind}:${tree.iso}`
    case 'now':
    case 'shift':
      return `(${[tree.kind, ...of, tree.amount, tree.unit].join(' ')})`
    case 'startOf':
    case 'truncate':
      return `(${[tree.kind, tree.unit, ...of].join(' ')})`
    case 'call':
      return `${tree.name}(${of.join(', ')})`
    case 'arithmetic':
    case 'compare':
      return `(${of.join(` ${tree.op} `)})`
    case 'pattern':
      return `(${of} ${not}${tree.how} ${tree.right})`
    case 'holds':
      return `(${of} ${not}contains ${tree.how} of ${tree.values.join('|')})`
    default:
      return `(${[not + tree.kind, ...of].join(' ')})`
  }
}

function nameOf(to: Target): string {
  if ('trait' in to) return to.trait
  return to.kind === 'parent' ? `${to.source}.${to.column}` : to.column
}

/** The expressions right below one, in the order of the tree. */
function partsOf(tree: object): readonly Expression[] {
  return Object.values(tree)
    .flat()
    .flatMap((part) => (typeof part !== 'object' || part === null ? [] : 'kind' in part ? [part] : partsOf(part)))
}

describe('in where, right of an operator a bare word is text that takes the type of what it meets', () => {
  test.each([
    ['country = FR', '(country = text:FR)'],
    ['country != FR', '(country != text:FR)'],
    ["country = 'FR'", '(country = text:FR)'],
    ['country = "New York"', '(country = text:New York)'],
    ["country = 'd''Or'", "(country = text:d'Or)"],
    ["country = d'Or", "(country = text:d'Or)"],
    ['country = NO', '(country = text:NO)'],
    ['country = now', '(country = text:now)'],
    ['country = true', '(country = text:true)'],
    ['country = OR or country = AND', '(or (country = text:OR) (country = text:AND))'],
    ['zip = 01000', '(zip = text:01000)'],
    ['zip = 75001', '(zip = text:75001)'],
    ["zip > '75000'", '(zip > text:75000)'],
    ['zip between 01000 and 09999', '(between zip text:01000 text:09999)'],
    ['zip = 1e3', '(zip = text:1e3)'],
    ['zip = 2026-01-01', '(zip = text:2026-01-01)'],
    ['email = a@x.fr', '(email = text:a@x.fr)'],
    ['email = example.com', '(email = text:example.com)'],
    ['zip = +33612345678', '(zip = text:+33612345678)'],
    ['order_count = 08', '(order_count = number:08)'],
    ['order_count > -5', '(order_count > number:-5)'],
    ['lifetime_value >= 1e3', '(lifetime_value >= number:1e3)'],
    ["lifetime_value < '1.5'", '(lifetime_value < number:1.5)'],
    ['is_vip = TRUE', '(is_vip = boolean:true)'],
    ['is_vip', 'is_vip'],
    ['not is_vip', '(not is_vip)'],
    ['country in [FR, BE, CH]', '(in country text:FR text:BE text:CH)'],
    ["country not in (FR, 'New York')", '(not in country text:FR text:New York)'],
    ['order_count between 1 and 5 and is_vip', '(and (between order_count number:1 number:5) is_vip)'],
    ['order_count not between 1 and 5', '(not between order_count number:1 number:5)'],
    ['email like %@x.fr', '(email like %@x.fr)'],
    ["email not like '%,%'", '(email not like %,%)'],
    ['email contains @', '(email contains @)'],
    ['email not contains spam', '(email not contains spam)'],
    ['email starts with info', '(email starts with info)'],
    ['email ENDS WITH .fr', '(email ends with .fr)'],
    ["email matches '^(a|b)+$'", '(email matches ^(a|b)+$)'],
    ["email matches '(?i)^(?P<name>x)'", '(email matches (?i)^(?P<name>x))'],
    ['tags contains vip', '(tags contains vip)'],
    ['country is null', '(isNull country)'],
    ['country is not null', '(not isNull country)'],
    ['country is empty', '(isEmpty country)'],
    ['tags is not empty', '(not isEmpty tags)'],
    ['tags contains any of [vip, "two words", \'a,b\']', '(tags contains any of vip|two words|a,b)'],
    ['tags not contains all of (vip, 01)', '(tags not contains all of vip|01)'],
    ['email contains any of [.fr, .be] and is_vip', '(and (email contains any of .fr|.be) is_vip)'],
    ['email contains any', '(email contains any)'],
    ['tags contains all', '(tags contains all)'],
    ['length(tags) > 1', '(length(tags) > number:1)'],
    ['country = customer.zip', '(country = zip)'],
    ['customer.order_count > 3', '(order_count > number:3)'],
    ['lifetime_value > customer.average_basket * 2 + 1', '(lifetime_value > ((average_basket * number:2) + number:1))'],
    [
      'lifetime_value > (customer.average_basket + 1) * 2',
      '(lifetime_value > ((average_basket + number:1) * number:2))',
    ],
    ['lower(country) = fr', '(lower(country) = text:fr)'],
    ["country = upper('fr')", '(country = upper(text:fr))'],
    ['order_count * 2 + 1 > 3', '(((order_count * number:2) + number:1) > number:3)'],
    ['(order_count + 1) * 2 > 3', '(((order_count + number:1) * number:2) > number:3)'],
    ['a = 1 or b = 2 and not c = 3', '(or (a = untyped:1) (and (b = untyped:2) (not (c = untyped:3))))'],
    ['(a = 1 or b = 2) and c = 3', '(and (or (a = untyped:1) (b = untyped:2)) (c = untyped:3))'],
  ])('%s', (text, tree) => {
    expect(short(treeOf(text, text.includes('a = 1') ? orders : people))).toBe(tree)
  })
})

describe('times', () => {
  test.each([
    ['last_order_at < now', '(last_order_at < (now 0 second))'],
    ['last_order_at < NOW', '(last_order_at < (now 0 second))'],
    ['last_order_at >= today', '(last_order_at >= (today))'],
    ['last_order_at < 90 days ago', '(last_order_at < (now -90 day))'],
    ['last_order_at < 1 hour ago and is_vip', '(and (last_order_at < (now -1 hour)) is_vip)'],
    ['last_order_at > 7 days from now', '(last_order_at > (now 7 day))'],
    ['last_order_at >= start of month', '(last_order_at >= (startOf month))'],
    ['last_order_at >= start of year - 1 year', '(last_order_at >= (shift (startOf year) -1 year))'],
    ['last_order_at = 2026-01-01', '(last_order_at = date:2026-01-01)'],
    ["last_order_at = '2026-01-01'", '(last_order_at = date:2026-01-01)'],
    ['last_order_at > 2026-01-01T08:00:00Z', '(last_order_at > instant:2026-01-01T08:00:00Z)'],
    ['last_order_at > 2026-01-01 08:00', '(last_order_at > instant:2026-01-01T07:00:00Z)'],
    ['last_order_at > customer.birthday + 30 days', '(last_order_at > (shift birthday 30 day))'],
    ['last_order_at + 30 days > now', '((shift last_order_at 30 day) > (now 0 second))'],
    ['last_order_at between 2026-01-01 and today', '(between last_order_at date:2026-01-01 (today))'],
    ['last_order_at within 30 days', '(between last_order_at (now -30 day) (now 0 second))'],
    ['birthday not within 2 weeks or is_vip', '(or (not between birthday (now -2 week) (now 0 second)) is_vip)'],
    ['birthday in [2000-01-01, today]', '(in birthday date:2000-01-01 (today))'],
    ['days_between(birthday, today) > 30', '(days_between(birthday, (today)) > number:30)'],
  ])('%s', (text, tree) => {
    expect(short(treeOf(text))).toBe(tree)
  })

  test('a time stands alone where only a time can stand', () => {
    const moment = (text: string) => parseMoment(scalarOf(text), orders, [])
    expect(moment('customer.last_order_at + 3 days')).toMatchObject({ kind: 'shift', amount: 3, unit: 'day' })
    expect(moment('2026-01-01')).toEqual({ kind: 'date', iso: '2026-01-01' })
  })
})

describe('names of a source', () => {
  test.each([
    ['amount > 500', '(amount > untyped:500)'],
    ['paid_on > 2026-01-01', '(paid_on > date:2026-01-01)'],
    ["code = '2026-99-99'", '(code = untyped:2026-99-99)'],
    ['note = 01000', '(note = untyped:01000)'],
    ['paid = true', '(paid = untyped:true)'],
    ['status = 2026-01-01', '(status = text:2026-01-01)'],
    ['amount * 2 > 500', '((amount * number:2) > number:500)'],
    ['"Customer ID" is not null', '(not isNull Customer ID)'],
    ['orders."Unit Price" > 1', '(Unit Price > untyped:1)'],
    ['amount > orders.minimum', '(amount > minimum)'],
    ['shops.country = FR', '(shops.country = untyped:FR)'],
    ['shops.opened_on < today', '(shops.opened_on < (today))'],
    ['status = customer.country', '(status = country)'],
    [
      'starts > 3 and contains = a and like = b and start = c',
      '(and (starts > untyped:3) (contains = untyped:a) (like = untyped:b) (start = untyped:c))',
    ],
    ['"end" = 1', '(end = untyped:1)'],
  ])('%s', (text, tree) => {
    expect(short(treeOf(text, orders))).toBe(tree)
  })

  test('a name knows its target, type and place', () => {
    const [name] = [...referencesIn(treeOf('not shops.opened_on is null', orders))]
    expect(name).toMatchObject({ to: { kind: 'parent', source: 'shops', column: 'opened_on' }, type: 'date' })
    expect(name?.at).toMatchObject({ column: 5, length: 15 })
  })
})

describe('in an expression a bare word is a name', () => {
  test.each([
    ['lifetime_value / nullif(order_count, 0)', '(lifetime_value / nullif(order_count, number:0))', 'float'],
    ['order_count + 1', '(order_count + number:1)', 'integer'],
    ['order_count - 1 - 2', '((order_count - number:1) - number:2)', 'integer'],
    ['-order_count * -2', '((negate order_count) * number:-2)', 'integer'],
    ['lifetime_value * 2', '(lifetime_value * number:2)', 'decimal'],
    ["case when country = 'FR' then 1 else 0 end", '(case (country = text:FR) number:1 number:0)', 'integer'],
    ['case when is_vip then last_order_at end', '(case is_vip last_order_at)', 'timestamp'],
    ["coalesce(country, 'FR')", 'coalesce(country, text:FR)', 'text'],
    ['COALESCE(order_count, 0)', 'coalesce(order_count, number:0)', 'integer'],
    ['greatest(lifetime_value, average_basket)', 'greatest(lifetime_value, average_basket)', 'float'],
    ['coalesce(last_order_at, 2020-01-01)', 'coalesce(last_order_at, date:2020-01-01)', 'timestamp'],
    ["coalesce(last_order_at, '2020-01-01')", 'coalesce(last_order_at, date:2020-01-01)', 'timestamp'],
    ['round(average_basket, 2)', 'round(average_basket, number:2)', 'float'],
    ['abs(order_count)', 'abs(order_count)', 'integer'],
    ["concat(lower(country), '-', 07)", 'concat(lower(country), text:-, text:07)', 'text'],
    ['substring(zip, 1, 2)', 'substring(zip, number:1, number:2)', 'text'],
    ['length(trim(upper(zip)))', 'length(trim(upper(zip)))', 'integer'],
    ['birthday + 1 month', '(shift birthday 1 month)', 'date'],
    ['birthday + 1 hour', '(shift birthday 1 hour)', 'timestamp'],
    ['last_order_at - 30 days', '(shift last_order_at -30 day)', 'timestamp'],
    ['date_trunc(month, last_order_at)', '(truncate month last_order_at)', 'timestamp'],
    ["date_trunc('year', birthday)", '(truncate year birthday)', 'date'],
    ['days_between(birthday, now)', 'days_between(birthday, (now 0 second))', 'integer'],
    ["country = 'FR' and not is_vip", '(and (country = text:FR) (not is_vip))', 'boolean'],
    ["country in ['FR', 'BE']", '(in country text:FR text:BE)', 'boolean'],
    ["country like 'F%'", '(country like F%)', 'boolean'],
    ["tags contains any of ['a', 'b']", '(tags contains any of a|b)', 'boolean'],
    ['case when country is empty then 1 end', '(case (isEmpty country) number:1)', 'integer'],
    ['length(tags)', 'length(tags)', 'integer'],
    ['zip = 01000', '(zip = text:01000)', 'boolean'],
    ['nullif(birthday, now)', 'nullif(birthday, (now 0 second))', 'timestamp'],
    ['null', '(null)', 'unknown'],
    ['true', 'boolean:true', 'boolean'],
  ])('%s', (text, tree, type) => {
    const expression = treeOf(text, people, 'expression')
    expect([short(expression), typeOf(expression)]).toEqual([tree, type])
  })
})

describe('a mistake is reported at the guilty word', () => {
  const cases: readonly [Code, string, string, (Scope | Style)?][] = [
    ['ref/unknown-trait', '«lifetime_vlaue» > 5', 'Did you mean "lifetime_value"?'],
    ['ref/unknown-trait', 'is_vip and «customer.emial» is null', 'Did you mean "email"?'],
    ['ref/unknown-trait', 'case when country = «FR» then 1 end', "Text is put in single quotes: 'FR'.", 'expression'],
    ['ref/unknown-column', '«ordrs.amount» > 5', 'Did you mean "orders.amount"?', orders],
    ['expr/wrong-type', 'lifetime_value > «abc»', ''],
    ['expr/wrong-type', 'lifetime_value > «average_basket»', 'the name is written customer.average_basket'],
    ['expr/wrong-type', 'order_count in [1, «x»]', ''],
    ['expr/wrong-type', 'order_count between 1 and «many»', ''],
    ['expr/wrong-type', 'is_vip = «yes»', 'Write true or false.'],
    ['expr/wrong-type', 'last_order_at > «yesterday»', 'Times are written'],
    ['expr/wrong-type', 'lifetime_value > «90 days ago»', ''],
    ['expr/wrong-type', 'country < «90 days ago»', ''],
    ['expr/wrong-type', 'country = «customer.order_count»', ''],
    ['expr/wrong-type', 'paid_on in [2026-01-01, «soon»]', 'Times are written', orders],
    ['expr/wrong-type', '«tags» = vip', 'tags contains a'],
    ['expr/wrong-type', '«tags» in [vip]', 'tags contains any of [a, b]'],
    ['expr/wrong-type', '«tags» between a and b', 'tags contains'],
    ['expr/wrong-type', 'zip > «75000»', "'75000' in quotes"],
    ['expr/wrong-type', 'zip between 01000 and «9»', 'declare its type'],
    ['expr/wrong-type', 'case when zip <= «5.5» then 1 end', "'5.5'", 'expression'],
    ['expr/wrong-type', '«tags» starts with a', 'tags contains a'],
    ['expr/wrong-type', 'lower(«tags») = a', 'tags contains a'],
    ['expr/wrong-type', '«birthday» contains 1990', ''],
    ['expr/wrong-type', '«is_vip» like t%', ''],
    ['expr/wrong-type', '«is_vip» within 3 days', ''],
    ['expr/wrong-type', 'country = «customer.tags»', 'contains'],
    ['expr/wrong-type', '«order_count» is empty', 'Write order_count is null.'],
    ['expr/wrong-type', '«is_vip» is not empty', 'Write is_vip is not null.'],
    ['expr/wrong-type', '«order_count» contains any of [5]', ''],
    ['expr/wrong-type', '«country» within 30 days', ''],
    ['expr/wrong-type', 'length(«order_count») > 1', ''],
    ['expr/syntax', 'last_order_at within «30»', ''],
    ['expr/syntax', 'last_order_at within «0» days', ''],
    ['expr/syntax', 'last_order_at within 30 days «ago»', 'Write within 30 days.'],
    ['expr/syntax', 'last_order_at in «last» 30 days', 'Write within 30 days.'],
    ['expr/syntax', 'tags contains any of «vip»', 'A list is written [a, b].'],
    ['expr/syntax', 'tags contains any of [«]»', ''],
    ['expr/syntax', 'tags contains any of [vip «gold»]', ''],
    ['expr/syntax', 'country is «blank»', 'Values are compared with =.'],
    ['expr/wrong-type', '«country»', 'Compare it: country = ….'],
    ['expr/wrong-type', 'is_vip and «order_count + 1»', 'Compare it'],
    ['expr/wrong-type', 'not «country»', ''],
    ['expr/wrong-type', '«order_count» contains 5', ''],
    ['expr/wrong-type', 'lower(«order_count») = 5', ''],
    ['expr/wrong-type', "lifetime_value + «'a'»", '', 'expression'],
    ['expr/wrong-type', '«last_order_at» - birthday', 'days_between(a, b)', 'expression'],
    ['expr/wrong-type', '«country» + 30 days', '', 'expression'],
    ['expr/wrong-type', "case when is_vip then 1 else «'a'» end", '', 'expression'],
    ['expr/wrong-type', 'case when «country» then 1 end', '', 'expression'],
    ['expr/wrong-type', "coalesce(order_count, «'none'»)", '', 'expression'],
    ['expr/wrong-type', 'date_trunc(month, «country»)', '', 'expression'],
    ['expr/unknown-function', '«lwer»(country) = fr', 'Did you mean "lower"?'],
    ['expr/unknown-function', '«regexp_extract»(country)', 'sql:', 'expression'],
    ['expr/unknown-function', '«sum»(order_count)', 'An aggregate is a trait of its own', 'expression'],
    ['expr/unknown-function', 'last_order_at < «now»()', 'Write now.'],
    ['expr/syntax', 'country «FR»', ''],
    ['expr/syntax', 'country «==» FR', 'Write =.'],
    ['expr/syntax', 'country «<>» FR', 'Write !=.'],
    ['expr/syntax', 'is_vip «&&» is_vip', 'Write and.'],
    ['expr/syntax', 'country «equals» FR', 'Write =.'],
    ['expr/syntax', 'country starts «wiht» F', ''],
    ['expr/syntax', 'country «=»', ''],
    ['expr/syntax', 'country = «and» is_vip', ''],
    ['expr/syntax', 'country = FR«,» BE', 'A list is written in [a, b].'],
    ['expr/syntax', 'country in «FR», BE', 'A list is written [a, b].'],
    ['expr/syntax', 'country in [FR, «]»', ''],
    ['expr/syntax', 'country in [FR«)»', ''],
    ['expr/syntax', 'country in [FR«,»', ''],
    ['expr/syntax', 'country = in «progress»', "needs quotes: 'in progress'"],
    ['expr/syntax', 'country = FR «adn» is_vip', ''],
    ['expr/syntax', 'last_order_at < last_order_at «+» 3 days', 'customer.last_order_at'],
    ['expr/syntax', 'country = «null»', 'Write is null or is not null.'],
    ['expr/syntax', 'country is «FR»', 'Values are compared with =.'],
    ['expr/syntax', 'country not «=» FR', ''],
    ['expr/syntax', "«'FR'» = country", 'The name stands on the left.'],
    ['expr/syntax', "country = «'»FR", ''],
    ['expr/syntax', 'last_order_at < 90 «days»', 'Write 90 days ago.'],
    ['expr/syntax', 'last_order_at < start of «hour»', ''],
    ['expr/syntax', 'last_order_at < «2026-02-30»', ''],
    ['expr/syntax', 'last_order_at < «1.5» days ago', ''],
    ['expr/syntax', '(is_vip and «is_vip»', ''],
    ['expr/syntax', 'is_vip«)»', ''],
    ['expr/syntax', "email matches «'(a'»", ''],
    ['expr/syntax', "email matches «'(?=a)'»", 'look-around'],
    ['expr/syntax', 'email matches «(»a)', 'single quotes'],
    ['expr/syntax', 'email like «customer.country»', 'fixed text'],
    ['expr/syntax', 'order_count «%» 2', 'sql:', 'expression'],
    ['expr/syntax', "country «||» 'a'", 'concat(a, b)', 'expression'],
    ['expr/syntax', '«nullif(order_count)»', '', 'expression'],
    ['expr/syntax', '«1e999»', '', 'expression'],
    ['expr/syntax', 'case «country» when 1 then 2 end', 'Write case when', 'expression'],
    ['expr/syntax', 'case when is_vip then 1 «else»', '', 'expression'],
    ['expr/syntax', '1 «+»', '', 'expression'],
    ['expr/syntax', 'order_count + «end»', '', 'expression'],
    ['expr/syntax', 'country like «country»', 'single quotes', 'expression'],
  ]
  test.each(cases)('%s in %s', (code, written, fix, more) => {
    const mark = marked(written)
    const style = more === 'expression' ? 'expression' : 'where'
    const { tree, problems } = readText(mark.text, typeof more === 'object' ? more : people, style)
    expect(tree).toBeUndefined()
    const problem = expectAtMark(problems, code, mark)
    expect(problem.fix ?? '').toContain(fix)
    expect(problem.message).toMatch(/^.*[.…]$/)
  })

  test('every unknown name is reported', () => {
    const { problems } = readText('emial = a or contry = b', people, 'where')
    expect(problems.map((one) => one.fix)).toEqual(['Did you mean "email"?', 'Did you mean "country"?'])
  })

  test('a secret never enters an expression', () => {
    const problems: { code: string }[] = []
    const secret = { ...scalarOf('email = $' + '{env:X}'), secret: true }
    expect(parseExpression(secret, people, 'where', problems as never[])).toBeUndefined()
    expect(problems.map((one) => one.code)).toEqual(['expr/syntax'])
  })

  test('a bare word where a time must stand names what was meant', () => {
    const problems: { fix?: string }[] = []
    parseMoment(scalarOf('ordered_at'), orders, problems as never[])
    expect(problems[0]?.fix).toContain('orders.ordered_at')
  })
})

describe('an expression nested too deep is a diagnostic', () => {
  const times = (text: string, count: number) => text.repeat(count)
  test.each([
    ['parentheses', `${times('(', 5000)}is_vip${times(')', 5000)}`],
    ['not', `${times('not ', 5000)}is_vip`],
    ['minus', `${times('- ', 5000)}order_count > 1`],
    ['calls', `${times('lower(', 5000)}country${times(')', 5000)} = a`],
    ['a sum', `order_count${times(' + 1', 5000)} > 1`],
    ['case', `${times('case when is_vip then ', 5000)}1${times(' end', 5000)} = 1`],
    ['values in parentheses', `order_count > ${times('(', 5000)}1${times(')', 5000)}`],
  ])('%s', (_, text) => {
    const { tree, problems } = readText(text, people, 'where')
    expect(tree).toBeUndefined()
    expect(problems.map((one) => one.code)).toEqual(['expr/syntax'])
  })

  test('a chain and a list may be long', () => {
    const chain = Array.from({ length: 20_000 }, (_, index) => `order_count = ${index}`).join(' or ')
    expect(treeOf(chain)).toMatchObject({ kind: 'or' })
    const list = Array.from({ length: 20_000 }, (_, index) => `C${index}`).join(', ')
    expect(treeOf(`country in [${list}]`)).toMatchObject({ kind: 'in' })
  })
})
