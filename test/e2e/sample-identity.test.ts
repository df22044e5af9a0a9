import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Session } from '../../src/warehouses/warehouse.ts'
import { copyProject } from '../support/cli.ts'
import { emptyCells, publishedSample } from '../support/sample-graph.ts'
import { tableOf } from '../support/warehouse.ts'
import { written } from '../support/written.ts'

/** A value that many people of the sample share, as it is written in the data and as it stands in the graph. */
interface Shared {
  readonly type: 'email' | 'phone' | 'anonymous_id'
  readonly written: readonly string[]
  readonly value: string
  readonly standing: 'blocked' | 'shared'
  /** How many people of the truth have it in a row that names an account or a card of theirs; 0: rows of nobody. */
  readonly people: number
}

const NOT_VALID = '(not valid)'

/** `JUNK_EMAILS`, `JUNK_PHONES` and the visits of examples/data: see people.mjs and sources.mjs. */
const SHARED: Readonly<Record<string, Shared>> = {
  'the shared inbox': {
    type: 'email',
    written: ['info@lanterne.example'],
    value: 'info@lanterne.example',
    standing: 'blocked',
    people: 30,
  },
  'the inbox that nobody reads': {
    type: 'email',
    written: ['noreply@lanterne.example'],
    value: 'noreply@lanterne.example',
    standing: 'blocked',
    people: 25,
  },
  'a placeholder address': {
    type: 'email',
    written: ['test@test.com'],
    value: 'test@test.com',
    standing: 'blocked',
    people: 30,
  },
  'another placeholder address': {
    type: 'email',
    written: ['none@none.com'],
    value: 'none@none.com',
    standing: 'blocked',
    people: 23,
  },
  'what is no address': {
    type: 'email',
    written: ['n/a', 'x', 'NULL'],
    value: NOT_VALID,
    standing: 'blocked',
    people: 72,
  },
  'a placeholder phone': {
    type: 'phone',
    written: ['0000000000', '00 00 00 00 00', 'n/a', '-', '0606'],
    value: NOT_VALID,
    standing: 'blocked',
    people: 115,
  },
  'the kiosk in the shop': {
    type: 'anonymous_id',
    written: ['kiosk-lyon-01'],
    value: 'kiosk-lyon-01',
    standing: 'shared',
    people: 40,
  },
  'the word of browsers without a cookie': {
    type: 'anonymous_id',
    written: ['anonymous'],
    value: 'anonymous',
    standing: 'blocked',
    people: 0,
  },
}

describe('in the sample project', { timeout: 120_000 }, () => {
  let session: Session
  let directory: string

  beforeAll(async () => {
    const copy = await copyProject()
    directory = copy.directory
    session = await publishedSample(directory)
    await loadTruth(session, join(directory, 'examples/data'))
    return async () => {
      await session.close()
      await copy.remove()
    }
  })

  for (const [name, shared] of Object.entries(SHARED))
    test(`${name} joins nobody: as many profiles as people who have it`, async () => {
      const { type, value, people } = shared
      expect(await standingOf(session, shared)).toEqual(standing(shared.standing))
      const joining = await session.first(
        written(`
          select count(*) as profiles
          from cdp.customer_identifiers
          where type = '${type}' and value = '${value}' and joins`),
      )
      expect(joining).toEqual({ profiles: '0' })
      expect(await holders(shared)).toEqual({ people: String(people), profiles: String(people) })
    })

  test('the kiosk is kept on the profile of each of the forty who signed in on it', async () => {
    const kept = await session.first(
      written(`
        select count(*) as rows, count(distinct profile_id) as profiles
        from cdp.customer_identifiers
        where type = 'anonymous_id' and value = 'kiosk-lyon-01' and not joins`),
    )
    expect(kept).toEqual({ rows: '40', profiles: '40' })
    const refused = await tableOf(session, { schema: 'cdp', name: ['customer_refused_edges'] }, ['value_b', 'reason'])
    expect(refused.filter(([value]) => value === 'kiosk-lyon-01').map(([, reason]) => reason)).toEqual(
      Array(40).fill('max_fanout'),
    )
  })

  test('the shared inboxes join nobody without a block list either: too many accounts are behind them', async () => {
    const path = join(directory, 'models/identity.yaml')
    const models = await readFile(path, 'utf8')
    await writeFile(path, models.replace(/^ *block: .*noreply.*$/m, ''))
    const unblocked = await publishedSample(directory)
    await writeFile(path, models)
    expect(await standingOf(unblocked, SHARED['the shared inbox'])).toEqual(standing('shared'))
    expect(await profiles(unblocked)).toEqual(await profiles(session))
    await unblocked.close()
  })

  test('nobody would be another person if these values did not exist', async () => {
    const before = await profiles(session)
    const files = ['crm_contacts.csv', 'shop_customers.csv', 'orders.csv', 'web_events.csv']
    const values = Object.values(SHARED).flatMap((shared) => shared.written)
    const counts = await Promise.all(files.map((file) => emptyCells(directory, file, values)))
    expect(counts.every((count) => count > 20)).toBe(true)
    const without = await publishedSample(directory)
    expect(await profiles(without)).toEqual(before)
    await without.close()
  })

  /** The people who, by the truth, have a value in a row that names an account or a card, and their profiles. */
  function holders({ type, written: words }: Shared) {
    return session.first(
      written(`
        select count(distinct t.person) as people, count(distinct i.profile_id) as profiles
        from truth.rows as t
        join cdp.customer_identifiers as i on i.type = t.type and i.value = t.value and i.joins
        where t.${type} in (${words.map((word) => `'${word}'`).join(', ')})`),
    )
  }
})

/** Rows that name an account or a card: what else they say, and whose they truly are. */
async function loadTruth(session: Session, folder: string): Promise<void> {
  const csv = (file: string) => `read_csv('${folder}/${file}.csv', all_varchar = true)`
  await session.script([
    written('create schema truth'),
    written(`
      create table truth.rows as
      with rows as (
        select 'crm_contacts' as source, contact_id as key, email, mobile as phone, null as anonymous_id, 'crm_id' as type, contact_id as value
        from ${csv('crm_contacts')}
        union all
        select 'shop_customers', user_id, email, phone, null, 'user_id', user_id from ${csv('shop_customers')}
        union all
        select 'orders', order_id, billing_email, phone, null, 'user_id', user_id from ${csv('orders')}
        union all
        select 'web_events', event_id, email, null, anonymous_id, 'user_id', user_id from ${csv('web_events')}
      )
      select r.*, t.person
      from rows as r
      join ${csv('truth')} as t on t.source = r.source and t.key = r.key`),
  ])
}

/** What became of a value in the graph. */
async function standingOf(session: Session, shared: Shared | undefined) {
  return session.first(
    written(`
      select g.standing, g.profile, g.cluster
      from _cdp.customer_graph as g
      join _cdp.customer_values as v on v.node_id = g.node_id
      where v.type = '${shared?.type}' and v.value = '${shared?.value}'`),
  )
}

/** Of a value that is in no profile. */
function standing(word: Shared['standing']) {
  return { standing: word, profile: null, cluster: null }
}

/** The profile id of every identifier that joins. */
async function profiles(session: Session): Promise<readonly string[]> {
  const view = { schema: 'cdp', name: ['customer_identifiers'] }
  const rows = await tableOf(session, view, ['type', 'value', 'profile_id', 'joins'])
  return rows.filter(([, , , joins]) => joins === 'true').map((row) => row.join(' '))
}
