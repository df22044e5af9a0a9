import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPreview } from '../../../src/build/preview.ts'
import { addBarred } from '../../../src/compile/barred.ts'
import { compilePreview } from '../../../src/compile/preview.ts'
import { suppressStatement } from '../../../src/compile/suppression.ts'
import { Steps, sql } from '../../../src/sql/sql.ts'
import {
  answerOf,
  consentFiles,
  MODELS,
  RULES,
  randomAnswers,
  range,
  type Words,
} from '../../support/consent-answers.ts'
import { type Answer, mayContact } from '../../support/consent-oracle.ts'
import { diceOf } from '../../support/dice.ts'
import { ENGINES, type Engine } from '../../support/engines.ts'
import { type Inline, inline } from '../../support/inline.ts'
import { tableOf } from '../../support/warehouse.ts'

const opened: Inline[] = []
afterAll(() => Promise.all(opened.map((one) => one.close())))

interface Place {
  readonly made: Inline
  readonly build: number
  /** Numbers of those who may be contacted for a purpose by these traits. */
  may(purpose: string | undefined, traits: readonly string[]): Promise<readonly number[]>
}

/** So many people, and what they said. */
async function placeOf(people: number, answers: readonly Answer[], engine: Engine): Promise<Place> {
  const made = await inline(
    {
      'models/models.yaml': MODELS,
      ...consentFiles(people, answers),
    },
    engine,
  )
  opened.push(made)
  const build = await made.run()
  const may = async (purpose: string | undefined, traits: readonly string[]) =>
    (await allowedIn(made, build.number, purpose, traits)).map((id) => Number(id.slice(1))).sort((x, y) => x - y)
  return { made, build: build.number, may }
}

/** The ids of those who may be contacted, in order. */
async function allowedIn(
  { project, session }: Inline,
  build: number,
  purpose: string | undefined,
  traits: readonly string[],
): Promise<readonly string[]> {
  const customer = project.entities.get('customer')
  if (customer === undefined) throw new Error('no customer')
  const steps = new Steps()
  const barred = addBarred(steps, { project, dialect: session.dialect }, customer, { purpose, traits })
  const table = { schema: 'cdp', name: ['allowed'] }
  const query = steps.select(sql`
    select p.id
    from cdp.customer as p
    where p.profile_id not in (select profile_id from ${barred})`)
  const statement = { name: 'allowed', reason: 'a test', sql: session.dialect.createTable(table, query) }
  await session.script([{ statement, tokens: { b: build } }])
  return (await tableOf(session, table, ['id'])).map(([id]) => id ?? '')
}

/** What was said, and who may then be contacted: by address, by user id, and as a whole person (a segment). */
const CASES: readonly (readonly [
  name: string,
  said: readonly Words[],
  mail: boolean,
  user: boolean,
  person: boolean,
])[] = [
  ['nothing was said', [], false, false, false],
  ['yes for the address', [['mail', 'yes', -9]], true, true, true],
  ['yes in other letters, with blanks', [['mail', ' OK ', -9]], true, true, true],
  ['no', [['mail', 'no', -9]], false, false, false],
  ['a word that nobody knows', [['mail', 'perhaps', -9]], false, false, false],
  ['no word', [['mail', null, -9]], false, false, false],
  ['yes without a time', [['mail', 'yes', null]], false, false, false],
  ['yes of the future', [['mail', 'yes', 1]], false, false, false],
  [
    'yes, and later one of the future',
    [
      ['mail', 'yes', -9],
      ['mail', 'yes', 1],
    ],
    false,
    false,
    false,
  ],
  ['yes that has expired', [['mail', 'yes', -100]], false, false, false],
  ['yes that is about to expire', [['mail', 'yes', -99]], true, true, true],
  [
    'yes, then no',
    [
      ['mail', 'yes', -9],
      ['mail', 'no', -8],
    ],
    false,
    false,
    false,
  ],
  [
    'no, then yes',
    [
      ['mail', 'no', -9],
      ['mail', 'yes', -8],
    ],
    true,
    true,
    true,
  ],
  [
    'yes and no at once',
    [
      ['mail', 'yes', -9],
      ['mail', 'no', -9],
    ],
    false,
    false,
    false,
  ],
  ['yes for another purpose', [['mail', 'yes', -9, 'sms']], false, false, false],
  ['yes for a purpose that is none', [['mail', 'yes', -9, 'fun']], false, false, false],
  ['yes for another address of the person', [['second', 'yes', -9]], false, true, true],
  [
    'no for another address of the person',
    [
      ['mail', 'yes', -9],
      ['second', 'no', -8],
    ],
    true,
    false,
    false,
  ],
  ['yes of the person', [['user', 'yes', -9]], true, true, true],
  [
    'yes of the address, then no of the person',
    [
      ['mail', 'yes', -9],
      ['user', 'no', -8],
    ],
    false,
    false,
    false,
  ],
  [
    'no of the person, then yes of the address',
    [
      ['user', 'no', -9],
      ['mail', 'yes', -8],
    ],
    true,
    false,
    true,
  ],
  [
    'no of the address, then yes of the person',
    [
      ['mail', 'no', -9],
      ['user', 'yes', -8],
    ],
    false,
    true,
    true,
  ],
  [
    'yes of the address and no of the person at once',
    [
      ['mail', 'yes', -9],
      ['user', 'no', -9],
    ],
    false,
    false,
    false,
  ],
  ['yes of both together', [['both', 'yes', -9]], true, true, true],
]

const said = CASES.flatMap(([, words], person) => words.map((one) => answerOf(person, one)))

describe.each(ENGINES)('who may be contacted, on $title', (engine) => {
  let place: Place
  const allowed = new Map<string, readonly number[]>()
  beforeAll(async () => {
    place = await placeOf(CASES.length, said, engine)
    for (const [how, traits] of [
      ['mail', ['mail']],
      ['user', ['id']],
      ['person', []],
    ] as const)
      allowed.set(how, await place.may('news', traits))
  })

  test.each(CASES.map((one, person) => [one[0], person, one] as const))('%s', (_, person, [, , mail, user, whole]) => {
    const found = ['mail', 'user', 'person'].map((how) => allowed.get(how)?.includes(person))
    expect(found).toEqual([mail, user, whole])
    const mine = said.filter(({ purpose }) => purpose === 'news')
    const oracle = (values: Readonly<Record<string, string>>) => mayContact(mine, person, values, RULES)
    expect([oracle({ email: `m${person}@x.example` }), oracle({ user_id: `u${person}` }), oracle({})]).toEqual(found)
  })

  test('another basis asks nobody, and neither does no purpose', async () => {
    expect(await place.may('service', ['mail'])).toHaveLength(CASES.length)
    expect(await place.may(undefined, ['mail'])).toHaveLength(CASES.length)
  })

  test('a segment leaves out those who may not be before it counts to its limit, and preview shows how many', async () => {
    const { made, build } = place
    const segment = made.project.segments.get('reached')
    if (segment === undefined) throw new Error('no segment')
    const statements = compilePreview({ project: made.project, dialect: made.session.dialect }, segment)
    const preview = await readPreview(statements, made.session, { b: build })
    const people = CASES.filter(([, , , , person]) => person).length
    expect(preview.funnel).toMatchObject([
      { kind: 'where', left: CASES.length },
      { kind: 'purpose', text: 'news', left: people, lost_to_null: 0 },
      { kind: 'limit', left: 5 },
    ])
  })
})

test.each(ENGINES)('random answers give what the oracle says, on $title', async (engine) => {
  const people = 250
  const answers = randomAnswers(people, diceOf(20_261_101))
  const place = await placeOf(people, answers, engine)
  const mine = (purpose: string) => answers.filter((one) => one.purpose === purpose)
  const ways = [
    { traits: ['mail'], values: (person: number) => ({ email: `m${person}@x.example` }) },
    { traits: ['id'], values: (person: number) => ({ user_id: `u${person}` }) },
    { traits: ['id', 'mail'], values: (person: number) => ({ user_id: `u${person}`, email: `m${person}@x.example` }) },
    { traits: [], values: () => ({}) },
  ]
  for (const purpose of ['news', 'sms'])
    for (const { traits, values } of ways) {
      const wanted = range(people).filter((person) => mayContact(mine(purpose), person, values(person), RULES))
      expect([purpose, traits, await place.may(purpose, traits)]).toEqual([purpose, traits, wanted])
      expect(wanted.length).toBeGreaterThan(5)
    }
})

test.each(ENGINES)(
  'suppression holds for everything or for one purpose, whatever was said, on $title',
  async (engine) => {
    const { made, ...place } = await placeOf(
      4,
      range(4).map((person) => answerOf(person, ['mail', 'yes', -9])),
      engine,
    )
    const customer = made.project.entities.get('customer')
    if (customer === undefined) throw new Error('no customer')
    const rows = [
      { type: 'email', value: ' S0@X.example' },
      { type: 'user_id', value: 'u1', scope: 'news' },
      { type: 'user_id', value: 'u2', scope: 'sms' },
      { type: 'user_id', value: 'nobody' },
    ]
    const statement = suppressStatement({ project: made.project, dialect: made.session.dialect }, customer)
    await made.session.script([{ statement, values: { rows: JSON.stringify(rows) } }])
    // What is suppressed after a build is found by the next one.
    expect(await place.may('news', ['mail'])).toEqual([0, 1, 2, 3])
    const build = await made.run()
    expect(await allowedIn(made, build.number, 'news', ['mail'])).toEqual(['u2', 'u3'])
    expect(await allowedIn(made, build.number, 'service', ['mail'])).toEqual(['u1', 'u2', 'u3'])
    expect(await allowedIn(made, build.number, undefined, ['mail'])).toEqual(['u1', 'u2', 'u3'])
    expect(
      JSON.stringify(await tableOf(made.session, { schema: '_cdp', name: ['suppression'] }, ['ident_hash'])),
    ).not.toContain('@')
  },
)
