import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CdpError } from '../../../src/error.ts'
import type { Project, Segment, Sync } from '../../../src/project/project.ts'
import { type Selection, select } from '../../../src/project/select.ts'
import { entity, identifier, named, project, source } from '../../support/project.ts'

const AT = named('x').at

const SEGMENT = {
  where: { kind: 'sql', text: 'true', at: AT },
  was: undefined,
  waterfall: [],
  purpose: undefined,
  split: undefined,
  limit: undefined,
  variants: [],
} as const

function segment(name: string, of: string, exclude: readonly string[], tags: readonly string[] = []): Segment {
  return { ...named(name), tags, entity: of, ...SEGMENT, exclude }
}

function sync(name: string, destination: string, audience: string, tags: readonly string[] = []): Sync {
  return {
    ...named(name),
    tags,
    destination,
    into: {},
    entity: 'customer',
    segment: audience,
    variant: undefined,
    where: undefined,
    exclude: [],
    mode: 'upsert',
    onLeave: undefined,
    purpose: undefined,
    onWithdraw: undefined,
    key: [{ theirs: 'id', trait: 'profile_id' }],
    fields: [],
    guard: {},
    after: [],
  }
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]))
}

const SHOP: Project = project({
  sources: [
    source('orders', { identifiers: [{ type: 'email', column: 'email', country: undefined }] }),
    source('lines', { belongsTo: new Map([['orders', 'order_id']]) }),
    source('pages', { identifiers: [{ type: 'cookie', column: 'cookie', country: undefined }] }),
  ],
  entities: [entity('customer', [identifier('email')]), entity('visitor', [identifier('cookie')])],
  more: {
    segments: byName([
      segment('vips', 'customer', ['staff'], ['crm']),
      segment('staff', 'customer', []),
      segment('regulars', 'visitor', []),
    ]),
    destinations: byName(
      ['crm', 'mail'].map((name) => ({
        ...named(name),
        type: 'file',
        account: {},
        settlesWithin: undefined,
        allowPrivate: false,
        targets: undefined,
        exclude: [],
      })),
    ),
    syncs: byName([
      sync('vips_to_crm', 'crm', 'vips'),
      sync('vips_to_mail', 'mail', 'vips', ['crm']),
      sync('staff_to_mail', 'mail', 'staff'),
    ]),
  },
})

function picked(
  include: readonly string[],
  exclude: readonly string[] = [],
): Record<keyof Selection, readonly string[]> {
  const { syncs, segments, entities, sources } = select(SHOP, include, exclude)
  return { syncs: [...syncs], segments: [...segments], entities: [...entities], sources: [...sources] }
}

function problemsOf(include: readonly string[], exclude: readonly string[] = []): readonly string[] {
  try {
    select(SHOP, include, exclude)
  } catch (error) {
    if (error instanceof CdpError) return error.diagnostics.map(({ message, fix }) => `${message} ${fix ?? ''}`.trim())
  }
  return []
}

describe('a selection', () => {
  test('is everything when nothing is asked for', () => {
    expect(picked([]).syncs).toEqual(['vips_to_crm', 'vips_to_mail', 'staff_to_mail'])
    expect(picked([]).sources).toEqual(['orders', 'lines', 'pages'])
  })

  test('names things by name, glob, kind, tag and destination', () => {
    expect(picked(['vips_*']).syncs).toEqual(['vips_to_crm', 'vips_to_mail'])
    expect(picked(['segment:vips'])).toEqual({ syncs: [], segments: ['vips'], entities: [], sources: [] })
    expect(picked(['tag:crm'])).toEqual({ syncs: ['vips_to_mail'], segments: ['vips'], entities: [], sources: [] })
    expect(picked(['destination:mail']).syncs).toEqual(['vips_to_mail', 'staff_to_mail'])
  })

  test('follows the graph up and down, and so many steps', () => {
    expect(picked(['+vips'])).toEqual({
      syncs: [],
      segments: ['vips', 'staff'],
      entities: ['customer'],
      sources: ['orders'],
    })
    expect(picked(['1+vips']).sources).toEqual([])
    expect(picked(['staff+']).syncs).toEqual(['vips_to_crm', 'vips_to_mail', 'staff_to_mail'])
    expect(picked(['staff+1']).syncs).toEqual(['staff_to_mail'])
    expect(picked(['pages+']).segments).toEqual(['regulars'])
  })

  test('takes a space for or, a comma for and, and leaves out what is excluded', () => {
    expect(picked(['vips staff']).segments).toEqual(['vips', 'staff'])
    expect(picked(['vips', 'staff']).segments).toEqual(['vips', 'staff'])
    expect(picked(['destination:mail,vips+']).syncs).toEqual(['vips_to_mail'])
    expect(picked(['sync:*'], ['tag:crm', 'destination:crm']).syncs).toEqual(['staff_to_mail'])
  })

  test('that names nothing says so, every term at once, with a guess', () => {
    expect(problemsOf(['vipps', 'tag:crn'], ['+sync:nope_*', 'sagment:vips'])).toEqual([
      'The project has no source, entity, segment or sync "vipps", which --select names. Did you mean "vips"?',
      'Nothing in the project has the tag "crn", which --select names. Did you mean "tag:crm"?',
      '"sync:nope_*" in --exclude matches nothing in the project.',
      '--exclude does not know "sagment:". Did you mean "segment:vips"?',
    ])
    expect(problemsOf(['vips,,staff'])[0]).toBe(
      '"" in --select is not a selection. Write a name or a glob, tag:x, source:x, entity:x, segment:x, sync:x or destination:x, with + before or after.',
    )
  })
})

describe('on any graph of segments', () => {
  /** Segments s0 … sn; each may exclude some of those before it. */
  const graphs = fc
    .array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
    .map((drawn) => drawn.map((edges, index) => [...new Set(index === 0 ? [] : edges.map((edge) => edge % index))]))
  const atom = fc.record({
    at: fc.nat(20),
    up: fc.option(fc.nat(3)),
    down: fc.option(fc.nat(3)),
    allUp: fc.boolean(),
    allDown: fc.boolean(),
  })
  const wanted = fc.array(fc.array(atom, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 })
  type Atom = typeof atom extends fc.Arbitrary<infer T> ? T : never

  function written({ at, up, down, allUp, allDown }: Atom, size: number): string {
    const before = allUp ? '+' : up === null ? '' : `${up}+`
    const after = allDown ? '+' : down === null ? '' : `+${down}`
    return `${before}segment:s${at % size}${after}`
  }

  /** Is `to` at most `steps` exclusions above `from`? Tried path by path. */
  function above(edges: readonly (readonly number[])[], from: number, to: number, steps: number): boolean {
    return from === to || (steps > 0 && (edges[from] ?? []).some((next) => above(edges, next, to, steps - 1)))
  }

  test('the selection is what a walk from every segment finds', () => {
    fc.assert(
      fc.property(graphs, wanted, (edges, terms) => {
        const size = edges.length
        const some = project({
          sources: [],
          entities: [entity('customer', [])],
          more: {
            segments: byName(
              edges.map((before, index) =>
                segment(
                  `s${index}`,
                  'customer',
                  before.map((one) => `s${one}`),
                ),
              ),
            ),
          },
        })
        const holds = (index: number, { at, up, down, allUp, allDown }: Atom) =>
          index === at % size ||
          above(edges, at % size, index, allUp ? size : (up ?? 0)) ||
          above(edges, index, at % size, allDown ? size : (down ?? 0))
        const expected = edges.flatMap((_, index) =>
          terms.some((term) => term.every((one) => holds(index, one))) ? [`s${index}`] : [],
        )
        const text = terms.map((term) => term.map((one) => written(one, size)).join(','))
        expect([...select(some, text, []).segments]).toEqual(expected)
        expect([...select(some, [], text).segments]).toEqual(
          edges.map((_, index) => `s${index}`).filter((name) => !expected.includes(name)),
        )
      }),
      { seed: 2, numRuns: 500 },
    )
  })
})
