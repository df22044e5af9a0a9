import { describe, expect, test } from 'vitest'
import type { Code } from '../../../src/error.ts'
import type { ConditionScope } from '../../../src/project/condition.ts'
import { entityScope } from '../../../src/project/scope.ts'
import { parseYaml } from '../../../src/project/yaml.ts'
import {
  CUSTOMER,
  conditionOf,
  listOf,
  nodeOf,
  orders,
  PARIS,
  readNode,
  scalarOf,
  segmentScope,
} from '../../support/language.ts'
import { expectAtMark, marked } from '../../support/marked.ts'

const rows: ConditionScope = { names: orders }

describe('a condition', () => {
  test('is a text', () => {
    expect(conditionOf('is_vip')).toMatchObject({ kind: 'test', expression: { kind: 'reference' } })
  })

  test('is a list, which means all of it', () => {
    expect(conditionOf('[is_vip, country = FR]')).toMatchObject({
      kind: 'all',
      of: [{ kind: 'test' }, { kind: 'test' }],
    })
  })

  test('is all, any or not of others', () => {
    const text = `
any:
  - all: [is_vip, order_count > 1]
  - not: { any: [is_vip, { member_of: vips }] }
`
    expect(conditionOf(text)).toMatchObject({
      kind: 'any',
      of: [
        { kind: 'all', of: [{ kind: 'test' }, { kind: 'test' }] },
        { kind: 'not', of: { kind: 'any', of: [{ kind: 'test' }, { kind: 'member_of', segment: 'vips' }] } },
      ],
    })
  })

  test('may be SQL of the warehouse', () => {
    expect(conditionOf('sql: country ilike $$f%$$')).toMatchObject({ kind: 'sql', text: 'country ilike $$f%$$' })
  })

  test('on rows speaks of columns', () => {
    expect(conditionOf('status = paid', rows)).toMatchObject({ kind: 'test' })
  })
})

describe('an event', () => {
  test('is at least one row unless it says otherwise', () => {
    expect(conditionOf('did: orders')).toMatchObject({
      kind: 'did',
      negated: false,
      event: {
        source: 'orders',
        where: undefined,
        within: undefined,
        measure: { kind: 'rows' },
        bounds: { atLeast: '1' },
        needsProfile: false,
      },
    })
  })

  test('has a condition on its rows, a window and bounds', () => {
    const text = `
did_not: orders
where: status = paid
within: 30 days
at_least: 2
at_most: 5
`
    expect(conditionOf(text)).toMatchObject({
      negated: true,
      event: {
        where: { kind: 'test', expression: { left: { to: { kind: 'column', column: 'status' } } } },
        within: { amount: 30, unit: 'day' },
        bounds: { atLeast: '2', atMost: '5' },
      },
    })
  })

  test('may measure a sum instead of counting', () => {
    expect(conditionOf('{ did: orders, sum: amount * 2, at_least: 100.50 }')).toMatchObject({
      event: { measure: { kind: 'sum', of: { kind: 'arithmetic' } }, bounds: { atLeast: '100.50' } },
    })
    expect(conditionOf('{ did: orders, max: amount, exactly: 0 }')).toMatchObject({
      event: { measure: { kind: 'max' }, bounds: { exactly: '0' } },
    })
  })

  test('may measure a mean and different values', () => {
    expect(conditionOf('{ did: orders, avg: amount, at_least: 5 }')).toMatchObject({
      event: { measure: { kind: 'avg' }, bounds: { atLeast: '5' } },
    })
    expect(conditionOf('{ did: orders, count_distinct: status, at_most: 1 }')).toMatchObject({
      event: { measure: { kind: 'count_distinct' } },
    })
  })

  test('may say when its first and last row happened, beside how many there are', () => {
    const text = '{ did: orders, first: { after: 2026-01-01 }, last: { within: 30 days, before: now } }'
    expect(conditionOf(text)).toMatchObject({
      event: {
        measure: { kind: 'rows' },
        bounds: { atLeast: '1' },
        first: { within: undefined, after: { kind: 'date' }, before: undefined },
        last: { within: { amount: 30, unit: 'day' }, after: undefined, before: { kind: 'now' } },
        needsProfile: false,
      },
    })
    expect(conditionOf('{ did: orders, last: { after: customer.last_order_at } }')).toMatchObject({
      event: { needsProfile: true },
    })
  })

  test('needs the profile where it speaks of a trait', () => {
    const event = (text: string) => conditionOf(text)
    expect(event('{ did_not: orders, after: customer.last_order_at }')).toMatchObject({
      event: { after: { to: { kind: 'trait', trait: 'last_order_at' } }, needsProfile: true },
    })
    expect(event('{ did: orders, where: [status = paid, amount > customer.average_basket] }')).toMatchObject({
      event: { needsProfile: true },
    })
    expect(event('{ did: orders, before: 2026-01-01 }')).toMatchObject({
      event: { before: { kind: 'date', iso: '2026-01-01' }, needsProfile: false },
    })
  })
})

describe('a membership', () => {
  test('may be of a variant', () => {
    expect(conditionOf('member_of: tested.a')).toMatchObject({ kind: 'member_of', segment: 'tested', variant: 'a' })
    expect(conditionOf('member_of: tested')).not.toHaveProperty('variant')
  })

  test('may be one of the past, ever or in a window', () => {
    expect(conditionOf('was_member_of: vips')).toMatchObject({
      kind: 'was_member_of',
      membership: { segment: 'vips', within: undefined, after: undefined, before: undefined },
    })
    const text = '{ was_member_of: vips, within: 90 days, after: customer.birthday, before: 10 days ago }'
    expect(conditionOf(text)).toMatchObject({
      membership: {
        within: { amount: 90, unit: 'day' },
        after: { kind: 'reference', to: { trait: 'birthday' } },
        before: { kind: 'now', amount: -10 },
      },
    })
  })
})

describe('a trait of a group', () => {
  const inHouseholds: ConditionScope = {
    ...segmentScope,
    names: entityScope({ ...CUSTOMER, groups: ['household'] }, PARIS, [
      { name: 'household', traits: new Map([['size', 'integer']]) },
    ]),
  }

  test('is named with the group, on both sides of an operator', () => {
    const size = { kind: 'reference', to: { kind: 'group', entity: 'household', trait: 'size' }, type: 'integer' }
    expect(conditionOf('household.size > 2', inHouseholds)).toMatchObject({ expression: { left: size } })
    expect(conditionOf('order_count > household.size', inHouseholds)).toMatchObject({ expression: { right: size } })
  })

  const cases: readonly [Code, string, string, ConditionScope?][] = [
    ['ref/unknown-trait', '«household.sise» > 2', 'Did you mean "size"?'],
    ['ref/unknown-trait', '«size» > 2', 'Write "household.size".'],
    ['ref/unknown-trait', '«household.size.x» > 2', ''],
    ['expr/wrong-type', 'order_count > «customer.tags»', ''],
    ['expr/wrong-type', 'household.size > «many»', ''],
  ]
  test.each(cases)('%s in %s', (code, written, fix) => {
    const mark = marked(written)
    const { problems } = readNode(nodeOf(mark.text), inHouseholds)
    expect(problems.map((one) => one.code)).toEqual([code])
    expect(problems[0]?.at).toMatchObject({ column: mark.from + 1, length: mark.to - mark.from })
    expect(problems[0]?.fix ?? '').toContain(fix)
  })

  test('cannot be named where its traits are made of these', () => {
    const names = entityScope({ ...CUSTOMER, groups: ['household'] }, PARIS)
    expect(readNode(nodeOf('household.size > 2'), { names }).problems).toMatchObject([{ code: 'ref/cycle' }])
  })
})

describe('a mistake is reported at the guilty word', () => {
  const cases: readonly [Code, string, string, ConditionScope?][] = [
    ['ref/unknown-source', 'did: «oders»', 'Did you mean "orders"?'],
    ['ref/unknown-segment', 'not: { member_of: «vip» }', 'Did you mean "vips"?'],
    ['ref/unknown-segment', 'member_of: «big_households»', ''],
    ['ref/unknown-trait', 'any: [is_vip, «contry» = FR]', 'Did you mean "country"?'],
    ['ref/unknown-trait', '{ did: orders, after: «customer.last_oder_at» }', 'Did you mean "last_order_at"?'],
    ['expr/no-time', '{ did: products, «within»: 30 days }', 'at:'],
    ['expr/no-time', '{ did: products, «after»: customer.last_order_at }', 'at:'],
    ['expr/wrong-type', '{ did: orders, after: «last_order_at» }', ''],
    ['expr/wrong-type', '{ did: orders, after: «customer.country» }', ''],
    ['expr/wrong-type', '{ did: orders, sum: «status», at_least: 1 }', ''],
    ['expr/syntax', '{ did: orders, where: status «paid» }', ''],
    ['expr/syntax', '{ did: orders, within: «30 days ago» }', 'Write 30 days.'],
    ['expr/syntax', '{ did: orders, within: «30» }', ''],
    ['expr/syntax', '{ did: orders, within: «0 days» }', ''],
    ['expr/syntax', '{ did: orders, exactly: 1, «at_least»: 2 }', ''],
    ['expr/syntax', '{ did: orders, sum: amount, «min»: amount, at_least: 2 }', ''],
    ['expr/syntax', '{ did: orders, «did_not»: orders }', 'list'],
    ['expr/syntax', 'any: «[]»', ''],
    ['expr/syntax', 'not: «""»', ''],
    ['expr/syntax', 'sql: «""»', ''],
    ['expr/syntax', '«did»: orders', '', rows],
    ['expr/syntax', 'all: [{ «member_of»: vips }]', '', rows],
    ['expr/syntax', '{ did: orders, where: { «did»: orders } }', ''],
    ['project/missing-key', '{ did: orders, «sum»: amount }', 'at_least'],
    ['project/wrong-type', 'any: «is_vip»', ''],
    ['project/wrong-type', 'did: «[orders]»', ''],
    ['project/wrong-type', 'member_of: «[vips]»', ''],
    ['project/wrong-type', '{ did: orders, within: «[30 days]» }', ''],
    ['project/wrong-type', '{ did: orders, at_least: «some» }', ''],
    ['project/unknown-key', '{ did: orders, «wihtin»: 30 days }', 'Did you mean "within"?'],
    ['project/unknown-key', '{ member_of: vips, «within»: 30 days }', ''],
    ['project/unknown-key', '{ was_member_of: vips, «at_least»: 2 }', ''],
    ['project/unknown-key', '{ did: orders, first: { «at_least»: 2 } }', 'first: { after: 30 days ago }'],
    ['project/wrong-type', '{ did: orders, last: «30 days» }', 'last: { after: 30 days ago }'],
    ['project/wrong-type', '{ did: orders, last: «{}» }', ''],
    ['project/wrong-type', 'was_member_of: «[vips]»', ''],
    ['expr/no-time', '{ did: products, «first»: { after: 30 days ago } }', 'at:'],
    ['expr/wrong-type', '{ did: orders, last: { after: «orders.ordered_at» } }', 'trait of the person'],
    ['expr/wrong-type', '{ did: orders, avg: «status», at_least: 1 }', ''],
    ['expr/wrong-type', '{ was_member_of: vips, after: «country» }', ''],
    ['expr/syntax', '{ was_member_of: vips, within: «30 days ago» }', 'Write 30 days.'],
    ['expr/syntax', 'was_member_of: «tested.a»', 'Write was_member_of: tested.'],
    ['expr/syntax', '«was_member_of»: vips', '', rows],
    ['project/missing-key', '{ did: orders, «count_distinct»: status }', 'at_least'],
    ['ref/unknown-segment', 'was_member_of: «vip»', 'Did you mean "vips"?'],
    ['ref/unknown-segment', 'was_member_of: «big_households»', ''],
    ['ref/unknown-segment', 'member_of: «tested.other»', 'It has: a, b.'],
    ['ref/unknown-segment', 'member_of: «vips.a»', 'Write "vips".'],
    ['sql/not-a-query', 'sql: "country = 1«;» drop table x"', ''],
    ['sql/not-a-query', 'sql: «delete» from x', ''],
    ['sql/syntax', 'sql: "country = «\'»FR"', ''],
    ['project/unknown-key', '«country»: FR', 'Write "country = FR".'],
    ['project/unknown-key', '«country = FR and zip»: 75001', 'Put quotes around the whole condition.'],
    ['project/unknown-key', '«nto»: is_vip', 'Did you mean "not"?'],
  ]
  test.each(cases)('%s in %s', (code, written, fix, scope = segmentScope) => {
    const mark = marked(written)
    const { root, diagnostics } = parseYaml(mark.file)
    expect(diagnostics).toEqual([])
    if (root === undefined) throw new Error('empty')
    const { tree, problems } = readNode(root, scope)
    expect(tree).toBeUndefined()
    expect(expectAtMark(problems, code, mark).fix ?? '').toContain(fix)
  })

  test('an empty condition is one', () => {
    expect(readNode(nodeOf('not: ')).problems).toMatchObject([{ code: 'expr/syntax' }])
    expect(readNode(nodeOf('{}')).problems).toMatchObject([{ code: 'expr/syntax' }])
  })

  test('all mistakes of a condition are reported at once', () => {
    const text = '[emial = a, { did: oders }, { any: [country FR, is_vip] }, { member_of: vip }]'
    expect(readNode(nodeOf(text)).problems.map((one) => one.code)).toEqual([
      'ref/unknown-trait',
      'ref/unknown-source',
      'expr/syntax',
      'ref/unknown-segment',
    ])
  })

  test('conditions nested too deep are a diagnostic', () => {
    let node = listOf(scalarOf('is_vip'))
    for (let level = 0; level < 5_000; level++) node = listOf(node)
    expect(readNode(node).problems.map((one) => one.code)).toEqual(['expr/syntax'])
  })
})
