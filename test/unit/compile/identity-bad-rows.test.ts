import { describe, expect, onTestFinished, test } from 'vitest'
import { failureCode } from '../../../src/report.ts'
import { ENGINES_OF_LONG_BEDS, type Engine } from '../../support/engines.ts'
import { type InlineGraph, inlineGraph } from '../../support/inline-graph.ts'

describe.each(ENGINES_OF_LONG_BEDS)('a source without identifiers, on $title', (engine) => {
  const MODELS = (category: string) => `
sources:
  people: { file: people.csv, key: id, identifiers: { email: email } }
  notes: { file: notes.csv, key: id, category: ${category} }
entities:
  customer: { identifiers: { email: {} } }
`
  const FILES = { 'people.csv': 'id,email\n1,ann@x.fr\n2,\n', 'notes.csv': 'id,note\n1,a\n2,b\n2,c\n,d\n' }

  test('whose rows are no people makes no profiles, and changes nothing', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS('event'), ...FILES })
    expect(await made.counts()).toMatchObject({ profiles: 2, unattributed_people: 0 })
    const before = await made.published()
    made.write({ 'notes.csv': 'id,note\n7,e\n' })
    expect(await made.counts()).toMatchObject({ profiles: 2, created: 0, merged: 0, split: 0 })
    expect(await made.published()).toEqual(before)
  })

  test('whose rows are people makes a profile of every key, on every run', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS('profile'), ...FILES })
    expect(await made.counts()).toMatchObject({ profiles: 4, unattributed_notes: 1 })
    const before = await made.ids()
    expect(Object.keys(before)).toEqual(['email ann@x.fr', 'row:notes 1', 'row:notes 2', 'row:people 2'])
    expect(await made.counts()).toMatchObject({ profiles: 4, created: 0, split: 0 })
    expect(await made.ids()).toEqual(before)
    made.write({ 'notes.csv': 'id,note\n2,b\n3,x\n' })
    await made.run()
    const { 'row:notes 1': _, ...kept } = before
    expect(await made.ids()).toMatchObject(kept)
    expect(Object.keys(await made.ids())).toEqual(['email ann@x.fr', 'row:notes 2', 'row:notes 3', 'row:people 2'])
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('a key that repeats, on $title', (engine) => {
  const MODELS = `
sources:
  people: { file: people.csv, key: id, updated_at: changed, identifiers: { user_id: user_id, email: email } }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
`
  test('joins nobody: only identifiers do', async () => {
    const made = await opened(engine, {
      'models/all.yaml': MODELS,
      'people.csv':
        'id,user_id,email,changed\n1,u1,,2026-01-01\n1,u2,,2026-01-02\n1,u2,b@x.fr,\n1,,c@x.fr,2026-01-03\n',
    })
    await made.run()
    expect(await made.profiles()).toEqual(['email b@x.fr user_id u2', 'email c@x.fr', 'user_id u1'])
  })

  test('makes one profile of all its rows without an identifier, and none of those without a key', async () => {
    const made = await opened(engine, {
      'models/all.yaml': MODELS,
      'people.csv':
        'id,user_id,email,changed\n1,,,2026-01-02\n1,,n/a,2026-01-01\n1,u1,,\n 1 ,,,2026-01-05\n,,,2026-01-01\n"",,,\n',
    })
    expect(await made.counts()).toMatchObject({ profiles: 2, unattributed_people: 2 })
    expect(await made.profiles()).toEqual(['row:people 1', 'user_id u1'])
    const seen = await made.rows('identifiers', 'type', 'first_seen_at', 'last_seen_at')
    expect(seen).toContainEqual(['row:people', '2026-01-01T00:00:00Z', '2026-01-05T00:00:00Z'])
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('timestamps of clocks that go wrong, on $title', (engine) => {
  const MODELS = `
sources:
  events: { table: raw.events, key: n, at: happened, loaded_at: loaded, identifiers: { user_id: u, email: e } }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
`
  const LOADED = ['2099-01-01', '1970-01-01', '0001-01-01', '2026-01-10', '']

  test('of loading, in 2099, in 1970 or missing: rows that come and go are seen at the next run all the same', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS })
    const first = LOADED.map((loaded, at) => ({ loaded, u: `u${at}`, e: `first${at}@x.fr` }))
    const later = LOADED.map((loaded, at) => ({ loaded, u: `u${at}`, e: `later${at}@x.fr` }))
    await load(made, first)
    await made.run()
    const joined = (...mails: readonly string[]) =>
      LOADED.map((_, at) => [...mails.map((mail) => `email ${mail}${at}@x.fr`), `user_id u${at}`].join(' '))
    expect(await made.profiles()).toEqual(joined('first'))
    const ids = await made.ids()

    await load(made, [...first, ...later])
    expect(await made.counts()).toMatchObject({ profiles: 5, created: 0, merged: 0 })
    expect(await made.profiles()).toEqual(joined('first', 'later'))
    expect(await made.ids()).toMatchObject(ids)

    expect(await made.counts()).toMatchObject({ profiles: 5, created: 0, merged: 0, split: 0 })
    expect(await made.profiles()).toEqual(joined('first', 'later'))

    await load(made, first)
    await made.run()
    expect(await made.profiles()).toEqual(joined('first'))
    expect(await made.ids()).toEqual(ids)
  })

  test('one row from 2099 hides no row that comes after it', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS })
    const future = { loaded: '2099-01-01', u: 'u0', e: 'a@x.fr' }
    for (let day = 1; day <= 4; day++) {
      const rows = Array.from({ length: day }, (_, at) => ({ loaded: `2026-10-0${at + 1}`, u: `u${at + 1}`, e: '' }))
      await load(made, [future, ...rows])
      expect(await made.counts()).toMatchObject({ profiles: day + 1 })
    }
  })

  test('of events, in the future or the far past: they join like others, and say when they say it was', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS })
    await load(made, [
      { happened: '2099-12-31', u: 'u1', e: 'a@x.fr' },
      { happened: '0001-01-01', u: 'u1', e: 'b@x.fr' },
      { happened: '', u: 'u1', e: 'c@x.fr' },
      { happened: '', u: 'u2', e: '' },
    ])
    await made.run()
    expect(await made.profiles()).toEqual(['email a@x.fr email b@x.fr email c@x.fr user_id u1', 'user_id u2'])
    expect(await made.rows('', 'first_seen_at', 'last_seen_at')).toEqual([
      ['0001-01-01T00:00:00Z', '2099-12-31T00:00:00Z'],
      [null, null],
    ])
  })

  test('a value that was first seen long ago, as a late row tells, takes no id away', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS })
    await load(made, [{ happened: '2026-01-02', u: 'u1', e: 'a@x.fr' }])
    await made.run()
    const ids = await made.ids()
    await load(made, [
      { happened: '2026-01-02', u: 'u1', e: 'a@x.fr' },
      { happened: '1970-01-01', u: 'u0', e: 'a@x.fr' },
    ])
    await made.run()
    expect(await made.ids()).toEqual({ ...ids, 'user_id u0': ids['user_id u1'] })
  })
})

describe.each(ENGINES_OF_LONG_BEDS)('an empty source after a full one, on $title', (engine) => {
  const MODELS = (more = '') => `
sources:
  people: { file: people.csv, key: id, identifiers: { user_id: user_id, email: email }${more} }
  events: { table: raw.events, category: event, loaded_at: loaded, identifiers: { user_id: u }${more} }
entities:
  customer: { identifiers: { user_id: {}, email: {} } }
`
  const PEOPLE = 'id,user_id,email\n1,u1,ann@x.fr\n2,u2,bob@x.fr\n'
  const NOBODY = 'id,user_id,email\n'

  const full = async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS(), 'people.csv': PEOPLE })
    await made.load("create table raw.events as select 'u3' as u, timestamp '2026-01-01' as loaded")
    await made.run()
    return made
  }

  test('stops the build with the place and the remedy, and what readers see stays', async () => {
    const made = await full()
    const before = await made.published()
    made.write({ 'people.csv': NOBODY })
    await made.load('delete from raw.events')
    const { diagnostics } = await made.refusal()
    expect(diagnostics).toMatchObject([
      { code: 'identity/empty-source', message: expect.stringContaining('"people"'), at: { line: 3 } },
      { code: 'identity/empty-source', message: expect.stringContaining('"events"'), at: { line: 4 } },
    ])
    expect(diagnostics[0]?.message).toContain('at the last published build it had 2')
    expect(diagnostics[0]?.fix).toContain('may_be_empty: true')
    expect(await made.published()).toEqual(before)
    await made.refusal()
    expect(await made.published()).toEqual(before)
  })

  test('is a guard: exit code 4', async () => {
    const made = await full()
    made.write({ 'people.csv': NOBODY })
    expect(failureCode(await made.refusal())).toBe(4)
  })

  test('leaves no trace once the rows are back: ids, merges and splits are as if nothing had been', async () => {
    const made = await full()
    const before = await made.published()
    made.write({ 'people.csv': NOBODY })
    await made.refusal()
    made.write({ 'people.csv': PEOPLE })
    expect(await made.counts()).toMatchObject({ profiles: 3, created: 0, merged: 0, split: 0 })
    expect(await made.published()).toEqual(before)
  })

  test('goes through where the project says that it may be empty; the ids are back with the rows', async () => {
    const made = await full()
    const ids = await made.ids()
    made.write({ 'people.csv': NOBODY, 'models/all.yaml': MODELS(', may_be_empty: true') })
    expect(await made.counts()).toMatchObject({ profiles: 1 })
    expect(await made.profiles()).toEqual(['user_id u3'])
    made.write({ 'people.csv': PEOPLE })
    await made.run()
    expect(await made.ids()).toEqual(ids)
  })

  test('is no matter at the first run', async () => {
    const made = await opened(engine, { 'models/all.yaml': MODELS(), 'people.csv': NOBODY })
    await made.load('create table raw.events (u varchar, loaded timestamp)')
    expect(await made.counts()).toMatchObject({ profiles: 0, identifiers: 0, largest: 0 })
    made.write({ 'people.csv': PEOPLE })
    expect(await made.counts()).toMatchObject({ profiles: 2, created: 2 })
  })

  test('stops the build, too, where it is a list: who must never be one would be merged', async () => {
    const models = (more = '') => `
sources:
  people: { file: people.csv, key: id, identifiers: { user_id: user_id, email: email } }
entities:
  customer:
    identifiers: { user_id: {}, email: {} }
    never_merge: { table: raw.apart, identifiers: { user_id: [l, r] }${more} }
`
    const made = await opened(engine, {
      'models/all.yaml': models(),
      'people.csv': 'id,user_id,email\n1,u1,a@x.fr\n2,u2,a@x.fr\n',
    })
    await made.load("create table raw.apart as select 'u1' as l, 'u2' as r")
    expect(await made.counts()).toMatchObject({ profiles: 2 })
    await made.load('delete from raw.apart')
    expect((await made.refusal()).diagnostics).toMatchObject([{ code: 'identity/empty-source', at: { line: 7 } }])
    made.write({ 'models/all.yaml': models(', may_be_empty: true') })
    expect(await made.counts()).toMatchObject({ profiles: 1, merged: 1 })
  })
})

async function opened(engine: Engine, files: Readonly<Record<string, string>>): Promise<InlineGraph> {
  const made = await inlineGraph(files, engine)
  onTestFinished(() => made.close())
  return made
}

interface Event {
  readonly loaded?: string
  readonly happened?: string
  readonly u: string
  readonly e: string
}

/** Makes these the rows of `raw.events`; what is empty is null. */
async function load(made: InlineGraph, events: readonly Event[]): Promise<void> {
  const cell = (value: string | undefined) => `nullif('${value ?? '2026-01-01'}', '')`
  const time = (value: string | undefined) => `cast(${cell(value)} as timestamptz)`
  const rows = events.map(({ loaded, happened, u, e }, n) => [n, time(loaded), time(happened), cell(u), cell(e)].join())
  const values = rows.map((row) => `(${row})`).join()
  await made.load(
    'drop table if exists raw.events',
    `create table raw.events as select * from (values ${values}) as t(n, loaded, happened, u, e)`,
  )
}
