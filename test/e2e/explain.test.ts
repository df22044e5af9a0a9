import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ALL } from '../support/all.ts'
import { cdp, jsonOf } from '../support/cli.ts'
import { ask } from '../support/database.ts'
import { filledSample } from '../support/filled-sample.ts'

// What the README shows: why people of the sample are one, or are not, word for word.
describe('on the sample project, after one run', { timeout: 120_000 }, () => {
  let directory: string

  beforeAll(async () => {
    const sample = await filledSample()
    directory = sample.directory
    return sample.remove
  }, 120_000)

  test('explain shows a profile with its identifiers and the rows that hold them', async () => {
    const [identity, answers = ''] = (await said('explain', '10001')).split('\n\nTraits\n')
    expect(`${identity}\n`).toBe(`
customer 73ea012f-6ebc-cd81-20c3-c2abcebd8f21
  4 identifiers, 3 rows, seen 2025-08-09 to 2026-10-28

Identifiers
  identifier            joins  rows  first seen  last seen
  user_id 10001         yes       1  2026-10-28  2026-10-28
  crm_id C01231         yes       1  2025-08-09  2025-08-09
  email [hidden #3780]  yes       3  2025-08-09  2026-10-28
  phone [hidden #3781]  yes       2  2025-08-09  2026-10-28

Records
  crm_contacts C01231, 2025-08-09
    crm_id C01231 · email [hidden #3780] · phone [hidden #3781]
  shop_customers 10001, 2026-10-28
    user_id 10001 · email [hidden #3780] · phone [hidden #3781]
  consents 4240, 2026-10-11
    email [hidden #3780]
`)
    expect(answers).toContain(`
  city               Paris
  postal_code        75011
  birth_date         [hidden]
`)
    expect(answers).toContain(`
  lapsed_vips: not in
    models/segments.yaml:13  member_of: vips  is false
    models/segments.yaml:14  last_order_at < \${var:quiet_after} days ago  is null
      last_order_at = null
`)
    expect(answers).toContain(`
  newsletter_readers: in
    models/segments.yaml:21  email is not null and may_email  is true
      email = [hidden]
      may_email = true
`)
  })

  test('explain gives the shortest way between two identifiers of one person', async () => {
    expect(await said('explain', 'user_id:12530', 'C01578')).toBe(`
One customer: 1f8568e2-0b87-24c1-8ae8-fe23a55ec28f
  user_id 12530 and crm_id C01578 are tied by 2 records.

Evidence
  user_id 12530
    └ shop_customers 12530, 2026-04-15
  phone [hidden #625]
    └ crm_contacts C01578, 2026-09-04
  crm_id C01578
`)
  })

  test('explain says what keeps two people apart', async () => {
    expect(await said('explain', '10190', '10194')).toBe(`
Two profiles
  user_id 10190 is customer bfc0d1cc-fb16-b228-a1ca-ba222b1819dd
  user_id 10194 is customer 3cf1eb8d-fc59-1dcf-6e3b-a73a98bf4396

What keeps them apart
  phone [hidden #16] stands in rows of both, but joins nobody (shared): it was seen with 5 values
    of email; max_fanout is 3.
`)
  })

  test('explain says why the tablet in the shop joins nobody, and a phone is found however it is written', async () => {
    expect(await said('explain', 'kiosk-lyon-01')).toMatch(
      /^\nanonymous_id kiosk-lyon-01 joins nobody\n {2}shared: it was seen with 40 values of user_id; max_fanout is 1\. 307 rows of 40 customers hold it\.\n/,
    )
    const [one, other] = [await said('explain', '04 65 71 09 99'), await said('explain', '+33465710999')]
    expect(one).toBe(other)
    expect(one).toContain('customer 1f8568e2-0b87-24c1-8ae8-fe23a55ec28f')
  })

  test('explain never puts personal values into a pipe', async () => {
    const outcome = await cdp(['explain', '10001', '--show-values'], { cwd: directory })
    expect(outcome).toMatchObject({
      code: 0,
      stderr: '--show-values works on a terminal only; personal values are hidden.\n',
    })
    // A line of the project may speak of a domain.
    expect(outcome.stdout).not.toMatch(/\w@|\+33/)
    const document = jsonOf(await cdp(['explain', '10001', '--json'], { cwd: directory }))
    expect(document).toMatchObject({
      version: 1,
      command: 'explain',
      status: 'ok',
      exit_code: 0,
      answer: 'profile',
      errors: [],
    })
    expect(JSON.stringify(document)).not.toMatch(/\w@|\+33/)
  })

  test('explain ends with 2 where an argument is nobody, or several', async () => {
    const nobody = await cdp(['explain', 'nobody@mail.example'], { cwd: directory })
    expect(nobody).toMatchObject({ code: 2, stdout: '' })
    expect(nobody.stderr).toContain('Nothing is known of "nobody@mail.example"')
    expect(await cdp(['explain', 'emial:x@mail.example'], { cwd: directory })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean "email:x@mail.example"?'),
    })
    expect(await cdp(['identity', 'shared', '--limit', '0'], { cwd: directory })).toMatchObject({ code: 2 })
  })

  test('identity shared ranks values by fan-out', async () => {
    expect(await said('identity', 'shared', '--limit', '4')).toBe(`
Identifiers of customer by how many stronger ones they were seen with
  identifier                  seen with   max_fanout  joins        rows
  anonymous_id kiosk-lyon-01  40 user_id           1  no: shared    307
  email [hidden #2862]        22 crm_id            5  no: blocked    38
  email [hidden #428]         16 crm_id            5  no: blocked    40
  email [hidden #1599]        16 crm_id            5  no: blocked    32
`)
  })

  test('identity bridges names the value to cut', async () => {
    expect(await said('identity', 'bridges', '12530')).toBe(`
customer 1f8568e2-0b87-24c1-8ae8-fe23a55ec28f
  12 identifiers hang together by 15 pairs

Values to cut
  without              parts of so many identifiers are left  rows
  phone [hidden #625]  4 + 4 + 2 + 1                             6
  user_id 12530        10 + 1                                    5
  user_id 12531        10 + 1                                   10
  user_id 12534        10 + 1                                    5

Pairs to cut
  between              and                       sides  rows
  user_id 12534        phone [hidden #625]      2 + 10     1
  user_id 12530        anonymous_id b83230fe46  11 + 1     2
  user_id 12531        anonymous_id 05c60374ae  11 + 1     3
  user_id 12534        email [hidden #2710]     11 + 1     4
  email [hidden #624]  phone [hidden #625]      1 + 11     1

  Where phone [hidden #625] joins people who are not one, a rule of phone ("block:", "max_fanout:",
  "limit:") keeps them apart. "cdp identity diff" shows what that changes.
`)
  })

  test('identity diff says what an edited rule merges and splits, and leaves nothing', async () => {
    const before = await tables()
    const path = join(directory, 'models/identity.yaml')
    const written = await readFile(path, 'utf8')
    const edited = written
      .replace('max_fanout: 1 #', 'max_fanout: 2 #')
      .replace('max_fanout: 3 # families', 'block: ["+33465710999"]\n        max_fanout: 3 # families')
    expect(edited.split('\n').length - written.split('\n').length).toBe(1)
    await writeFile(path, edited)
    expect(await said('identity', 'diff')).toBe(`
Compared with build 1, published <time>. Nothing was published.

customer: 9,484 → 9,478 profiles
  the rules have changed; 21,999 → 22,010 identifiers join
  14 profiles become 7, 1 profile falls apart into 2, 0 new, 0 gone

Identifiers
  type          was     becomes  identifiers
  phone         joins   blocked            1
  anonymous_id  shared  joins             12

Merges
  2 profiles become 321c0745-3c5a-1213-42a5-3e22ddfd5131
    321c0745-3c5a-1213-42a5-3e22ddfd5131
      user_id 12445 · crm_id C02055 · email [hidden #1642] · 2 more
    0db86bf8-ae63-9e7a-01f2-bd5fa179ea66, tied by anonymous_id 6647925f56
      user_id 12442 · crm_id C01906 · email [hidden #2449] · 2 more
  2 profiles become e565d22c-3959-d3d9-555c-059a415680ee
    e565d22c-3959-d3d9-555c-059a415680ee
      user_id 10825 · crm_id C00380 · email [hidden #1270] · 2 more
    b5b5a881-be71-7984-5a6f-b3d4b4267b62, tied by anonymous_id c41b917c9b
      user_id 10824 · crm_id C01248 · email [hidden #4706] · 1 more
  2 profiles become 610c2450-c308-0361-8396-91ee0f362bfe
    610c2450-c308-0361-8396-91ee0f362bfe
      user_id 11005 · user_id 61005 · crm_id C00606 · 3 more
    793c1f99-8a1d-482d-510c-7ec457bf58ef, tied by anonymous_id 56ccce8f04
      user_id 11000 · email [hidden #15778] · anonymous_id b655609088
  2 profiles become 938a74b3-458f-29c6-e1f8-2be34c36b989
    938a74b3-458f-29c6-e1f8-2be34c36b989
      user_id 12260 · crm_id C00135 · email [hidden #16834] · 2 more
    db660f9f-476a-43e3-56d3-4e1afd39f38d, tied by anonymous_id 0428385a20
      user_id 12261 · crm_id C01618 · email [hidden #16136] · 1 more
  2 profiles become 122a3da7-ca09-7c48-5dcd-67d91aec8e53
    122a3da7-ca09-7c48-5dcd-67d91aec8e53
      user_id 10463 · email [hidden #6161] · anonymous_id 1d584602fe
    f9c2f981-6426-8d9f-b10d-23fa77b126fc, tied by anonymous_id 3b3c1a3526
      user_id 10462 · crm_id C03478 · email [hidden #5307] · 2 more
  … and 2 more like that

Splits
  1f8568e2-0b87-24c1-8ae8-fe23a55ec28f becomes 2 profiles
    1f8568e2-0b87-24c1-8ae8-fe23a55ec28f
      user_id 12530 · user_id 12531 · crm_id C01578 · 6 more
    e49b877b-4998-e1b7-e435-ca529fe5e5b1, parted by phone [hidden #625]
      user_id 12534 · email [hidden #2710]

Sizes
  identifiers  profiles published    now
  1                         4,748  4,748
  2                           885    884
  3 to 5                    3,571  3,560
  6 to 10                     279    285
  11 to 20                      1      1

Largest
  published                             size  now                                   size
  1f8568e2-0b87-24c1-8ae8-fe23a55ec28f    12  321c0745-3c5a-1213-42a5-3e22ddfd5131    11
  032e0936-9411-a4fa-aa4a-253a36dbc9c9     9  1f8568e2-0b87-24c1-8ae8-fe23a55ec28f    10
  07c1ad0d-f286-9339-00b6-02161349227e     9  610c2450-c308-0361-8396-91ee0f362bfe    10
  6d6d9bf1-943d-3280-05e7-8f7a1116115c     9  938a74b3-458f-29c6-e1f8-2be34c36b989    10
  e21def27-9acc-c2c1-7fda-d82fb1ca79a0     8  e565d22c-3959-d3d9-555c-059a415680ee    10
`)
    // Everyday the tests of the diff itself stand for these.
    if (ALL) {
      const document = jsonOf(await cdp(['identity', 'diff', '--json'], { cwd: directory }))
      expect(document).toMatchObject({ version: 1, command: 'identity diff', exit_code: 0, guard: [], errors: [] })
      await writeFile(path, `${edited}    guard: { max_merge_rate: 0.01% }\n`)
      const guarded = await said('identity', 'diff')
      expect(guarded).toMatch(/^A guard stops "cdp run" here\n {2}\d+ of the 9,484 profiles of "customer" would merge/m)
    }
    await writeFile(path, written)
    expect(await tables()).toEqual(before)
  })

  /** What a command prints, on a page of 100 columns; the time of the publish is another one on every run. */
  async function said(...args: readonly string[]): Promise<string> {
    const outcome = await cdp(args, { cwd: directory, env: { COLUMNS: '100' } })
    expect(outcome.code, outcome.stderr).toBe(0)
    return `\n${outcome.stdout.replace(/published \d{4}-\d\d-\d\d \d\d:\d\d UTC/, 'published <time>')}`
  }

  /** Tables and views by name. */
  async function tables(): Promise<readonly unknown[]> {
    const query = `select table_schema || '.' || table_name as name from information_schema.tables order by 1`
    const rows = await ask(query, join(directory, '.cdp/warehouse.duckdb'))
    return rows.map(({ name }) => name)
  }
})
